"""The strip: a small picture of each photo that was opened or waits for it."""

from __future__ import annotations

from collections.abc import Hashable

import dearpygui.dearpygui as dpg
import numpy as np
from jaxtyping import UInt8

from app import theme
from app.album import Item, ItemState, Order
from app.geometry.plane import Point, Rect, View
from app.geometry.units import px
from app.panels import text
from app.panels.panel import MARGIN, Panel
from app.panels.texture import Texture
from app.protocol.commands import Commands
from app.protocol.events import Opened, Peeked, WithPictures
from app.session import Session
from app.shared import THUMBNAIL_SIDE

CELL = px(112)  # pixels from one picture to the next
GAP = px(6)
CAPTION = px(17)
NOTCH = px(80)  # pixels that a notch of the wheel scrolls
COLORS: dict[ItemState, theme.Color] = {
    ItemState.LISTED: theme.DIM,
    ItemState.WAITING: theme.DIM,
    ItemState.LOOKING: theme.BOX,
    ItemState.FITTING: theme.BOX,
    ItemState.PAUSED: theme.DIM,
    ItemState.DONE: theme.GOOD,
    ItemState.FAILED: theme.BAD,
}
SHADE = (12, 14, 18, 200)


class StripPanel(Panel):
    """A click shows a photo, the wheel scrolls. There is no strip where there is one photo."""

    name = "strip"

    def __init__(self, fonts: theme.Fonts) -> None:
        super().__init__(fonts)
        self.scroll = 0.0
        self.under: int | None = None  # image under the mouse
        self._pictures: dict[int, UInt8[np.ndarray, "height width 3"]] = {}
        self._textures: dict[int, Texture] = {}
        self._version = 0
        self._followed: Hashable = None

    def build(self) -> None:
        """A panel without a title."""
        with dpg.child_window(
            tag=self.name, no_scrollbar=True, no_scroll_with_mouse=True, show=False
        ):
            self.build_canvas((MARGIN, 4))

    def place(self, rect: Rect) -> None:
        """Take this rectangle of the window."""
        size = {"width": rect.width, "height": rect.height}
        dpg.configure_item(self.name, pos=(rect.x, rect.y), show=True, **size)
        wide, tall = rect.width - 2 * MARGIN, rect.height - 8
        self.area = Rect(rect.x + MARGIN, rect.y + 4, wide, tall)
        self.place_content()

    def take(self, event: WithPictures) -> None:
        """Keep the picture of an image if it has one, made small."""
        kind = "thumbnail" if isinstance(event, Peeked) else "photo"
        if not isinstance(event, Opened | Peeked):
            return
        image, picture = event.image, event.pictures[kind]
        self._pictures[image] = _small(picture)
        if image in self._textures:
            self._textures.pop(image).drop()
        self._version += 1

    def draw(self, session: Session) -> None:
        """Scroll to the photo that comes on screen, then draw."""
        items = session.album.sorted
        there = {item.image for item in items}
        self._pictures = {n: picture for n, picture in self._pictures.items() if n in there}
        if self.area.width > 1:
            self._follow(session, items)
            super().draw(session)

    def _follow(self, session: Session, items: list[Item]) -> None:
        """Keep the photo on screen in sight when another one comes or the order changes."""
        followed = session.foremost, session.album.order, self.size
        if followed != self._followed:
            self._followed = followed
            places = [n for n, item in enumerate(items) if item.image == session.foremost]
            left = CELL * places[0] if places else 0.0
            self.scroll = min(max(self.scroll, left + 2 * CELL - self.size[0]), left - CELL)
        self.scroll = min(max(self.scroll, 0.0), max(CELL * len(items) - self.size[0], 0.0))

    def key(self, session: Session) -> Hashable:
        """All that is written or drawn."""
        room = self.size[0] - 2 * GAP
        items = tuple(
            (i.image, session.state_of(i), round(room * session.progress_of(i)), _score(session, i))
            for i in session.album.sorted
        )
        return items, self.scroll, self.under, session.foremost, session.album.order, self._version

    def cells(self, session: Session) -> dict[int, Rect]:
        """Where the images in sight are in the drawing area, by their numbers."""
        cells = {}
        for number, item in enumerate(session.album.sorted):
            left = CELL * number - self.scroll
            if -CELL < left < self.size[0]:
                cells[item.image] = Rect(left, 0, CELL - GAP, self.size[1])
        return cells

    def paint(self, session: Session) -> None:
        """The cells in sight, words about the one under the mouse, and how far it is scrolled."""
        cells = self.cells(session)
        for image in set(self._textures) - set(cells):
            self._textures.pop(image).drop()
        for image, cell in cells.items():
            item = session.album.find(image)
            assert item is not None
            self._paint_cell(session, item, cell)
        width, whole = self.size[0], CELL * len(session.album.items)
        if whole > width:
            left, right = (width * x / whole for x in (self.scroll, self.scroll + width))
            y = self.size[1] - 1
            dpg.draw_line((left, y), (right, y), color=theme.DIM, thickness=2)
        if session.album.order is not Order.OPENED:
            self._paint_words(session.album.order.value, width, 0)
        if self.under in cells:
            self._paint_about(session, self.under, cells[self.under])

    def _paint_cell(self, session: Session, item: Item, cell: Rect) -> None:
        """Picture, frame, state or score, and name of an item."""
        state = session.state_of(item)
        low, high = (cell.x, 0.0), (cell.right, cell.bottom - CAPTION - 3)
        dpg.draw_rectangle(low, high, color=theme.WELL, fill=theme.WELL)
        self._paint_picture(item.image, Rect.spanning(low, high))
        words = _score(session, item) or state.value
        dpg.draw_rectangle((cell.x, high[1] - CAPTION), high, color=SHADE, fill=SHADE)
        color = COLORS[state]
        dpg.draw_text((cell.x + px(4), high[1] - px(16)), words, size=theme.SMALL_SIZE, color=color)
        if state is ItemState.FITTING:
            done = cell.x + cell.width * session.progress_of(item)
            dpg.draw_line(
                (cell.x, high[1] - px(18)), (done, high[1] - px(18)), color=color, thickness=2
            )
        shown = item.image == session.foremost
        frame = theme.ACCENT if shown else theme.BAD if item.error else theme.LINE
        dpg.draw_rectangle(low, high, color=frame, thickness=2 if shown else 1)
        name = text.cut(item.name, cell.width, self.width)
        color = theme.TEXT if shown else theme.DIM
        dpg.draw_text((cell.x, high[1] + 2), name, size=theme.SMALL_SIZE, color=color)

    def _paint_picture(self, image: int, room: Rect) -> None:
        """The picture of an image, if it has come, as large as there is room."""
        picture = self._pictures.get(image)
        if picture is None:
            return
        if image not in self._textures:
            self._textures[image] = Texture()
            self._textures[image].show(picture)
        height, width = picture.shape[:2]
        view = View.fitted((width, height), (room.width, room.height))
        low, high = view.to_panel((0, 0)), view.to_panel((width, height))
        corner = room.x + low[0], room.y + low[1]
        opposite = room.x + high[0], room.y + high[1]
        dpg.draw_image(self._textures[image].tag, corner, opposite)

    def _paint_about(self, session: Session, image: int, cell: Rect) -> None:
        """Name, state and error of the item under the mouse, over the captions."""
        item = session.album.find(image)
        if item is not None:
            told = f" · {item.listed.words} in the table" if item.listed is not None else ""
            words = f"{item.name}{told}  ·  {item.error or session.state_of(item).value}"
            words = text.cut(words, self.size[0] - 8, self.width)
            self._paint_words(words, cell.x + self.width(words) + 8, cell.bottom - CAPTION - 1)

    def _paint_words(self, words: str, right: float, top: float) -> None:
        """Words on a ground of their own, within the strip."""
        wide = self.width(words) + 8
        left = max(min(right, self.size[0]) - wide, 0)
        ground = (left, top), (left + wide, top + CAPTION)
        dpg.draw_rectangle(*ground, color=theme.ACCENT_DARK, fill=theme.ACCENT_DARK)
        dpg.draw_text((left + 4, top + 1), words, size=theme.SMALL_SIZE, color=theme.TEXT)

    # --- the mouse ---

    def hover(self, session: Session, point: Point | None) -> None:
        """The mouse is at a point of the strip, or elsewhere."""
        self.under = None if point is None else self._image_at(session, point)

    def _image_at(self, session: Session, point: Point) -> int | None:
        cells = self.cells(session).items()
        return next((image for image, cell in cells if cell.contains(point)), None)

    def press(self, session: Session, point: Point, button: int) -> Commands:
        """Show the photo under the mouse."""
        image = self._image_at(session, point)
        return session.show_image(image) if button == 0 and image is not None else []

    def wheel(self, session: Session, point: Point, notches: float) -> Commands:  # noqa: ARG002
        """Scroll."""
        self.scroll -= NOTCH * notches
        return []


def _small(picture: UInt8[np.ndarray, "_ _ 3"]) -> UInt8[np.ndarray, "height width 3"]:
    """A picture of at most `THUMBNAIL_SIDE` pixels a side, each the mean of a block."""
    factor = -(-max(picture.shape[:2]) // THUMBNAIL_SIDE)
    tall, wide = (min(factor, side) for side in picture.shape[:2])
    height, width = picture.shape[0] // tall, picture.shape[1] // wide
    whole = picture[: height * tall, : width * wide]
    blocks = whole.reshape(height, tall, width, wide, 3)
    return blocks.mean((1, 3), dtype=np.float32).astype(np.uint8)


def _score(session: Session, item: Item) -> str:
    """What a photo is sorted by, in words; empty if it is not known."""
    if session.album.order is Order.ERROR and item.listed is not None:
        return item.listed.words
    if session.state_of(item) is not ItemState.DONE:
        return ""
    if session.album.order is Order.OCCLUDED and item.occluded is not None:
        return f"{100 * item.occluded:.0f} % hidden"
    return f"objective {item.objective:.4g}" if item.objective is not None else ""
