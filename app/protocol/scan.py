"""What a run does from step to step, and how two runs differ, as an engine and a worker say it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class ScanKind(Enum):
    """What the worker can look for in all steps of a run."""

    MOVEMENT = "movement"
    """The largest way of a joint since the step before: metres, and the joint's name."""
    FLIPS = "flips"
    """Share of the body's pixels, inside it before and now, whose p(z = 1) crosses 1/2."""


@dataclass(frozen=True)
class Change:
    """What a step changes.

    Attributes:
        amount: see `ScanKind`.
        where: in words; empty if it is nowhere in particular.
    """

    amount: float
    where: str = ""


@dataclass(frozen=True)
class JointDifference:
    """How far a joint is from itself in another run.

    Attributes:
        name: in words.
        distance: metres, both in the photo's camera frame.
        aligned: metres, with the roots (the first joints) on each other, without any turn.
    """

    name: str
    distance: float
    aligned: float
