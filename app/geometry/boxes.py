"""Drawing, moving and resizing the person's box with the mouse, as pure functions."""

from __future__ import annotations

from enum import Enum

from app.geometry.plane import Point, Rect

SMALLEST = 16.0  # pixels of the photo: a smaller drag is a click, not a box


class Grip(Enum):
    """The sides of a box that the mouse has taken hold of: left, top, right, bottom."""

    NEW = (0, 0, 0, 0)
    INSIDE = (1, 1, 1, 1)
    TOP_LEFT = (1, 1, 0, 0)
    TOP_RIGHT = (0, 1, 1, 0)
    BOTTOM_LEFT = (1, 0, 0, 1)
    BOTTOM_RIGHT = (0, 0, 1, 1)
    LEFT = (1, 0, 0, 0)
    TOP = (0, 1, 0, 0)
    RIGHT = (0, 0, 1, 0)
    BOTTOM = (0, 0, 0, 1)


def grip_at(box: Rect | None, point: Point, reach: float) -> Grip:
    """What a press at ``point`` takes hold of; ``reach`` is how near an edge counts as on it.

    Outside the box a press starts a new one.
    """
    if box is None or not box.shrunk(-reach).contains(point):
        return Grip.NEW
    reach = min(reach, box.width / 3, box.height / 3)  # a small box keeps an inside to hold
    sides = (
        int(abs(point[0] - box.x) <= reach),
        int(abs(point[1] - box.y) <= reach),
        int(abs(point[0] - box.right) <= reach),
        int(abs(point[1] - box.bottom) <= reach),
    )
    return Grip(sides) if any(sides) else Grip.INSIDE


def dragged(box: Rect | None, grip: Grip, start: Point, end: Point, photo: Point) -> Rect:
    """The box after dragging from ``start`` to ``end`` on a photo of size ``photo``.

    A box may reach past the photo's edge, as that of a cut-off person does, but a moved one keeps
    its middle on the photo.
    """
    if grip is Grip.NEW or box is None:
        return Rect.spanning(start, end)
    dx, dy = end[0] - start[0], end[1] - start[1]
    if grip is Grip.INSIDE:
        half = box.width / 2, box.height / 2
        x = min(max(box.x + dx, -half[0]), photo[0] - half[0])
        y = min(max(box.y + dy, -half[1]), photo[1] - half[1])
        return box._replace(x=x, y=y)
    left, top, right, bottom = grip.value
    corner = box.x + left * dx, box.y + top * dy
    opposite = box.right + right * dx, box.bottom + bottom * dy
    return Rect.spanning(corner, opposite)


def usable(box: Rect) -> bool:
    """Whether the box is large enough to be meant as one."""
    return box.width >= SMALLEST and box.height >= SMALLEST
