"""Commands: messages from the window to the worker."""

from __future__ import annotations

from dataclasses import dataclass

from app.geometry.orbit import Orbit
from app.protocol.run import OfRun, Run, RunKey


@dataclass(frozen=True)
class Begin:
    """Begin another run of an image that is open, without taking a step."""

    image: int
    run: Run

    @property
    def key(self) -> RunKey:
        """The run that begins."""
        return self.image, self.run.id


@dataclass(frozen=True)
class Open(Begin):
    """Read an image, and begin its first run without taking a step."""

    path: str


@dataclass(frozen=True)
class Forget(OfRun):
    """Drop a run and its trace; the image goes with its last run."""


@dataclass(frozen=True)
class Continue(OfRun):
    """Take steps until a `Pause`."""


@dataclass(frozen=True)
class Pause(OfRun):
    """Take no more steps."""


@dataclass(frozen=True)
class Step(OfRun):
    """Take one step."""


@dataclass(frozen=True)
class PaintInput(OfRun):
    """Send the image and its observed features."""


@dataclass(frozen=True)
class Paint(OfRun):
    """Paint the pictures of one recorded step."""

    step: int
    opacity: float


@dataclass(frozen=True)
class Turn(OfRun):
    """Paint the body of one recorded step as the mouse has turned it."""

    step: int
    orbit: Orbit
    width: int
    height: int


@dataclass(frozen=True)
class Quit:
    """End the process."""


Command = Begin | Open | Forget | Continue | Pause | Step | PaintInput | Paint | Turn | Quit
