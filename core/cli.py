"""`nbf`: the command line.

Exit codes: 0 done, 1 a check failed or some of several inputs did, 2 bad input (one line on
standard error names it and the fix), 130 interrupted, 143 terminated, 141 nobody reads the output
any more. Anything else that goes wrong is a bug and shows a traceback.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Sequence
from typing import Any

from core.commands import Command, find_commands
from core.errors import UserError
from core.io.files import printable
from core.processes import Terminated, leave, raise_terminated, rarely_collect

DEFAULT = "app"
BAD_INPUT = 2
INTERRUPTED, UNREAD, TERMINATED = 130, 141, 143
"""128 and the signal's number, as shells report a program that a signal ended."""
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What systems say when a disk, a quota or a limit is full."""

_HEAD = """\
usage: nbf [COMMAND] [OPTIONS]

Fit a neural body volume to photographs, and see why a fit fails.
Without a command, the debugger opens (nbf app).
"""
_TAIL = """\
options:
  -h, --help   this text; `nbf COMMAND --help` describes one command, with examples
  --version    print the version

examples:
  nbf app photo.jpg              open the debugger on a photo
  nbf fit photo.jpg --out runs   the same fit without a window
  nbf doctor                     what works on this machine, and how to fix what does not
"""


def main(argv: Sequence[str] | None = None, commands: dict[str, Command] | None = None) -> int:
    """Run one command; the exit code.

    Args:
        argv: the command's name and its options; those of the process by default.
        commands: all that there are; by default those that are installed.
    """
    # Before PyTorch is loaded: its threads must not spin while they wait for work, or the machine
    # is several times slower as soon as another program wants the cores.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the caller
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        with raise_terminated():
            code = _dispatch(arguments, find_commands() if commands is None else commands)
            sys.stdout.flush()  # as long as an error can still be told
        return code
    except UserError as error:
        return _end(BAD_INPUT, str(error))
    except Terminated:
        return _end(TERMINATED, "terminated")
    except KeyboardInterrupt:
        return _end(INTERRUPTED, "interrupted")
    except BrokenPipeError:
        return _end(UNREAD, "")
    except SystemExit as stop:
        if not isinstance(stop.__context__, BrokenPipeError):  # rich has made it of one
            raise
        return _end(UNREAD, "")
    except OSError as error:
        if error.errno not in FULL:
            raise
        return _end(BAD_INPUT, f"cannot write {error.filename or 'the output'}: {error.strerror}")


def run_process() -> int:
    """`main` for a process that does nothing else; it ends at once when that is done."""
    rarely_collect()
    code = main()
    leave(code)
    return code


def _end(code: int, said: str) -> int:
    """Say why the command ends, and let nothing be written after it."""
    with contextlib.suppress(OSError):
        if said:
            print(f"nbf: {printable(said)}", file=sys.stderr)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # closed or full: Python would try again at its end, and complain
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return code


def _dispatch(arguments: list[str], commands: dict[str, Command]) -> int:
    name, rest = (arguments[0], arguments[1:]) if arguments else (DEFAULT, [])
    if name in ("-h", "--help"):
        print(overview(commands))
        return 0
    if name == "--version":
        from importlib.metadata import version

        print(f"nbf {version('nbf')}")
        return 0
    if name not in commands:
        raise UserError(f"no command {name!r}; there are {', '.join(commands)} (see nbf --help)")
    command = commands[name]
    module = command.load()
    options = parse(command, module.Options, rest)
    if options is None:
        return 0
    if hasattr(options, "threads"):
        from core.commands._checks import check_range
        from core.threads import MOST, use_threads

        check_range("--threads", options.threads, 0, MOST)
        use_threads(options.threads)
    return module.run(options)


def overview(commands: dict[str, Command]) -> str:
    """The text of ``nbf --help``."""
    width = max(len(name) for name in commands)
    lines = [f"  {name:<{width}}   {command.summary}" for name, command in commands.items()]
    return "\n".join([_HEAD, "commands:", *lines, "", _TAIL.rstrip()])


def parse(command: Command, options: type, arguments: list[str]) -> Any:
    """The options of one command, or None when only help was asked for.

    Raises:
        UserError: an option is unknown, missing or has a value it cannot have.
    """
    import tyro

    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            return tyro.cli(
                options,
                prog=f"nbf {command.name}",
                description=command.description,
                args=arguments,
                config=(tyro.conf.FlagCreatePairsOff,),
            )
    except SystemExit as stop:
        if not stop.code:
            return None
        reason = first_complaint(complaint.getvalue())
        raise UserError(f"{reason} (see nbf {command.name} --help)") from None


def first_complaint(box: str) -> str:
    """The reason out of tyro's framed message, on one line.

    The first part of the frame is the reason, further parts are advice; where the terminal has no
    Unicode the frame is made of dashes.
    """
    lines = [line.strip("│ ") for line in box.splitlines()]
    rulers = [i for i, line in enumerate(lines) if line[:1] in {*"╭─╰"} or set(line) == {"-"}]
    if len(rulers) < 2:
        return " ".join(box.split())
    reason = lines[rulers[0] + 1 : rulers[1]]
    missing = [line for line in reason if line.startswith("--")]
    if missing and reason[0].startswith("Missing from"):
        return f"{', '.join(missing)} must be given"
    return " ".join(reason).rstrip(".")


if __name__ == "__main__":
    sys.exit(run_process())
