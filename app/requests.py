"""Questions to the worker of which only the newest matters."""

from __future__ import annotations

from dataclasses import dataclass

from app.protocol.commands import Command


@dataclass
class Request:
    """Latest-wins asking: one question is on its way at most; a newer one replaces the waiting."""

    asked: Command | None = None
    waiting: Command | None = None

    def ask(self, question: Command) -> list[Command]:
        """Send the question now, or when the answer to the one on its way has come."""
        if self.asked is None:
            self.asked = question
            return [question]
        self.waiting = None if question == self.asked else question
        return []

    def answered(self) -> list[Command]:
        """The answer has come: send what has been waiting."""
        self.asked = None
        question, self.waiting = self.waiting, None
        return self.ask(question) if question else []
