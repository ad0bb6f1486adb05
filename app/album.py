"""The album: all photos and records that were opened or wait for it, as the strip shows them.

Of those that the document does not hold this is all that is kept: path, scores and error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from app.geometry.plane import Rect
from app.protocol.commands import Open
from app.protocol.run import RunKey

MOST = 500
"""Items of an album: a folder with more files is not taken whole."""


class ItemState(Enum):
    """What has become of an item."""

    LISTED = "not opened yet"
    WAITING = "waiting"
    LOOKING = "looking"
    FITTING = "fitting"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"


class Order(Enum):
    """How the strip is sorted."""

    OPENED = "as opened"
    ERROR = "largest error first"
    OBJECTIVE = "worst objective first"
    OCCLUDED = "most hidden first"


@dataclass(frozen=True)
class Listed:
    """A person of a table.

    Attributes:
        path: that the worker can open.
        title: short.
        error: to sort by, larger is worse; None if it is not known.
        words: the error with its unit.
    """

    path: str
    title: str
    error: float | None
    words: str


@dataclass
class Item:
    """A photo or record.

    Attributes:
        image: its number in the document, while the document holds it.
        box: the person's box that was given with it.
        begun: the worker was asked to open it under this number.
        waiting: it is to be fitted as soon as the worker has nothing to do for what is on screen.
        objective: best objective of its finished runs with the standard weights, if there is one.
        occluded: share of the body's pixels called occluded in that run, once it is known.
        error: why it could not be fitted; empty if it was, or may be.
        pictured: a small picture of it has come.
        record: the file in which its runs were saved by themselves, to be opened next time.
        title: the name of the photo, once that is known.
        listed: the line of a table that it is; None if it is none.
    """

    image: int
    path: str
    box: Rect | None = None
    begun: bool = False
    waiting: bool = False
    objective: float | None = None
    occluded: float | None = None
    error: str = ""
    pictured: bool = False
    record: str = ""
    title: str = ""
    listed: Listed | None = None

    @property
    def name(self) -> str:
        """Of the photo, or of the file; of a record named as all are, that of its folder."""
        if self.title:
            return self.title
        path = Path(self.path)
        return path.parent.name or path.name if path.name == "fit.nbf" else path.name


@dataclass
class Album:
    """Items in the order in which they were opened."""

    items: list[Item] = field(default_factory=list)
    order: Order = Order.OPENED

    def find(self, image: int | None) -> Item | None:
        """The item of an image, None if it has none."""
        return next((item for item in self.items if item.image == image), None)

    def at(self, path: str) -> Item | None:
        """The item of a file, None if it has none."""
        return next((item for item in self.items if item.path == path), None)

    def enter(self, path: str, new_image: Callable[[], int], box: Rect | None = None) -> Item:
        """The item of a file that is opened, with a new number if its old one is used up.

        The oldest other item that does not wait goes if there are too many.
        """
        item = self.at(path)
        if item is None:
            idle = [other for other in self.items if not other.waiting]
            if len(self.items) >= MOST and idle:
                self.items.remove(idle[0])
            item = Item(new_image(), path)
            self.items.append(item)
        elif item.begun:
            item.image, item.begun = new_image(), False
            item.objective = item.occluded = None
        item.box, item.error = box, ""
        return item

    def add(self, paths: list[str], new_image: Callable[[], int]) -> int:
        """Let files wait that are not yet here; how many there was no room for."""
        known = {item.path for item in self.items}
        new = [path for path in dict.fromkeys(paths) if path not in known]
        room = max(MOST - len(self.items), 0)
        self.items += [Item(new_image(), path, waiting=True) for path in new[:room]]
        return len(new[room:])

    def enlist(self, people: list[Listed], new_image: Callable[[], int]) -> int:
        """Add people of tables, none of whom waits; how many there was no room for."""
        known = {item.path: item for item in self.items}
        room = MOST - len(self.items)
        for person in people:
            item = known.get(person.path)
            if item is None and room > 0:
                item, room = Item(new_image(), person.path, title=person.title), room - 1
                self.items.append(item)
            if item is not None:
                item.listed = person
        return sum(self.at(person.path) is None for person in people)

    @property
    def orders(self) -> list[Order]:
        """The ways to sort these items."""
        listed = any(item.listed is not None for item in self.items)
        return [order for order in Order if listed or order is not Order.ERROR]

    @property
    def sorted(self) -> list[Item]:
        """The items in the chosen order; those without a score come last."""
        if self.order is Order.OPENED:
            return self.items
        scores = [(self._score(item), item) for item in self.items]
        scored = [(score, item) for score, item in scores if score is not None]
        scored.sort(key=lambda pair: -pair[0])
        return [item for _, item in scored] + [item for score, item in scores if score is None]

    def _score(self, item: Item) -> float | None:
        if self.order is Order.ERROR:
            return item.listed.error if item.listed is not None else None
        return item.objective if self.order is Order.OBJECTIVE else item.occluded


@dataclass
class Behind:
    """What the worker does for items that are not on screen.

    Attributes:
        opening: the item that it has been asked to open.
        fitting: the run that it fits when what is on screen leaves it time.
        going: it has been told to.
        peeking: image whose small picture is on its way.
    """

    opening: Open | None = None
    fitting: RunKey | None = None
    going: bool = False
    peeking: int | None = None
