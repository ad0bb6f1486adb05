"""A worker's process, spoken to over its pipe."""

import time

from app.link import Link
from tests.app.preloaded import PreloadedLink

PATIENCE = 60.0


class Talk:
    """A link with the patience to wait for an answer; all events are kept.

    Args:
        program: start the engine as the debugger does.
    """

    def __init__(self, factory, program=False):
        self.link = (Link if program else PreloadedLink)(factory, {})
        self.events, self.waiting = [], []

    def ask(self, command, kind):
        self.link.send(command)
        return self.wait(kind)

    def wait(self, kind):
        """The next event of a kind, of those that have not been waited for."""
        limit = time.monotonic() + PATIENCE
        while time.monotonic() < limit:
            while self.waiting:
                event = self.waiting.pop(0)
                self.events.append(event)
                if isinstance(event, kind):
                    return event
            self.waiting += self.link.receive()
            time.sleep(0.002)
        raise AssertionError(f"no {kind.__name__}; got {self.events}")

    def all(self, kind):
        return [event for event in self.events if isinstance(event, kind)]
