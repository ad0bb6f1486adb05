"""The one exception that means "the input is wrong", as opposed to "the program is wrong"."""

import re

_LONGEST = 1000  # characters of a line
_BREAKS = re.compile(r"\s*[\t\n\v\f\r\x1c-\x1f\x85\u2028\u2029]\s*")


class UserError(Exception):
    """A mistake that the user can fix: one line that names the thing and the fix.

    The command line prints it without a traceback and exits with code 2; the debugger shows it
    in its status line. Names of files and contents of files get into it, so whatever the text
    holds is made one printable line.
    """

    def __init__(self, text: str) -> None:
        super().__init__(one_line(text))


class NobodyFoundError(UserError):
    """A photo in which no person was found: nothing else is wrong with it."""


def one_line(text: str) -> str:
    """A text as one printable line: breaks become spaces, what else cannot be printed is escaped.

    A raw escape sequence of a foreign file would colour or clear the user's terminal.
    """
    return escaped(_BREAKS.sub(" ", text[: 4 * _LONGEST]).strip())[:_LONGEST]


def escaped(text: str) -> str:
    r"""A text whose characters are all printable: others are written as ``\n`` or ``\x1b``."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
