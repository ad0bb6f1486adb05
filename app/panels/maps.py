"""The maps that the fit compares, at the size of the feature map, every cell a sharp square."""

from __future__ import annotations

from collections.abc import Hashable

import dearpygui.dearpygui as dpg
import numpy as np
from jaxtyping import UInt8

from app import theme
from app.geometry.homography import cell_center
from app.geometry.linked import panned_map, zoomed_map
from app.geometry.plane import Point, View
from app.panels.panel import Panel
from app.panels.swatches import outline
from app.panels.texture import Texture
from app.protocol.commands import Commands
from app.protocol.why import PixelTarget, Target
from app.session import Session
from app.view import LINKED, SMOOTH

SHARP_SIDE = 1024  # pixels: maps are enlarged by a whole factor to at most about this size


class MapPanel(Panel):
    """One map. The cell under the mouse is outlined in all maps and on the photo.

    A click on a cell asks why it is as it is. While zoom is linked, the wheel and a right drag move
    the photo and all maps together.

    Attributes:
        lens: how the map lies in its room while zoom is linked; None for the whole map.
        moved: how the mouse wants it to lie, until the other panels have followed.
        cell: the cell to outline, as fractions of the map's sides.
        explained: row, column and share of each cell that the joint that is asked about explains.
    """

    empty = ""

    def __init__(self, fonts: theme.Fonts) -> None:
        super().__init__(fonts)
        self.texture = Texture()
        self.version = 0
        self.cells = (1, 1)
        self.cell: Point | None = None
        self.explained: tuple[tuple[int, int, float], ...] = ()
        self._asking = False
        self.lens: View | None = None
        self.moved: View | None = None
        self._held: Point = (0, 0)
        self._picture: UInt8[np.ndarray, "height width 3"] | None = None
        self._smooth = False
        self._fold = 1

    def show(self, picture: np.ndarray) -> None:
        """A new picture, one pixel a cell."""
        height, width = picture.shape[:2]
        self.cells = width, height
        self._fold = self._pixels_a_cell()  # of these cells: the last map may have had others
        self._picture = picture
        self.texture.show(picture, self._enlarging(picture))
        self.version += 1

    def _pixels_a_cell(self) -> int:
        """Pixels of a cell's side on screen."""
        return max(1, round(self.view.scale / max(self.cells)))

    def _enlarging(self, picture: UInt8[np.ndarray, "height width _"]) -> int:
        """Pixels of a cell's side: the graphics card smooths between pixels."""
        return 1 if self._smooth else min(self._fold, max(1, SHARP_SIDE // max(picture.shape[:2])))

    def draw(self, session: Session) -> None:
        """Make cells sharp or smooth, then draw."""
        smooth = SMOOTH in session.view.looks
        fold = self._pixels_a_cell()
        if (smooth, fold) != (self._smooth, self._fold):
            self._smooth, self._fold = smooth, fold
            self.show_again()
        super().draw(session)

    def show_again(self) -> None:
        """The same pictures with other edges."""
        if self._picture is not None:
            self.show(self._picture)

    @property
    def room(self) -> Point:
        """Width and height of the area without the legend."""
        return self.size[0], max(self.size[1] - self.legend_height, 1)

    @property
    def view(self) -> View:
        """Where the unit square of the map lies in the panel."""
        return self.lens or View.fitted((1.0, 1.0), self.room)

    @property
    def legend_height(self) -> float:
        """Room below the map."""
        return 0.0

    def fraction(self, point: Point) -> Point | None:
        """Which point of the unit square lies at a panel point, None if it is outside."""
        x, y = self.view.to_image(point)
        inside = 0 <= x < 1 and 0 <= y < 1 and point[1] < self.room[1]
        return (x, y) if inside and not self.texture.empty else None

    def key(self, session: Session) -> Hashable:
        """The picture and what is marked on it."""
        marks = self._outlined(), self.explained
        drawn = self.drawn(session).tag, self.blank(session)
        return self.version, marks, session.steps > 0, drawn, self.view

    def blank(self, session: Session) -> bool:
        """Whether there is nothing to show."""
        return session.scene is None or self.texture.empty

    def paint(self, session: Session) -> None:
        """The map and the cell."""
        if self.blank(session):
            self.well()
            self.say((self.empty,))
            return
        corners = self.view.to_panel((0, 0)), self.view.to_panel((1, 1))
        self.well(*corners)
        dpg.draw_image(self.drawn(session).tag, *corners)
        for row, column, share in self.explained:
            low, high = self._cell(column, row)
            dpg.draw_rectangle(low, high, color=theme.CLEAR, fill=(255, 255, 255, int(150 * share)))
        if (cell := self._outlined()) is not None:
            outline(*self._cell(*cell))
        if self.legend_height:
            low, high = (0, self.room[1]), self.size  # an enlarged map reaches below
            dpg.draw_rectangle(low, high, color=theme.WELL, fill=theme.WELL)
        self.paint_legend()

    def _cell(self, column: int, row: int) -> tuple[Point, Point]:
        """Two corners of a cell in the panel."""
        (width, height), view = self.cells, self.view
        low = view.to_panel((column / width, row / height))
        return low, view.to_panel(((column + 1) / width, (row + 1) / height))

    # --- the mouse ---

    def press(self, session: Session, point: Point, button: int) -> Commands:
        """Ask why the cell is as it is, or let go of it."""
        # The panel that answers moves the others as it appears: the mouse is at another cell then.
        self._asking = session.view.why
        self._held = point
        target = self.target_at(session, point) if button == 0 else None
        return [] if target is None else session.click_why(target)

    def drag(self, session: Session, point: Point, button: int) -> Commands:
        """Ask along the way and hold the last answer, or move all maps and the photo."""
        if button != 0:
            delta = point[0] - self._held[0], point[1] - self._held[1]
            self._held = point
            return self._move(session, panned_map(self.view, self.room, delta))
        target = self.target_at(session, point) if self._asking else None
        return [] if target in (None, session.view.target) else session.ask_why(target)

    def wheel(self, session: Session, point: Point, notches: float) -> Commands:
        """Zoom all maps and the photo."""
        return self._move(session, zoomed_map(self.view, self.room, point, 1.2**notches))

    def _move(self, session: Session, view: View) -> Commands:
        if LINKED in session.view.looks and not self.blank(session):
            self.moved = view
        return []

    def target_at(self, session: Session, point: Point) -> Target | None:
        """The cell at a point."""
        at = None if self.blank(session) else self.fraction(point)
        return None if at is None else PixelTarget(cell_center(self.cells, at))

    def drawn(self, session: Session) -> Texture:  # noqa: ARG002
        """The picture to draw."""
        return self.texture

    def paint_legend(self) -> None:
        """What the colours mean."""

    def _outlined(self) -> tuple[int, int] | None:
        """Column and row of the outlined cell."""
        if self.cell is None:
            return None
        return int(self.cell[0] * self.cells[0]), int(self.cell[1] * self.cells[1])


class ObservedPanel(MapPanel):
    """Colours of the photo's feature map."""

    name = "observed"
    title = "OBSERVED FEATURES"
    hint = (
        "The network's feature map of the crop. The colours are its three principal components; "
        "the model's map uses the same three, so equal colours mean equal features."
    )
    empty = "the photo's feature map"

    def blank(self, session: Session) -> bool:
        """Nothing while another run's map is here."""
        return super().blank(session) or session.input != session.view.key

    def draw(self, session: Session) -> None:
        """Say how large the map is, then draw."""
        width, height = self.cells
        self.note("" if self.blank(session) else f"{width} × {height} cells · 3 principal colours")
        super().draw(session)
