"""The worker's threads."""

import threading
import time

from app.worker.threads import AnsweringThread


def guard(_command, action):
    action()


def test_it_prepares_only_while_nothing_is_asked():
    did, left, first = [], [3], threading.Event()

    def prepare():
        first.wait(5)
        left[0] -= 1
        did.append("prepared")
        return left[0] > 0

    thread = AnsweringThread(did.append, guard, prepare)
    for command in ("a", "b", "c"):
        thread.queue.put(command)
    first.set()
    limit = time.monotonic() + 10
    while len(did) < 6 and time.monotonic() < limit:
        time.sleep(0.01)
    thread.close()
    assert [what for what in did if what != "prepared"] == ["a", "b", "c"]
    between = did[did.index("a") : did.index("c")]
    assert "prepared" not in between and did.count("prepared") == 3


def test_closing_ends_it_after_what_it_is_at():
    begun, did = threading.Event(), []

    def answer(command):
        begun.set()
        time.sleep(0.1)
        did.append(command)

    thread = AnsweringThread(answer, guard, lambda: False)
    thread.queue.put("long")
    thread.queue.put("never")
    begun.wait(5)
    thread.close()
    assert did == ["long"] and not thread._thread.is_alive()
