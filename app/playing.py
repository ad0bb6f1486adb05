"""What goes on by itself: the steps that play, and the two runs that take turns on screen."""

from __future__ import annotations

from dataclasses import dataclass, field

RATES = (0.5, 60.0)
"""Steps that can be shown in a second."""
STRIDES = (1, 2, 5, 10, 25)
"""Steps from one that is shown to the next, in the order in which a key goes through them."""
BLINKS = (0.2, 10.0)
"""Turns of two runs in a second."""


@dataclass
class Beat:
    """Something that happens again and again while it is on.

    Attributes:
        rate: how often a second, at most.
        due: when it happens next, in seconds of any clock; None if it has just been switched on.
    """

    rate: float
    on: bool = False
    due: float | None = None

    def switch(self, on: bool) -> None:
        """Begin or end; the first time comes after a whole turn."""
        self.on, self.due = on, None

    def left(self, now: float) -> float:
        """Seconds until it happens; at most 0 if it is time."""
        if self.due is None:
            self.due = now + 1 / self.rate
        return self.due - now

    def happened(self, now: float) -> None:
        """It has happened: the next time keeps the beat, unless that was missed."""
        beat = 1 / self.rate
        self.due = now + beat if self.due is None else max(self.due + beat, now + beat / 2)


@dataclass
class Playing:
    """How steps play.

    Attributes:
        steps: goes to the next step, once the pictures of the last one are on screen.
        loop: begin again after the last step.
        stride: every how many steps; also of the arrow keys.
        turns: shows the other one of two runs, once the pictures of both are there.
        other: the run that is compared with is on screen, not the shown one.
    """

    steps: Beat = field(default_factory=lambda: Beat(12.0))
    loop: bool = False
    stride: int = 1
    turns: Beat = field(default_factory=lambda: Beat(2.0))
    other: bool = False

    def stop(self) -> None:
        """Play no more."""
        self.steps.switch(False)

    def next_step(self, step: int, last: int) -> int | None:
        """The step after this one; None after the last."""
        if step < last:
            return min(step + self.stride, last)
        return 0 if self.loop else None
