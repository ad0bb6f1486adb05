"""The command line as users meet it: exit codes, one line for a mistake, quick help."""

import dataclasses
import json
import os
import resource
import signal
import subprocess
import sys

import pytest

from core import cli
from core.commands import Command, find_commands


def run(*arguments, **options):
    command = [sys.executable, "-m", "core.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def test_help_lists_every_command_and_is_quick(root):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = run("--help", cwd=root)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Processor time: the machine may be busy with other things.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.5
    assert done.returncode == 0
    for name, command in find_commands().items():
        assert f"  {name} " in done.stdout
        assert command.summary.endswith("."), f"{name}: its module's docstring is its help"


def test_help_does_not_import_torch():
    code = (
        "import sys; from core.cli import main; main(['--help']); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


@pytest.mark.parametrize("name", sorted(find_commands()))
def test_each_command_has_help_with_examples(name, capsys):
    assert cli.main([name, "--help"]) == 0
    text = capsys.readouterr().out
    assert f"usage: nbf {name}" in text
    assert "Examples:" in text
    assert f"    nbf {name}" in text


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["tset"], "no command 'tset'"),
        (["assets", "--jsn"], "Unrecognized options: --jsn (see nbf assets --help)"),
        (["doctor", "--body"], "--body"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(arguments, complaint, capsys):
    assert cli.main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("nbf: ")
    assert complaint in captured.err


def test_without_a_command_the_debugger_opens(capsys):
    # There is no display here, and that is what the debugger says.
    assert cli.main([]) == 2
    assert "no display" in capsys.readouterr().err


def test_version(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("nbf 0.")


COMMAND = '''"""Raise what is asked for.

Examples:
    nbf raise
"""
from dataclasses import dataclass

@dataclass(frozen=True)
class Options:
    kind: str = "none"
    """What to raise."""

def run(options):
    import errno, os, signal
    from core.errors import UserError
    if options.kind == "terminate":
        os.kill(os.getpid(), signal.SIGTERM)
    errors = {"user": UserError("no x.png; name another"), "interrupt": KeyboardInterrupt()}
    errors["escape"] = UserError("no \\x1b[31m\\n.png")
    errors["full"] = OSError(errno.ENOSPC, "No space left", "x.csv")
    if options.kind in errors:
        raise errors[options.kind]
    return 7
'''


@pytest.fixture
def raising(tmp_path, monkeypatch):
    (tmp_path / "raising_command.py").write_text(COMMAND)
    monkeypatch.syspath_prepend(tmp_path)
    commands = {"raise": Command("raise", "raising_command")}
    monkeypatch.setattr(cli, "find_commands", lambda: commands)


def test_exit_codes(raising, capsys):
    assert cli.main(["raise"]) == 7
    assert cli.main(["raise", "--kind", "user"]) == 2
    assert capsys.readouterr().err == "nbf: no x.png; name another\n"
    assert cli.main(["raise", "--kind", "interrupt"]) == 130
    assert cli.main(["raise", "--kind", "terminate"]) == 143
    assert cli.main(["raise", "--kind", "full"]) == 2
    assert cli.main(["raise", "--kind", "escape"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert said == [
        "nbf: interrupted",
        "nbf: terminated",
        "nbf: cannot write x.csv: No space left",
        r"nbf: no \x1b[31m .png",
    ]
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


@pytest.mark.parametrize("arguments", [["--help"], ["assets", "--json"], ["fit", "--help"]])
def test_output_that_nobody_reads_or_that_has_no_room_is_no_traceback(arguments, root):
    command = [sys.executable, "-m", "core.cli", *arguments]
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(command, cwd=root, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")
    if os.path.exists("/dev/full"):  # noqa: PTH110
        with open("/dev/full", "w") as full:
            done = subprocess.run(command, cwd=root, stdout=full, stderr=subprocess.PIPE)
        assert done.returncode == 2
        assert done.stderr == b"nbf: cannot write the output: No space left on device\n"


def test_threads_are_an_option_of_all_that_computes():
    for name in ("app", "bench", "eval", "fit", "synth", "train", "why"):
        options = find_commands()[name].load().Options
        assert "threads" in {field.name for field in dataclasses.fields(options)}, name


@pytest.mark.parametrize("count", [1, 3])
def test_threads_reach_the_libraries_and_children(count):
    code = (
        f"from core.threads import use_threads\nuse_threads({count})\nuse_threads(0)\n"
        "import subprocess, sys, torch, cv2\nprint(torch.get_num_threads(), cv2.getNumThreads())\n"
        "subprocess.run([sys.executable, '-c', 'import torch; print(torch.get_num_threads())'])"
    )
    environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    done = subprocess.run([sys.executable, "-uc", code], capture_output=True, env=environment)
    here, child = done.stdout.decode().splitlines()
    assert here == f"{count} {count}"
    assert int(child) == min(count, os.cpu_count())  # PyTorch takes no more from the environment


def test_summary_comes_from_the_docstring(raising):
    assert "  raise   Raise what is asked for." in cli.overview(cli.find_commands())


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--preset", "huge"], "invalid choice 'huge' for argument '--preset'"),
        (["--shards"], "Missing value for argument '--shards'. Expected 1 values (see"),
        ([], "--shards PATH, "),
        (["--steps", "many", "--shards", "a"], "--out PATH must be given (see nbf train --help)\n"),
    ],
)
def test_frames_become_one_line_in_every_terminal(arguments, reason, encoding, root):
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    done = run("train", *arguments, cwd=root, env=environment)
    assert done.returncode == 2
    assert done.stderr.startswith("nbf: ")
    assert done.stderr.count("\n") == 1
    assert reason in done.stderr


def test_assets_as_json(capsys):
    code = cli.main(["assets", "--json"])
    listed = json.loads(capsys.readouterr().out)
    assert code == int(any(asset["status"] != "ok" for asset in listed))
    assert {"name", "size", "sha256", "card", "status"} <= set(listed[0])


LEAVING = """
import atexit, os, threading
from core.processes import leave
atexit.register(lambda: os.write(1, b"handler "))
left = threading.Event()
thread = threading.Thread(target=lambda: left.wait() and os.write(1, b"thread "))
{start}
leave(3)
os.write(1, b"goes on ")
left.set()
"""


@pytest.mark.parametrize(
    ("start", "said", "code"),
    [("", b"handler ", 3), ("thread.start()", b"goes on thread handler ", 0)],
)
def test_a_process_leaves_at_once_unless_a_thread_is_at_work(start, said, code):
    command = [sys.executable, "-c", LEAVING.format(start=start)]
    done = subprocess.run(command, capture_output=True, check=False)
    assert (done.stdout, done.returncode) == (said, code)
