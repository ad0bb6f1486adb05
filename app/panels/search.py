"""The dialog of what is asked piece by piece: a sweep, a landscape, a patch that slides."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable

import dearpygui.dearpygui as dpg
import numpy as np

from app import theme
from app.geometry.chart import Axis, axes_of, filled, shares
from app.geometry.plane import Point, Rect, View
from app.geometry.units import px
from app.panels import text
from app.panels.dialog import SideDialog
from app.panels.loss import term_colors
from app.panels.texture import Texture
from app.protocol.commands import Commands
from app.protocol.search import Curve, Field, Heat, Inquiry, Landscape, Slide, Sweep
from app.session import Session
from core.body.moves import Value
from core.body.names import JOINT_NAMES
from core.body.numbers import PLACES, SHAPES
from core.body.numbers import axes_of as axes_of_joint
from core.pictures.heat import heat_colors

DIALOG, KIND, CANVAS, SAID = (f"search {n}" for n in ("dialog", "kind", "canvas", "said"))
START, PATCHES = "search start", "search patches"
KINDS = ("sweep a parameter", "landscape of two", "slide a patch")
WIDTH, HEIGHT = px(460), px(470)
CHART = px(436), px(268)
MARGIN = px(40), px(8), px(12), px(22)  # pixels of the chart's left, top, right and bottom sides
THINGS = [*JOINT_NAMES, *PLACES, *SHAPES]
SETTINGS = (("patch", 80, 20, 160), ("stride", 40, 8, 100), ("steps", 24, 4, 120))
LINE = theme.SMALL_SIZE + px(4)
DOT = px(5)  # radius of what is marked in the chart


class SearchDialog(SideDialog):
    """Asks as soon as something is chosen; a click on the chart branches, or loads the patch."""

    tag, width, room = DIALOG, WIDTH, HEIGHT

    def __init__(
        self,
        fonts: theme.Fonts,
        send: Callable[[Callable[[Session], Commands]], None],
        photo: Texture,
    ) -> None:
        self._fonts = fonts
        self._send = send
        self._photo = photo
        self._width = text.measure(fonts.small)
        self._texture = Texture()
        self._drawn: Hashable = None
        self._axes: tuple[Axis, Axis] | None = None
        self._view: View | None = None
        self._down = False

    def build(self) -> None:
        """Create the dialog (once), hidden."""
        with self.frame("Sweep and search", height=HEIGHT):
            with dpg.group(horizontal=True):
                dpg.add_combo(
                    list(KINDS),
                    tag=KIND,
                    default_value=KINDS[0],
                    width=px(150),
                    callback=self._choose,
                )
                dpg.add_button(
                    label="Slide", tag=START, width=px(80), show=False, callback=self._slide
                )
            for number, thing in enumerate(("l_elbow", "l_shoulder")):
                self._parameter(number, thing)
            with dpg.group(horizontal=True, tag=PATCHES, show=False):
                for name, usual, least, most in SETTINGS:
                    dpg.add_slider_int(
                        tag=f"search {name}",
                        default_value=usual,
                        min_value=least,
                        max_value=most,
                        width=px(136),
                        format=f"{name} %d",
                    )
            with dpg.child_window(
                tag=f"{CANVAS} area", width=CHART[0], height=CHART[1], border=False
            ):
                dpg.add_drawlist(*CHART, tag=CANVAS)
            dpg.bind_item_theme(f"{CANVAS} area", theme.clear_theme())
            said = dpg.add_text("", tag=SAID, wrap=WIDTH - px(20), color=theme.DIM)
            dpg.bind_item_font(said, self._fonts.small)

    def _parameter(self, number: int, thing: str) -> None:
        """A joint, a place or a coefficient, and the axis of a joint."""
        with dpg.group(horizontal=True, tag=_row(number), show=number == 0):
            dpg.add_combo(
                THINGS,
                tag=_thing(number),
                default_value=thing,
                width=px(150),
                callback=self._choose,
            )
            dpg.add_combo(
                list(axes_of_joint(thing)),
                tag=_axis(number),
                default_value="depth",
                width=px(110),
                callback=self._choose,
            )

    @property
    def items(self) -> list[str]:
        """What can be clicked."""
        return [KIND, START, _thing(0), _axis(0), _thing(1), _axis(1), f"{CANVAS} area"]

    def hide(self) -> None:
        """Take it away, and ask no more."""
        super().hide()
        self._send(lambda session: session.inquire(None))

    def toggle(self, width: int, height: int) -> None:
        """Show it and ask, or hide it."""
        super().toggle(width, height)
        if self.shown:
            self._choose()

    def _choose(self) -> None:
        """Something else is asked."""
        kind = KINDS.index(dpg.get_value(KIND))
        for number, shown in ((0, kind < 2), (1, kind == 1)):
            dpg.configure_item(_row(number), show=shown)
            thing = dpg.get_value(_thing(number))
            axes = list(axes_of_joint(thing)) if thing in JOINT_NAMES else []
            dpg.configure_item(_axis(number), show=bool(axes), items=axes)
            if axes and dpg.get_value(_axis(number)) not in axes:
                dpg.set_value(_axis(number), axes[0])
        for tag in (PATCHES, START):
            dpg.configure_item(tag, show=kind == 2)
        inquiry = None if kind == 2 else self._inquiry()
        self._send(lambda session: session.inquire(inquiry))

    def _slide(self) -> None:
        """Begin to slide, go on, or stop."""
        wanted = self._inquiry()
        self._send(lambda s: s.inquire(None if isinstance(s.view.inquiry, Slide) else wanted))

    def _inquiry(self) -> Inquiry | None:
        """What the fields say; None for twice the same parameter."""
        kind = KINDS.index(dpg.get_value(KIND))
        if kind == 2:
            return Slide(*(dpg.get_value(f"search {name}") for name, *_ in SETTINGS))
        first, second = self._name(0), self._name(1)
        if kind == 0:
            return Sweep(first)
        return None if first == second else Landscape(first, second)

    def _name(self, number: int) -> str:
        thing = str(dpg.get_value(_thing(number)))
        return f"{thing}.{dpg.get_value(_axis(number))}" if thing in JOINT_NAMES else thing

    # --- one frame ---

    def draw(self, session: Session) -> None:
        """What has come so far; a click on it."""
        if not self.shown:
            return
        sliding = isinstance(session.view.inquiry, Slide)
        dpg.configure_item(START, label="Stop" if sliding else "Slide")
        found = self._shown(session)
        mouse = self._mouse()
        key = found, session.scene, mouse, theme.is_light()
        if key != self._drawn:
            self._drawn = key
            dpg.delete_item(CANVAS, children_only=True)
            dpg.push_container_stack(CANVAS)
            self._paint(session, found, mouse)
            dpg.pop_container_stack()
        down = dpg.is_mouse_button_down(0)
        if down and not self._down and mouse is not None and found is not None:
            self._click(found, mouse)
        self._down = down

    def _shown(self, session: Session) -> Curve | Field | Heat | None:
        """What belongs to the chosen kind."""
        kind = (Curve, Field, Heat)[KINDS.index(dpg.get_value(KIND))]
        found = session.searched.found if session.searched is not None else None
        return found if isinstance(found, kind) else None

    def _mouse(self) -> Point | None:
        """The mouse in the chart, None elsewhere."""
        x, y = dpg.get_mouse_pos(local=False)
        left, top = dpg.get_item_state(f"{CANVAS} area").get("rect_min") or (0, 0)
        inside = 0 <= x - left < CHART[0] and 0 <= y - top < CHART[1]
        return (x - left, y - top) if inside else None

    def _click(self, found: Curve | Field | Heat, mouse: Point) -> None:
        """Branch from the value under the mouse, or load the patch."""
        if isinstance(found, Heat):
            number = self._patch_at(found, mouse)
            if number is not None:
                self._send(lambda session: session.load_patch(number))
            return
        if self._axes is None:
            return
        across, up = self._axes
        values = [Value(self._name(0), across.value(mouse[0]))]
        if isinstance(found, Field):
            values.append(Value(self._name(1), up.value(mouse[1])))
        self._send(lambda session: session.branch_at(*values))

    # --- drawing ---

    def _paint(
        self, session: Session, found: Curve | Field | Heat | None, mouse: Point | None
    ) -> None:
        dpg.draw_rectangle((0, 0), CHART, color=theme.WELL, fill=theme.WELL, rounding=4)
        match found:
            case Curve():
                words = self._paint_curve(session, found, mouse)
            case Field():
                words = self._paint_field(found, mouse)
            case Heat():
                words = self._paint_heat(session, found, mouse)
            case None:
                slides = dpg.get_value(KIND) == KINDS[2]
                words = "Slide searches for the place where a patch hurts most." if slides else "…"
        dpg.set_value(SAID, words)

    def _area(self) -> Rect:
        left, top, right, bottom = MARGIN
        return Rect(left, top, CHART[0] - left - right, CHART[1] - top - bottom)

    def _paint_curve(self, session: Session, found: Curve, mouse: Point | None) -> str:
        """Each term from its value at the step, the total over them; minima, here, and mirror."""
        here = found.values.index(found.here) if found.here in found.values else 0
        lines = {name: [v - values[here] for v in values] for name, values in found.terms}
        total = [v - found.total[here] for v in found.total]
        everything = [v for values in (*lines.values(), total) for v in values]
        self._axes = across, up = axes_of(self._area(), found.values, everything)
        self._frame(across, up)
        colors = term_colors(session)
        for name, values in lines.items():
            self._line(found.values, values, colors.get(name, theme.DIM), 1)
        self._line(found.values, total, theme.TEXT, 2)
        self._upright(across.place(found.here), theme.ACCENT)
        if found.mirror is not None and across.low <= found.mirror <= across.high:
            self._upright(across.place(found.mirror), theme.BOX)
        for i in found.minima:
            place = across.place(found.values[i]), up.place(total[i])
            dpg.draw_circle(place, DOT, color=theme.GOOD, fill=theme.GOOD)
        if mouse is not None:
            self._upright(mouse[0], theme.FAINT)
            value = across.value(mouse[0])
            near = min(range(len(total)), key=lambda i: abs(found.values[i] - value))
            steepest = max(lines, key=lambda name: abs(lines[name][near]), default="")
            return (
                f"{value:.4g} {found.unit}: total {total[near]:+.4g}, most of it {steepest} "
                f"({lines[steepest][near]:+.4g}). A click branches from here."
            )
        minima = ", ".join(f"{found.values[i]:.3g}" for i in found.minima[:4]) or "none inside"
        words = f"Change of each term in {found.unit}; thick: total. Blue line: here. "
        words += f"Minima (green): {minima}."
        mirror = found.mirror
        return words if mirror is None else f"{words} Orange: mirror image in depth, {mirror:.0f}°."

    def _paint_field(self, found: Field, mouse: Point | None) -> str:
        """Colours from the smallest total (dark) to the largest; the run's path, and minima."""
        first, second = found.values
        self._axes = across, up = axes_of(self._area(), first, second)
        total = filled(np.array(found.total))
        low = np.nanmin(np.where(np.isfinite(total), total, np.nan))
        shown = np.log1p(total - low)  # a valley is seen beside steep walls
        self._texture.show(heat_colors(shares(shown).T[::-1]), 8)
        dpg.draw_image(self._texture.tag, (across.start, up.end), (across.end, up.start))
        self._frame(across, up)
        path = [(across.place(a), up.place(b)) for a, b in found.path if self._inside(a, b)]
        if len(path) > 1:
            dpg.draw_polyline(path, color=(255, 255, 255, 200), thickness=2)
        for i, k in found.minima:
            place = across.place(first[i]), up.place(second[k])
            dpg.draw_circle(place, DOT, color=theme.GOOD, fill=theme.GOOD)
        here = across.place(found.here[0]), up.place(found.here[1])
        dpg.draw_circle(here, DOT, color=theme.ACCENT, thickness=2)
        if mouse is not None:
            a, b = across.value(mouse[0]), up.value(mouse[1])
            i = min(range(len(first)), key=lambda n: abs(first[n] - a))
            k = min(range(len(second)), key=lambda n: abs(second[n] - b))
            return (
                f"{self._name(0)} {a:.4g}, {self._name(1)} {b:.4g}: {total[i, k] - low:.4g} above "
                "the smallest. A click branches from here."
            )
        words = f"{self._name(0)} to the right, {self._name(1)} up ({found.units[0]}, "
        words += f"{found.units[1]}); dark is small. White: the run's path. Ring: here."
        return words if found.over else f"{words} Getting finer…"

    def _inside(self, a: float, b: float) -> bool:
        assert self._axes is not None
        across, up = self._axes
        return across.low <= a <= across.high and up.low <= b <= up.high

    def _paint_heat(self, session: Session, found: Heat, mouse: Point | None) -> str:
        """The photo with a cell of colour at each position that has been fitted."""
        if session.scene is None or self._photo.empty:
            return ""
        self._view = view = View.fitted(session.scene.size, CHART)
        low, high = view.to_panel((0, 0)), view.to_panel(session.scene.size)
        dpg.draw_image(self._photo.tag, low, high, color=(110, 110, 110, 255))
        colors = heat_colors(shares(np.array(found.errors)))
        for patch, error, color in zip(found.patches, found.errors, colors.tolist(), strict=True):
            if math.isfinite(error):
                x, y = patch.corners.mean(0)
                corner = view.to_panel((x - found.cell / 2, y - found.cell / 2))
                other = view.to_panel((x + found.cell / 2, y + found.cell / 2))
                dpg.draw_rectangle(corner, other, color=theme.CLEAR, fill=(*color, 170))
        under = None if mouse is None else self._patch_at(found, mouse)
        for number, color in ((found.worst, theme.BAD), (under, theme.TEXT)):
            if number is not None:
                ends = [view.to_panel((x, y)) for x, y in found.patches[number].corners.tolist()]
                dpg.draw_polygon([*ends, ends[0]], color=color, thickness=2)
        known = sum(math.isfinite(error) for error in found.errors)
        if under is not None and math.isfinite(found.errors[under]):
            return f"{found.errors[under]:.0f} mm with the patch here. A click loads it."
        worst = "" if found.worst is None else f", up to {found.errors[found.worst]:.0f} mm (red)"
        return f"{known} of {len(found.patches)} positions{worst}. A click loads the patch."

    def _patch_at(self, found: Heat, mouse: Point) -> int | None:
        """The position whose middle is nearest to the mouse."""
        if self._view is None:
            return None
        at = self._view.to_image(mouse)
        middles = [tuple(patch.corners.mean(0).tolist()) for patch in found.patches]
        return min(range(len(middles)), key=lambda i: math.dist(middles[i], at), default=None)

    def _frame(self, across: Axis, up: Axis) -> None:
        """The ends of both axes."""
        dpg.draw_rectangle((across.start, up.end), (across.end, up.start), color=theme.LINE)
        high, low = f"{across.high:.3g}", f"{up.low:.3g}"
        foot, size = up.start + px(4), theme.SMALL_SIZE
        dpg.draw_text((across.start, foot), f"{across.low:.3g}", size=size, color=theme.DIM)
        right = across.end - self._width(high)
        dpg.draw_text((right, foot), high, size=size, color=theme.DIM)
        dpg.draw_text((2, up.end), f"{up.high:.3g}", size=size, color=theme.DIM)
        dpg.draw_text((2, up.start - LINE), low, size=size, color=theme.DIM)

    def _line(
        self, values: tuple[float, ...], heights: list[float], color: theme.Color, thickness: int
    ) -> None:
        assert self._axes is not None
        across, up = self._axes
        pairs = zip(values, heights, strict=True)
        points = [(across.place(v), up.place(h)) for v, h in pairs if math.isfinite(h)]
        if len(points) > 1:
            dpg.draw_polyline(points, color=color, thickness=thickness)

    def _upright(self, x: float, color: theme.Color) -> None:
        area = self._area()
        dpg.draw_line((x, area.y), (x, area.bottom), color=color, thickness=1)


def _row(number: int) -> str:
    return f"search row {number}"


def _thing(number: int) -> str:
    return f"search thing {number}"


def _axis(number: int) -> str:
    return f"search axis {number}"
