"""Questions about many places at once, answered piece by piece: along, over, and under a patch."""

from __future__ import annotations

from dataclasses import dataclass

from app.protocol.run import OfRun
from core.occlusion.occluder import Occluder

Values = tuple[float, ...]


@dataclass(frozen=True)
class Sweep:
    """The objective of a step along a parameter, see `core.body.numbers`."""

    parameter: str


@dataclass(frozen=True)
class Landscape:
    """The objective of a step over two parameters."""

    first: str
    second: str


@dataclass(frozen=True)
class Slide:
    """The error of short fits behind a patch that slides over the image, see `core.eval.slide`.

    Attributes:
        patch, stride: side of the patch, and pixels between its positions, in a crop of 224 pixels.
        steps: of each fit.
    """

    patch: int = 80
    stride: int = 40
    steps: int = 24


Inquiry = Sweep | Landscape | Slide


@dataclass(frozen=True)
class Search(OfRun):
    """The next piece of an answer.

    Attributes:
        known: pieces that have come; with 0 it begins anew.
    """

    step: int
    inquiry: Inquiry
    known: int


@dataclass(frozen=True)
class Curve:
    """Weighted terms along a parameter.

    Attributes:
        over: nothing more will come.
        here: the value of the step, which is one of ``values``.
        terms: add up to ``total``.
        minima: numbers of the values, the smallest total first.
        mirror: where a limb is its mirror image in depth; None if that is not asked.
    """

    over: bool
    unit: str
    here: float
    values: Values
    terms: tuple[tuple[str, Values], ...]
    total: Values
    minima: tuple[int, ...] = ()
    mirror: float | None = None


@dataclass(frozen=True)
class Field:
    """The objective over two parameters.

    Attributes:
        over: nothing more will come.
        values: of both parameters.
        total: a row for each value of the first; NaN where it is not known yet.
        here: the values of the step.
        path: those of all recorded steps.
        minima: places in ``total``, the smallest first.
    """

    over: bool
    units: tuple[str, str]
    values: tuple[Values, Values]
    total: tuple[Values, ...]
    here: tuple[float, float]
    path: tuple[tuple[float, float], ...] = ()
    minima: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Heat:
    """Errors of fits behind a patch.

    Attributes:
        over: nothing more will come.
        patches: at all positions.
        errors: millimetres; NaN where there is none yet.
        worst: the position with the largest one; None before the first.
        cell: side of the cell that a position stands for, pixels of the image.
    """

    over: bool
    patches: tuple[Occluder, ...]
    errors: Values
    worst: int | None
    cell: float


Findings = Curve | Field | Heat
