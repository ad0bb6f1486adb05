"""The dialog of occluders: tools, fills, a list, and how well z finds them."""

from __future__ import annotations

from collections.abc import Callable

import dearpygui.dearpygui as dpg

from app.actions import BY_NAME
from app.geometry.units import px
from app.occluding import BRUSHES, FILLS
from app.panels.dialog import ActionDialog
from app.session import Session
from core.occlusion.fills import Blur, Color, Fill, Mosaic, Noise, Texture

DIALOG, ROWS, KIND = "occlude dialog", "occlude rows", "occlude kind"
TONE, AMOUNT, BRUSH, FIGURES = (f"occlude {n}" for n in ("tone", "amount", "width", "figures"))
WIDTH, HEIGHT, BUTTON, LIST = px(424), px(424), px(92), px(132)
TOOLS = ("rectangle", "ellipse", "polygon", "brush")
EDITS = ("switch", "raise occluder", "turn occluder", "delete occluder")
OTHERS = ("copy occluders", "put occluders", "picture", "save occluders")
SWITCHES = ("from step", "hits")
KINDS: list[str] = [fill.kind for fill in FILLS]
LARGEST = {"noise": 99, "texture": 99, "blur": 80, "mosaic": 120}
"""Of the number that a fill has: a seed, or pixels."""


class OccludeDialog(ActionDialog):
    """Its buttons are actions."""

    tag, width, room = DIALOG, WIDTH, HEIGHT

    _dragging = False

    def build(self) -> None:
        """Create the dialog (once), hidden."""
        with self.frame(BY_NAME["occlude"].label, height=HEIGHT):
            self._add_rows(TOOLS)
            self._build_fill()
            dpg.add_separator()
            dpg.add_child_window(tag=ROWS, height=LIST, border=False)
            self._add_rows(EDITS, OTHERS)
            dpg.add_separator()
            self._add_rows(SWITCHES)
            dpg.add_text("", tag=FIGURES, wrap=WIDTH - px(20))

    def hide(self) -> None:
        """Take it away, and the tool out of the hand: the mouse draws boxes again."""
        super().hide()
        self._send(lambda session: session.put_away())

    def _build_fill(self) -> None:
        with dpg.group(horizontal=True):
            dpg.add_combo(KINDS, tag=KIND, width=BUTTON, callback=self._choose_kind)
            dpg.add_color_edit(
                tag=TONE, no_alpha=True, no_inputs=True, callback=lambda _, rgb: self._tone(rgb)
            )
            dpg.add_slider_int(tag=AMOUNT, width=px(110), min_value=0, callback=self._amount)
            dpg.add_slider_float(
                tag=BRUSH,
                width=-1,
                min_value=BRUSHES[0],
                max_value=BRUSHES[1],
                format="brush %.2f",
                callback=lambda _, share: self._send(lambda s: s.set_brush(share)),
            )

    def _add_rows(self, *rows: tuple[str, ...]) -> None:
        """Rows of buttons, those of two as wide as those of four."""
        for names in rows:
            self.add_buttons(names, BUTTON if len(names) > 2 else 2 * BUTTON + px(8))

    def _choosing(self, number: int) -> Callable[[], None]:
        return lambda: self._send(lambda session: session.choose(number))

    def draw(self, session: Session) -> None:
        """Show what is there, what is chosen and what can be done."""
        if not self.shown:
            return
        self.draw_buttons(session)
        fill = session.occluder.fill if session.occluder else session.view.fill
        self.changed("fill", fill, self._show_fill)
        self.changed("brush", session.view.brush, lambda share: dpg.set_value(BRUSH, share))
        self.changed(
            "list", (session.occluders, session.view.chosen), lambda _: self._list(session)
        )
        self.changed("figures", _figures(session), lambda words: dpg.set_value(FIGURES, words))
        if self._dragging and not dpg.is_mouse_button_down(0):
            self._dragging = False
            self._send(lambda session: session.settle())

    def _list(self, session: Session) -> None:
        """A row for each occluder, the topmost first."""
        dpg.delete_item(ROWS, children_only=True)
        for number, occluder in reversed(list(enumerate(session.occluders))):
            words = f"{number + 1}  {occluder.shape.kind}, {occluder.fill.kind}"
            dpg.add_selectable(
                label=occluder.name or words + ("" if occluder.on else ", off"),
                parent=ROWS,
                default_value=number == session.view.chosen,
                callback=self._choosing(number),
            )

    def _show_fill(self, fill: Fill) -> None:
        dpg.set_value(KIND, fill.kind)
        if isinstance(fill, Color):
            dpg.set_value(TONE, [*fill.rgb, 255])
        amount = amount_of(fill)
        dpg.configure_item(AMOUNT, show=amount is not None, max_value=LARGEST.get(fill.kind, 1))
        dpg.configure_item(TONE, show=isinstance(fill, Color))
        dpg.set_value(AMOUNT, amount or 0)

    def _choose_kind(self, _sender: object, kind: str) -> None:
        self._send(lambda session: session.set_fill(FILLS[KINDS.index(kind)]))

    def _tone(self, rgb: list[float]) -> None:
        self._drag(Color(_bytes(rgb)))

    def _amount(self, _sender: object, amount: int) -> None:
        kind = dpg.get_value(KIND)
        if kind in LARGEST:
            self._drag(with_amount(kind, amount))

    def _drag(self, fill: Fill) -> None:
        """Show a fill; a run is made of it once the mouse is up."""
        self._dragging = True
        self._send(lambda session: session.sketch_fill(fill))


def amount_of(fill: Fill) -> int | None:
    """The number that a fill has, None for none."""
    match fill:
        case Noise() | Texture():
            return fill.seed
        case Blur():
            return round(fill.sigma)
        case Mosaic():
            return fill.cell
        case _:
            return None


def with_amount(kind: str, amount: int) -> Fill:
    """A fill of a kind that has a number."""
    fills: dict[str, Callable[[], Fill]] = {
        "noise": lambda: Noise(amount),
        "texture": lambda: Texture(amount),
        "blur": lambda: Blur(max(float(amount), 1.0)),
        "mosaic": lambda: Mosaic(max(amount, 2)),
    }
    return fills[kind]()


def _bytes(rgb: list[float]) -> tuple[int, int, int]:
    """A colour as Dear PyGui's field gives it, 0..1, in 0 to 255."""
    red, green, blue = (min(max(round(255 * value), 0), 255) for value in rgb[:3])
    return red, green, blue


def _figures(session: Session) -> str:
    """How well z finds the occluders at the step on screen."""
    painted = session.painted
    if not session.occluders:
        return "Take a tool and draw on the photo."
    if painted is None or painted.found is None:
        return "z is compared with the occluders when the fit has looked at them."
    iou, auroc = ("–" if value != value else f"{value:.2f}" for value in painted.found)
    return (
        f"Step {painted.step}: z finds the occluders with an IoU of {iou} and an AUROC of {auroc}."
    )
