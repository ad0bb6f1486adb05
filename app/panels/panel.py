"""What all panels have in common: a frame, a title, a note beside it, and an area to draw on."""

from __future__ import annotations

from collections.abc import Hashable

import dearpygui.dearpygui as dpg

from app import theme
from app.actions import with_keys
from app.geometry.plane import Point, Rect
from app.geometry.units import px
from app.panels import text
from app.protocol.commands import Commands
from app.protocol.why import Target
from app.session import Session

HEADER = px(30)
MARGIN = px(8)


class Touchable:
    """Something in the window that the mouse can press, drag and turn the wheel on.

    Points are in pixels from the corner of its area. Answers are commands for the worker.
    """

    area = Rect(0, 0, 0, 0)

    def covers(self, point: Point) -> bool:
        """Whether it is at a point of the window."""
        return self.area.contains(point)

    # --- the mouse; `button` is 0 left, 1 right, 2 middle ---

    def press(self, session: Session, point: Point, button: int) -> Commands:  # noqa: ARG002
        """A button went down inside."""
        return []

    def drag(self, session: Session, point: Point, button: int) -> Commands:  # noqa: ARG002
        """The mouse moved with the button down (it may be outside now)."""
        return []

    def release(self, session: Session, point: Point, button: int) -> Commands:  # noqa: ARG002
        """The button went up."""
        return []

    def cancel(self, session: Session) -> Commands:  # noqa: ARG002
        """The user has given up the drag."""
        return []

    def double_click(self, session: Session, point: Point) -> Commands:  # noqa: ARG002
        """Two clicks of the left button."""
        return []

    def wheel(self, session: Session, point: Point, notches: float) -> Commands:  # noqa: ARG002
        """The wheel turned; positive is away from the user."""
        return []

    def target_at(self, session: Session, point: Point) -> Target | None:  # noqa: ARG002
        """What can be asked about at a point."""
        return None


class Panel(Touchable):
    """A rectangle of the window.

    Subclasses draw in `paint`, which is called only when `key` changes, and may answer the mouse.
    The area is the drawing area.
    """

    name = ""
    title = ""
    hint = ""

    def __init__(self, fonts: theme.Fonts) -> None:
        self.fonts = fonts
        self.width = text.measure(fonts.small)  # of a small text
        self.area = Rect(0, 0, 1, 1)  # the drawing area in the window
        self._last_key: Hashable = None
        self._note = ""
        self._title = self.title
        self.place_in_window = Rect(0, 0, 0, 0)
        self._framed: Hashable = None

    @property
    def header(self) -> Rect:
        """Where its title is in the window; nowhere while it is hidden."""
        return self.place_in_window._replace(height=HEADER if self.title else 0)

    @property
    def size(self) -> Point:
        """Width and height of the drawing area."""
        return self.area.width, self.area.height

    def build(self) -> None:
        """Create the panel's items (once)."""
        with dpg.child_window(tag=self.name, no_scrollbar=True, no_scroll_with_mouse=True):
            dpg.add_drawlist(1, 1, tag=f"{self.name} frame", pos=(0, 0))
            title = dpg.add_text(self.title, pos=(MARGIN + px(4), px(5)), tag=f"{self.name} title")
            dpg.bind_item_font(title, self.fonts.strong)
            note = dpg.add_text("", tag=f"{self.name} note", color=theme.DIM)
            dpg.bind_item_font(note, self.fonts.small)
            self.build_content()
        dpg.bind_item_theme(self.name, theme.clear_theme())
        if self.hint:
            with dpg.tooltip(title, delay=0.4):
                dpg.add_text(with_keys(self.hint), wrap=px(360), tag=f"{self.name} hint")

    def build_content(self) -> None:
        """Create what lies below the title."""
        self.build_canvas((MARGIN, HEADER))

    def build_canvas(self, place: tuple[int, int]) -> None:
        """The drawing area. A drawlist has no position of its own: a child window lends it one."""
        with dpg.child_window(
            tag=f"{self.name} area",
            pos=place,
            border=False,
            no_scrollbar=True,
            no_scroll_with_mouse=True,
        ):
            dpg.add_drawlist(1, 1, tag=f"{self.name} canvas")
        dpg.bind_item_theme(f"{self.name} area", theme.clear_theme())

    def hide(self) -> None:
        """Leave the window until `place`."""
        dpg.configure_item(self.name, show=False)
        self.area = self.place_in_window = Rect(0, 0, 0, 0)

    def place(self, rect: Rect) -> None:
        """Take this rectangle of the window."""
        self.place_in_window = rect
        size = {"width": rect.width, "height": rect.height}
        dpg.configure_item(self.name, pos=(rect.x, rect.y), show=True, **size)
        width, height = rect.width - 2 * MARGIN, rect.height - HEADER - MARGIN
        self.area = Rect(rect.x + MARGIN, rect.y + HEADER, max(width, 1), max(height, 1))
        self.place_content()
        self._place_note()

    def place_content(self) -> None:
        """Resize what lies below the title."""
        width, height = (int(v) for v in self.size)
        for part in ("area", "canvas"):
            dpg.configure_item(f"{self.name} {part}", width=width, height=height)

    def explain(self, hint: str) -> None:
        """Change the title's tooltip."""
        dpg.set_value(f"{self.name} hint", with_keys(hint))

    def retitle(self, title: str, hint: str) -> None:
        """Have another title and tooltip."""
        if title != self._title:
            self._title = title
            dpg.set_value(f"{self.name} title", title)
            self.explain(hint)
            self._place_note()

    def note(self, words: str) -> None:
        """Show a few words at the right of the title, as many as there is room for."""
        if words != self._note:
            self._note = words
            dpg.set_value(f"{self.name} note", "")
            self._place_note()

    def _place_note(self) -> None:
        if self._note:
            title = text.measure(self.fonts.strong)(self._title)
            note = text.cut(self._note, self.area.width - title - px(24), self.width)
            x = self.area.width + MARGIN - px(4) - self.width(note)
            dpg.set_value(f"{self.name} note", note)
            dpg.configure_item(f"{self.name} note", pos=(max(x, 0), px(5)))

    def _draw_frame(self) -> None:
        """The ground around the drawing area, which has one of its own.

        Where the processor draws, each pixel of a ground that something else covers costs.
        """
        key = self.place_in_window, theme.is_light()
        if key == self._framed or not dpg.does_item_exist(f"{self.name} frame"):
            return
        self._framed = key
        width, height, half = self.place_in_window.width, self.place_in_window.height, MARGIN / 2
        dpg.configure_item(f"{self.name} frame", width=int(width), height=int(height))
        dpg.delete_item(f"{self.name} frame", children_only=True)
        to, low, high = f"{self.name} frame", (half, half), (width - half, height - half)
        look = {"color": theme.PANEL, "parent": to}
        dpg.draw_rectangle(low, high, thickness=MARGIN, rounding=px(6), **look)
        dpg.draw_rectangle(low, (width - half, HEADER), fill=theme.PANEL, **look)

    def draw(self, session: Session) -> None:
        """Draw anew if anything has changed."""
        self._draw_frame()
        key = (self.size, theme.is_light(), self.key(session))
        if key != self._last_key:
            self._last_key = key
            dpg.delete_item(f"{self.name} canvas", children_only=True)
            dpg.push_container_stack(f"{self.name} canvas")
            self.paint(session)
            dpg.pop_container_stack()

    def key(self, session: Session) -> Hashable:  # noqa: ARG002
        """Everything that `paint` depends on."""
        return None

    def paint(self, session: Session) -> None:
        """Draw the slice of the session."""

    # --- drawing helpers ---

    def say(self, lines: tuple[str, ...]) -> None:
        """Centred lines of text on the empty area, broken where it is narrow."""
        width, room = text.measure(self.fonts.text), self.area.width - px(16)
        shades = (theme.DIM, *[theme.FAINT] * (len(lines) - 1))
        broken = [
            (part, shade)
            for line, shade in zip(lines, shades, strict=True)
            for part in text.wrapped(line, room, width)
        ]
        step = theme.TEXT_SIZE + px(8)
        top = (self.area.height - step * len(broken)) / 2
        for i, (line, shade) in enumerate(broken):
            place = (self.area.width - width(line)) / 2, top + i * step
            dpg.draw_text(place, line, color=shade, size=theme.TEXT_SIZE)

    def well(self, low: Point = (0, 0), high: Point = (0, 0)) -> None:
        """The dark ground that pictures lie on.

        Args:
            low, high: corners of the picture that covers it.
        """
        width, height = self.size
        left, top = (min(max(low[axis], 0), self.size[axis]) for axis in (0, 1))
        right, bottom = (min(max(high[axis], 0), self.size[axis]) for axis in (0, 1))
        if left >= right or top >= bottom:
            left = right = width
            top = bottom = height
        around = (0, 0, left, height), (right, 0, width, height)
        beside = (left, 0, right, top), (left, bottom, right, height)
        for x, y, x_end, y_end in (*around, *beside):
            if x < x_end and y < y_end:
                corners = (x, y), (x_end, y_end)
                dpg.draw_rectangle(*corners, color=theme.CLEAR, fill=theme.WELL)
