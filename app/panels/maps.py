"""The maps that the fit compares, at the size of the feature map, every cell a sharp square."""

from __future__ import annotations

from collections.abc import Hashable

import dearpygui.dearpygui as dpg
import numpy as np
from jaxtyping import Float, UInt8

from app import theme
from app.geometry.homography import cell_center
from app.geometry.linked import panned_map, zoomed_map
from app.geometry.plane import Point, View
from app.geometry.units import px
from app.panels import text
from app.panels.panel import Panel
from app.panels.texture import Texture
from app.protocol.commands import Commands
from app.protocol.scene import Legend
from app.protocol.why import PixelTarget
from app.session import Session
from app.view import HITS, LINKED, SMOOTH

SHARP_SIDE = 512  # pixels: maps are enlarged by a whole factor to about this size
LEGEND = px(24)


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

    def show(self, picture: np.ndarray) -> None:
        """A new picture, one pixel a cell."""
        height, width = picture.shape[:2]
        self.cells = width, height
        self._picture = picture
        self.texture.show(picture, self._enlarging(picture))
        self.version += 1

    def _enlarging(self, picture: UInt8[np.ndarray, "height width _"]) -> int:
        """Pixels of a cell's side: the graphics card smooths between pixels."""
        return 1 if self._smooth else max(1, SHARP_SIDE // max(picture.shape[:2]))

    def draw(self, session: Session) -> None:
        """Make cells sharp or smooth, then draw."""
        smooth = SMOOTH in session.view.looks
        if smooth != self._smooth:
            self._smooth = smooth
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
        self.well()
        if self.blank(session):
            self.say((self.empty,))
            return
        view = self.view
        dpg.draw_image(self.drawn(session).tag, view.to_panel((0, 0)), view.to_panel((1, 1)))
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
        """Ask why the cell is as it is."""
        # The panel that answers moves the others as it appears: the mouse is at another cell then.
        self._asking = session.view.why
        self._held = point
        return self._ask(session, point, button)

    def drag(self, session: Session, point: Point, button: int) -> Commands:
        """Ask along the way, or move all maps and the photo."""
        if button != 0:
            delta = point[0] - self._held[0], point[1] - self._held[1]
            self._held = point
            return self._move(session, panned_map(self.view, self.room, delta))
        return self._ask(session, point, button) if self._asking else []

    def wheel(self, session: Session, point: Point, notches: float) -> Commands:
        """Zoom all maps and the photo."""
        return self._move(session, zoomed_map(self.view, self.room, point, 1.2**notches))

    def _move(self, session: Session, view: View) -> Commands:
        if LINKED in session.view.looks and not self.blank(session):
            self.moved = view
        return []

    def _ask(self, session: Session, point: Point, button: int) -> Commands:
        at = self.fraction(point)
        if button != 0 or at is None or self.blank(session):
            return []
        return session.ask_why(PixelTarget(cell_center(self.cells, at)))

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


class RenderedPanel(MapPanel):
    """Colours of the model's feature map."""

    name = "rendered"
    title = "RENDERED FEATURES"
    hint = (
        "The feature map that the body model predicts at the step on screen, volume-rendered from "
        "its Gaussian kernels, in the colours of the observed map."
    )
    empty = "the model's feature map"

    def blank(self, session: Session) -> bool:
        """Nothing before the first step."""
        return super().blank(session) or session.painted is None

    def draw(self, session: Session) -> None:
        """Say which step it is, then draw."""
        painted = session.painted
        self.note(f"step {painted.step}" if painted else "")
        super().draw(session)


class OcclusionPanel(RenderedPanel):
    """The occlusion variable z.

    Attributes:
        visible: p(z = 1) of each cell, NaN off the body.
    """

    name = "occlusion"
    title = "OCCLUSION z"
    hint = (
        "Where the body should be seen: is it (z = 1), or is something in front of it (z = 0)? "
        "Each cell decides by comparing the observed feature with the body's and the background's. "
        "Of occluders put there by hand ({occlude}) it is known what is right: {hits} shows it."
    )
    empty = "what hides the body"

    def __init__(self, fonts: theme.Fonts) -> None:
        super().__init__(fonts)
        self._legend: Legend = ()
        self.hits = Texture()
        self._hits: UInt8[np.ndarray, "height width 3"] | None = None
        self.visible: Float[np.ndarray, "height width"] = np.zeros((1, 1), np.float32)

    def show_hits(self, hits: np.ndarray) -> None:
        """A new picture of hits and misses, one pixel a cell."""
        self._hits = hits
        self.hits.show(hits, self._enlarging(hits))
        self.version += 1

    def show_again(self) -> None:
        """Hits and misses, too."""
        super().show_again()
        if self._hits is not None:
            self.show_hits(self._hits)

    def drawn(self, session: Session) -> Texture:
        """The picture to draw: z, or hits and misses."""
        return self.hits if _judged(session) else self.texture

    @property
    def legend_height(self) -> float:
        """A line of text."""
        return LEGEND

    def draw(self, session: Session) -> None:
        """Say how much is hidden, then draw."""
        scene = session.scene
        self._legend = (scene.hits_legend if _judged(session) else scene.legend) if scene else ()
        super().draw(session)
        painted = session.painted
        step = f" · step {painted.step}" if painted else ""
        share = f"{painted.occluded:.0%} of the body hidden{step}" if painted else ""
        if painted is not None and painted.found is not None:
            share = "IoU {} · AUROC {}".format(*map(_figure, painted.found)) + step
        self.note(share)

    def paint_legend(self) -> None:
        """A swatch and a word for each end of the scale, and the value of the outlined cell."""
        y = self.size[1] - LEGEND + px(6)
        needed = sum(px(30) + self.width(word) for _, word in self._legend) + self.width(
            "off the body"
        )
        x = min(max(self.view.to_panel((0, 0))[0], 0), max(self.size[0] - needed - 8, 0))
        x = paint_swatches((x, y), self._legend, self.width)
        if (value := self.probed()) is not None:
            words = "off the body" if np.isnan(value) else f"p(z = 1) = {value:.2f}"
            words = text.cut(words, self.size[0] - x - 4, self.width)
            dpg.draw_text((x + 4, y), words, size=theme.SMALL_SIZE, color=theme.TEXT)

    def probed(self) -> float | None:
        """p(z = 1) of the outlined cell."""
        cell = self._outlined()
        if cell is None or self.visible.shape != self.cells[::-1]:
            return None
        return float(self.visible[cell[1], cell[0]])


def _judged(session: Session) -> bool:
    """Whether hits and misses take the place of z."""
    there = session.painted is not None and session.painted.found is not None
    return there and HITS in session.view.overlays


def _figure(value: float) -> str:
    """A figure that may not be defined."""
    return "–" if np.isnan(value) else f"{value:.2f}"


def outline(low: Point, high: Point) -> None:
    """A frame that is seen on any ground."""
    dpg.draw_rectangle(
        (low[0] - 1, low[1] - 1), (high[0] + 1, high[1] + 1), color=(0, 0, 0, 200), thickness=4
    )
    dpg.draw_rectangle(low, high, color=(255, 255, 255), thickness=2)


def paint_swatches(place: Point, legend: Legend, width: text.Measure) -> float:
    """A swatch and a word for each colour, side by side; where they end."""
    x, y = place
    for color, word in legend:
        low, high = (x, y + px(2)), (x + px(12), y + px(14))
        dpg.draw_rectangle(low, high, color=color, fill=color, rounding=2)
        dpg.draw_text((x + px(18), y), word, size=theme.SMALL_SIZE, color=theme.DIM)
        x += px(30) + width(word)
    return x
