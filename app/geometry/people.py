"""People in a photo, and which of them is meant by a pixel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from app.geometry.plane import Point, Rect


@dataclass(frozen=True)
class Person:
    """A person that was found.

    Attributes:
        box: in pixels of the photo.
        places: pixels that show the person, such as joints; perhaps none.
    """

    box: Rect
    places: tuple[Point, ...] = ()


def person_at(people: Sequence[Person], point: Point) -> int | None:
    """Number of the person whose box holds a pixel and whose places are nearest to it.

    The rule is that of `core.nets.people.person_at`.
    """

    def distance(number: int) -> float:
        return min((math.dist(place, point) for place in people[number].places), default=math.inf)

    inside = [number for number, person in enumerate(people) if person.box.contains(point)]
    return min(inside, key=distance, default=None)
