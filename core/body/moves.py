"""What a person does to a body by hand, as data: it can be stored, shown and done again.

A *move* changes the body at once: a run that branches with moves begins at the moved body. A *wish*
is soft: a place in the photo where a joint should be, with a sigma; it is evidence like a detected
point. `core.fit.by_hand` does both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.body.names import JOINT_NAMES
from core.body.numbers import check_parameter
from core.errors import UserError

MAX_MOVES = 64
FARTHEST = 1e5  # pixels or metres
SIGMAS = 0.5, 500.0
"""Least and largest sigma of a wish, pixels of the photo."""


@dataclass(frozen=True)
class Drag:
    """A joint is brought to a pixel of the photo, see `core.fit.reach`.

    Raises:
        UserError: there is no such joint, or the place makes no sense.
    """

    joint: str
    x: float
    y: float
    kind: Literal["drag"] = "drag"

    def __post_init__(self) -> None:
        _check_place(self.joint, self.x, self.y)

    @property
    def text(self) -> str:
        """In words."""
        return f"{self.joint} to {self.x:.0f},{self.y:.0f}"


@dataclass(frozen=True)
class Pull:
    """A joint is brought to a place in the frame of the photo's camera, metres.

    Raises:
        UserError: there is no such joint, or the place makes no sense.
    """

    joint: str
    x: float
    y: float
    z: float
    kind: Literal["pull"] = "pull"

    def __post_init__(self) -> None:
        _check_place(self.joint, self.x, self.y, self.z)

    @property
    def text(self) -> str:
        """In words."""
        return f"{self.joint} to {self.x:.2f}, {self.y:.2f}, {self.z:.2f} m"


@dataclass(frozen=True)
class Value:
    """A parameter of `core.fit.sweep` gets another value; angles count from where they are.

    Raises:
        UserError: there is no such parameter, or the value makes no sense.
    """

    parameter: str
    value: float
    kind: Literal["value"] = "value"

    def __post_init__(self) -> None:
        check_parameter(self.parameter)
        behind = self.parameter == "depth" and self.value <= 0
        if not abs(self.value) <= FARTHEST or behind:
            raise UserError(f"{self.parameter} cannot be {self.value:g}")

    @property
    def text(self) -> str:
        """In words."""
        return f"{self.parameter} {self.value:.3g}"


Move = Drag | Pull | Value
Moves = tuple[Move, ...]


@dataclass(frozen=True)
class Wish:
    """A joint should be at a pixel of the photo, give or take a sigma in pixels.

    Raises:
        UserError: there is no such joint, or the place or the sigma makes no sense.
    """

    joint: str
    x: float
    y: float
    sigma: float

    def __post_init__(self) -> None:
        _check_place(self.joint, self.x, self.y)
        if not SIGMAS[0] <= self.sigma <= SIGMAS[1]:
            raise UserError(
                f"the sigma of {self.joint} is {self.sigma:g} px, not {SIGMAS[0]:g} "
                f"to {SIGMAS[1]:g}"
            )

    @property
    def text(self) -> str:
        """In words."""
        return f"{self.joint} at {self.x:.0f},{self.y:.0f} ± {self.sigma:.3g}"


Wishes = tuple[Wish, ...]


def check_by_hand(moves: Moves, wishes: Wishes) -> None:
    """Refuse more than a run can have.

    Raises:
        UserError: there are too many moves, or two wishes for one joint.
    """
    if len(moves) > MAX_MOVES:
        raise UserError(f"a run begins with up to {MAX_MOVES} moves, not {len(moves)}")
    if len({wish.joint for wish in wishes}) < len(wishes):
        raise UserError("two wishes are about one joint")


def _check_place(joint: str, *place: float) -> None:
    if joint not in JOINT_NAMES:
        raise UserError(f"no joint {joint!r}; there are {', '.join(JOINT_NAMES)}")
    if not all(abs(value) <= FARTHEST for value in place):
        raise UserError(f"{joint} cannot be brought to {', '.join(f'{v:g}' for v in place)}")
