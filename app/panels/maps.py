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
from app.panels.swatches import outline, paint_swatches
from app.panels.texture import Texture
from app.protocol.commands import Commands
from app.protocol.events import Differed
from app.protocol.scene import Legend
from app.protocol.why import PixelTarget, Target
from app.session import Session
from app.view import HITS, LINKED, SMOOTH
from core.pictures.heat import HEAT, LESS, MORE, SAME

SHARP_SIDE = 512  # pixels: maps are enlarged by a whole factor to about this size
LEGEND = px(24)
OFF = "off the body"


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
        corners = self.view.to_panel((0, 0)), self.view.to_panel((1, 1))
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


class RenderedPanel(MapPanel):
    """Colours of the model's feature map, or how far those of two runs are apart.

    Attributes:
        kinds: of the pictures of a difference: colours, and the numbers behind them.
        numbers: of the difference on screen.
        difference: what is drawn in place of the map; None for the map.
    """

    name = "rendered"
    title = "RENDERED FEATURES"
    difference_title = "DIFFERENCE OF FEATURES"
    difference_hint = (
        "How far the rendered features of the two runs are from each other (unit vectors times the "
        "body's opacity, so 0 to 2), the run on screen against that which it is compared with."
    )
    kinds = "feature change", "feature distance"
    hint = (
        "The feature map that the body model predicts at the step on screen, volume-rendered from "
        "its Gaussian kernels, in the colours of the observed map."
    )
    empty = "the model's feature map"

    def __init__(self, fonts: theme.Fonts) -> None:
        super().__init__(fonts)
        self.change = Texture()
        self._changed: UInt8[np.ndarray, "height width 3"] | None = None
        self.numbers: Float[np.ndarray, "height width"] = np.zeros((1, 1), np.float32)
        self.difference: Differed | None = None

    def blank(self, session: Session) -> bool:
        """Nothing before the first step."""
        return super().blank(session) or session.painted is None

    def show_change(self, picture: np.ndarray, numbers: np.ndarray) -> None:
        """A new picture of how two runs differ, one pixel a cell, and the numbers behind it."""
        self._changed = picture
        self.change.show(picture, self._enlarging(picture))
        self.numbers = numbers
        self.version += 1

    def show_again(self) -> None:
        """The difference, too."""
        super().show_again()
        if self._changed is not None:
            self.show_change(self._changed, self.numbers)

    def drawn(self, session: Session) -> Texture:
        """The picture to draw: the map, or how it differs."""
        return self.change if _differing(session) is not None else super().drawn(session)

    def draw(self, session: Session) -> None:
        """Say what it shows, then draw."""
        self.difference = _differing(session)
        if self.difference is None:
            self.retitle(self.title, self.hint)
        else:
            self.retitle(self.difference_title, self.difference_hint)
        self.note(self.words(session))
        super().draw(session)

    def words(self, session: Session) -> str:
        """The note: which steps are shown."""
        if self.difference is not None:
            other = f"run {self.difference.other[1]}, step {self.difference.other_step}"
            return f"run {self.difference.run}, step {self.difference.step} - {other}"
        asked = session.difference if session.view.difference else None
        return "different crops" if asked is not None and asked.maps else session.pictured_step

    @property
    def legend_height(self) -> float:
        """A line of text, of a difference."""
        return LEGEND if self.difference is not None else 0.0

    def legend(self) -> tuple[Legend, str]:
        """Colours with their meanings, and the number of the outlined cell in words."""
        largest = self.difference.largest if self.difference is not None else 0.0
        value = self.number(self.numbers)
        words = "" if value is None else f"distance {value:.3f}"
        return ((HEAT[0], "0"), (HEAT[-1], f"{largest:.2f}")), words

    def number(self, numbers: np.ndarray) -> float | None:
        """The number of the outlined cell."""
        cell = self._outlined()
        if cell is None or numbers.shape != self.cells[::-1]:
            return None
        return float(numbers[cell[1], cell[0]])

    def paint_legend(self) -> None:
        """A swatch and a word for each end of the scale, and the value of the outlined cell."""
        if not self.legend_height:
            return
        legend, words = self.legend()
        y = self.size[1] - LEGEND + px(6)
        needed = sum(px(30) + self.width(word) for _, word in legend) + self.width(OFF)
        x = min(max(self.view.to_panel((0, 0))[0], 0), max(self.size[0] - needed - px(8), 0))
        x = paint_swatches((x, y), legend, self.width)
        words = text.cut(words, self.size[0] - x - 4, self.width)
        dpg.draw_text((x + 4, y), words, size=theme.SMALL_SIZE, color=theme.TEXT)


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
    difference_title = "DIFFERENCE OF z"
    difference_hint = (
        "p(z = 1) of the run on screen minus that of the run which it is compared with, where both "
        "bodies are."
    )
    kinds = "z change", "z difference"

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
        """The picture to draw: z, hits and misses, or how it differs."""
        judged = _judged(session) and _differing(session) is None
        return self.hits if judged else super().drawn(session)

    @property
    def legend_height(self) -> float:
        """A line of text."""
        return LEGEND

    def draw(self, session: Session) -> None:
        """Choose the legend, then draw."""
        scene = session.scene
        self._legend = (scene.hits_legend if _judged(session) else scene.legend) if scene else ()
        super().draw(session)

    def words(self, session: Session) -> str:
        """How much is hidden, and how well that is found."""
        painted = session.pictured
        if painted is None or self.difference is not None:
            return super().words(session)
        what = f"{painted.occluded:.0%} of the body hidden"
        if painted.found is not None:
            what = "IoU {} · AUROC {}".format(*map(text.figure, painted.found))
        return f"{what} · {session.pictured_step}"

    def legend(self) -> tuple[Legend, str]:
        """Colours with their meanings, and the number of the outlined cell in words."""
        differs = self.difference is not None
        value = self.number(self.numbers if differs else self.visible)
        words = "" if value is None else OFF if np.isnan(value) else f"p(z = 1) = {value:.2f}"
        if not differs:
            return self._legend, words
        if value is not None and not np.isnan(value):
            words = f"{value:+.2f}"
        return ((LESS, "-1"), (SAME, "0"), (MORE, "1")), words


def _differing(session: Session) -> Differed | None:
    """The difference whose pictures take the maps' places."""
    known = session.difference if session.view.difference else None
    return known if known is not None and known.pictures else None


def _judged(session: Session) -> bool:
    """Whether hits and misses take the place of z."""
    there = session.pictured is not None and session.pictured.found is not None
    return there and HITS in session.view.overlays
