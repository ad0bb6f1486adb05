"""Answers to why, kept for each step."""

from __future__ import annotations

from collections import OrderedDict

from app.protocol.backend import Backend
from app.protocol.commands import Probe
from app.protocol.events import Probed
from app.protocol.why import Answer
from app.worker.runs import HeldRun

ANSWERS_KEPT = 256
"""A few kB each: a recorded step never changes."""


class Explainer:
    """Asks the engine, once for each question."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._answers: OrderedDict[Probe, Answer] = OrderedDict()

    def answer(self, held: HeldRun, command: Probe) -> Probed:
        """Why a pixel or a joint of a step is as it is."""
        if command not in self._answers:
            step, target = command.step, command.target
            self._answers[command] = self._backend.explain(held.observed, held.fit, step, target)
        self._answers.move_to_end(command)
        while len(self._answers) > ANSWERS_KEPT:
            self._answers.popitem(last=False)
        return Probed(*command.key, command.step, command.target, self._answers[command])
