"""The tour: a small window with words, and a frame around what they are about."""

from __future__ import annotations

from collections.abc import Callable

import dearpygui.dearpygui as dpg

from app import theme
from app.actions import BY_NAME, with_keys
from app.geometry.plane import Rect
from app.geometry.units import px
from app.panels.dialog import SideDialog
from app.tour import STEPS, Tour

DIALOG, TITLE, WORDS, FRAMES = (f"tour {n}" for n in ("dialog", "title", "words", "frames"))
BACK, NEXT, END = (f"tour {n}" for n in ("back", "next", "end"))
BUTTON = px(92)


class TourDialog(SideDialog):
    """It lies beside what it is about and blocks nothing."""

    tag, width, room = DIALOG, px(360), px(190)

    def __init__(self, fonts: theme.Fonts, ended: Callable[[], None]) -> None:
        self._fonts = fonts
        self._ended = ended
        self.tour = Tour()
        self._drawn: object = None

    def build(self) -> None:
        """Create it (once), hidden."""
        with dpg.window(
            tag=DIALOG,
            label=BY_NAME["tour"].label,
            show=False,
            no_resize=True,
            no_collapse=True,
            width=self.width,
            height=self.room,
            on_close=self.end,
        ):
            dpg.add_text("", tag=TITLE, color=theme.ACCENT)
            dpg.bind_item_font(TITLE, self._fonts.strong)
            dpg.add_text("", tag=WORDS, wrap=self.width - px(24))
            with dpg.group(horizontal=True):
                dpg.add_button(label="Back", tag=BACK, width=BUTTON, callback=lambda: self.go(-1))
                dpg.add_button(label="Next", tag=NEXT, width=BUTTON, callback=lambda: self.go(1))
                dpg.add_button(label="Skip", tag=END, width=BUTTON, callback=lambda: self.end())
        dpg.bind_item_theme(NEXT, theme.accent_theme())
        dpg.add_viewport_drawlist(tag=FRAMES, front=True)

    @property
    def items(self) -> list[str]:
        """Its buttons."""
        return [BACK, NEXT, END]

    def toggle(self, width: int, height: int) -> None:  # noqa: ARG002
        """Begin, or end."""
        if self.tour.step is not None:
            self.end()
            return
        self.tour.begin()

    def go(self, count: int) -> None:
        """Further or back."""
        self.tour.go(count)
        if self.tour.step is None:
            self.end()

    def end(self) -> None:
        """No more of it until somebody asks for it."""
        self.tour.end()
        self._ended()

    def follow(self, places: dict[str, Rect], size: tuple[int, int]) -> None:
        """Show the step, and frame its places."""
        step = self.tour.step
        framed = [places[name] for name in step.places if name in places] if step else []
        if (step, framed, size) == self._drawn:
            return
        self._drawn = step, framed, size
        dpg.delete_item(FRAMES, children_only=True)
        if step is None:
            self.hide()
            return
        number = STEPS.index(step)
        dpg.set_value(TITLE, f"{number + 1} of {len(STEPS)}: {step.title}")
        dpg.set_value(WORDS, with_keys(step.text))
        dpg.configure_item(BACK, enabled=number > 0)
        dpg.configure_item(NEXT, label="Next" if number + 1 < len(STEPS) else "Done")
        dpg.configure_item(DIALOG, show=True, pos=self._beside(framed, size))
        for place in framed:
            rim = place.shrunk(-px(2))
            low, high = (rim.x, rim.y), (rim.right, rim.bottom)
            look = {"color": theme.ACCENT, "thickness": px(3), "rounding": px(6), "parent": FRAMES}
            dpg.draw_rectangle(low, high, **look)

    def _beside(self, framed: list[Rect], size: tuple[int, int]) -> list[int]:
        """Where it hides least of what it is about."""
        spare, gap = (size[0] - self.width, size[1] - self.room), px(24)
        corners = [
            (max(x, 0), max(y, 0))
            for y in (size[1] // 3, gap + px(52), spare[1] - gap)
            for x in (spare[0] // 2, spare[0] - gap, gap)
        ]

        def hidden(corner: tuple[float, float]) -> float:
            own = Rect(*corner, self.width, self.room)
            return sum(own.overlap(place) for place in framed)

        return [int(v) for v in min(corners, key=hidden)]
