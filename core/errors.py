"""The one exception that means "the input is wrong", as opposed to "the program is wrong"."""


class UserError(Exception):
    """A mistake that the user can fix: one line that names the thing and the fix.

    The command line prints it without a traceback and exits with code 2; the debugger shows it
    in its status line.
    """


class NobodyFoundError(UserError):
    """A photo in which no person was found: nothing else is wrong with it."""
