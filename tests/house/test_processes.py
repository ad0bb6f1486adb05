"""Programs that we run end with what they were run for."""

import os
import sys
import threading
import time

import pytest

from core.processes import complaint

SLEEP = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(60)"


def is_gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_program_that_takes_too_long_is_ended(tmp_path):
    said = complaint([sys.executable, "-c", SLEEP, str(tmp_path / "pid")], 1.0)
    assert said == "no answer in 1 s" and is_gone(int((tmp_path / "pid").read_text()))


def test_an_interrupt_ends_the_program(tmp_path):
    pid = tmp_path / "pid"

    def interrupt():
        while not (pid.exists() and pid.read_text()):
            time.sleep(0.01)
        os.kill(os.getpid(), 2)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        complaint([sys.executable, "-c", SLEEP, str(pid)], 30.0)
    assert is_gone(int(pid.read_text()))


def test_a_program_gets_the_environment_and_all_its_words_fit():
    code = "import os, sys; sys.exit('x\\n' * 99999 + os.environ['NBF_WORD'])"
    assert complaint([sys.executable, "-c", code], 30.0, NBF_WORD="last") == "last"
