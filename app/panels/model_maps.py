"""The maps of the model: rendered features and z, and how those of two runs differ."""

from __future__ import annotations

import dearpygui.dearpygui as dpg
import numpy as np
from jaxtyping import Float, UInt8

from app import theme
from app.geometry.units import px
from app.panels import text
from app.panels.maps import MapPanel
from app.panels.swatches import paint_swatches
from app.panels.texture import Texture
from app.protocol.events import Differed
from app.protocol.scene import Legend
from app.session import Session
from app.view import HITS
from core.pictures.heat import HEAT, LESS, MORE, SAME

LEGEND = px(24)
OFF = "off the body"


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
