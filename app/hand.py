"""The mouse with a tool of occluders in hand: presses, drags and clicks on the photo.

All points are in pixels of the photo. A drag draws a new occluder, unless it begins on the chosen
one: that is moved, turned or stretched. A click chooses, and sets a corner of a polygon.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from app.geometry.handles import Grip, dragged, grip_at
from app.geometry.plane import Point
from app.protocol.commands import Commands
from app.session import Session
from core.occlusion.occluder import Occluder, Occluders, drawn
from core.occlusion.shapes import MAX_CORNERS

POLYGON, STROKE = "polygon", "stroke"
SPAN = 2.0  # pixels: less is no shape


@dataclass
class Hand:
    """What the mouse holds between a press and a release.

    Attributes:
        corners: of the polygon that is being drawn.
    """

    corners: list[Point] = field(default_factory=list)
    _base: Occluders = ()
    _chosen: Occluder | None = None
    _number: int = 0
    _grip: Grip | None = None
    _path: list[Point] = field(default_factory=list)

    def press(self, session: Session, at: Point, reach: float) -> Commands:
        """Take hold of the chosen occluder, or begin a new one."""
        self._base, self._chosen = session.occluders, session.occluder
        self._number = session.view.chosen or 0
        self._path = [at]
        free = self._chosen is None or bool(self.corners)
        self._grip = None if free or self._chosen is None else grip_at(self._chosen, at, reach)
        return []

    def drag(self, session: Session, at: Point, reach: float) -> Commands:
        """Show what a release here would make."""
        if not self._path or self.corners:
            return []
        if self._grip is not None and self._chosen is not None:
            moved = dragged(self._chosen, self._grip, self._path[0], at)
            others = self._base[: self._number], self._base[self._number + 1 :]
            return session.sketch((*others[0], moved, *others[1]), self._number)
        if session.view.tool == POLYGON:
            return []
        if math.dist(at, self._path[-1]) >= reach / 4 and len(self._path) < MAX_CORNERS:
            self._path.append(at)
        return self._draw(session, [*self._path[:-1], at])

    def release(self, session: Session, at: Point, reach: float, moved: bool) -> Commands:
        """Make a run of what was dragged; without a drag it was a click."""
        path, self._path = self._path, []
        if not path:
            return []
        if (moved and not self.corners and session.view.tool != POLYGON) or self._grip is not None:
            return session.settle() if moved else []
        return self._click(session, at, reach)

    def close(self, session: Session) -> Commands:
        """End the polygon that is being drawn."""
        corners, self.corners = self.corners, []
        if len(set(corners)) < 3:
            return []
        self._base = session.occluders
        polygon = drawn(POLYGON, corners, fill=session.view.fill)
        return [*self._add(session, polygon), *session.settle()]

    def cancel(self, session: Session) -> Commands:
        """Give up what is being drawn or dragged."""
        self.corners, self._path, self._grip = [], [], None
        return session.drop_sketch() if session.pending is None else []

    def _click(self, session: Session, at: Point, reach: float) -> Commands:
        """Choose, or set a corner of a polygon: the first corner again closes it."""
        under = [i for i, occluder in enumerate(session.occluders) if occluder.contains(at)]
        if not self.corners and under:
            return session.choose(under[-1])
        if session.view.tool != POLYGON:
            return session.choose(None)
        if len(self.corners) > 2 and math.dist(at, self.corners[0]) <= reach:
            return self.close(session)
        if len(self.corners) < MAX_CORNERS:
            self.corners.append(at)
        return session.choose(None)

    def _draw(self, session: Session, path: list[Point]) -> Commands:
        """Show the new occluder."""
        tool, scene = session.view.tool, session.scene
        (left, top), (right, bottom) = path[0], path[-1]
        flat = min(abs(right - left), abs(bottom - top)) < SPAN
        if scene is None or (flat and tool != STROKE):
            return []
        radius = max(session.view.brush * max(scene.size) / 2, 1.0)
        return self._add(session, drawn(tool, path, radius, session.view.fill))

    def _add(self, session: Session, occluder: Occluder) -> Commands:
        return session.sketch((*self._base, occluder), len(self._base))
