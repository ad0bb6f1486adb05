"""Questions about one step, why something is as it is, and what an engine answers."""

from __future__ import annotations

from dataclasses import dataclass

from app.geometry.plane import Point
from core.words import Explanation


@dataclass(frozen=True)
class PixelTarget:
    """A pixel of the maps: a point of the crop in it, as fractions of the crop's sides."""

    at: Point


@dataclass(frozen=True)
class JointTarget:
    """A joint, by its place among the body's joints."""

    joint: int


Target = PixelTarget | JointTarget


@dataclass(frozen=True)
class Bars:
    """Numbers to be compared one by one with those of other bars, such as a feature vector."""

    name: str
    values: tuple[float, ...]


@dataclass(frozen=True)
class Arrow:
    """Where something pulls, such as a term of the objective: pixels of the image."""

    name: str
    way: Point


@dataclass(frozen=True)
class Answer:
    """What the engine says.

    Attributes:
        words: lines above the bars, tables below.
        place: pixel of the image at which the arrows begin; None without arrows.
        cells: row, column and share of each map pixel that the target explains.
        points: x, y, z in the photo's camera (metres) and share of each part of the body that makes
            the target.
    """

    words: Explanation
    bars: tuple[Bars, ...] = ()
    place: Point | None = None
    arrows: tuple[Arrow, ...] = ()
    cells: tuple[tuple[int, int, float], ...] = ()
    points: tuple[tuple[float, float, float, float], ...] = ()
