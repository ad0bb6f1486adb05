"""Answers that come piece by piece: the worker holds the rest of the one that is asked for."""

from __future__ import annotations

from collections.abc import Iterator

from app.protocol.backend import Backend
from app.protocol.events import Searched
from app.protocol.search import Findings, Search
from app.worker.runs import HeldRun
from core.errors import UserError


class Searcher:
    """Takes one piece at a time, and forgets what is no longer asked for."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._due: Search | None = None
        self._pieces: Iterator[Findings] = iter(())

    def answer(self, held: HeldRun, command: Search) -> Searched:
        """The next piece; an answer whose rest is not held begins anew.

        Raises:
            UserError: nothing can be found.
        """
        known = command.known
        if command != self._due:
            known, step, inquiry = 0, command.step, command.inquiry
            self._pieces = self._backend.search(held.observed, held.fit, step, inquiry)
        self._due = None
        found = next(self._pieces, None)
        if found is None:
            raise UserError("there is nothing to be found here")
        self._due = Search(*command.key, command.step, command.inquiry, known + 1)
        return Searched(*command.key, command.step, command.inquiry, known + 1, found)
