"""Several photos: those that wait are opened and fitted while what is on screen leaves time.

The worker steps one run at a time. That on screen comes first; while it is paused or done, the
next item of the album is opened and fitted behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.album import Behind, Item, ItemState, Listed, Order
from app.geometry.plane import Rect
from app.people import Crowd
from app.protocol.commands import Begin, Commands, Continue, Forget, Open, Peek
from app.protocol.events import Failed, Finished, Opened, Peeked, Scored
from app.protocol.run import Changes, RunKey, is_record
from app.state import SETTLED, Level, Message, Phase
from app.view import JOINTS

NOBODY = "nobody was found"


@dataclass
class Backlog(Crowd):
    """The state, and the methods about the album."""

    # --- what the user does ---

    def open(self, path: str, box: Rect | None = None, note: str = "") -> Commands:
        """Open a photo. What is on screen stays until the new one is there.

        Before the engine is ready the path is remembered.

        Args:
            note: the message once it is there.
        """
        item = self.album.enter(path, self.document.new_image, box)
        if self.phase in (Phase.STARTING, Phase.DOWN):
            before = self.album.at(self.wanted[0]) if self.wanted is not None else None
            if before is not None:
                before.waiting = before is not item
            self.wanted = path, box
            text = f"{item.name} opens when the engine is ready. {note}"
            self.message = Message(text.strip())
            return []
        self._leave()
        command = self._opening(item)
        looking = f"Looking at {item.name}…"
        return self._ask_for(command, Phase.OPENING, looking, self.auto_run, note)

    def open_all(self, paths: Sequence[str], box: Rect | None = None, note: str = "") -> Commands:
        """Open the first of some photos, and let the others wait; those that are known stay."""
        first, *others = paths
        commands = self.open(first, box, note)
        left = self.album.add(others, self.document.new_image)
        if left:
            text = f"The strip is full: {left} of {len(paths)} files are left out."
            self.message = Message(text, Level.WARNING)
        return commands

    def open_people(self, people: list[Listed]) -> Commands:
        """Open the first of the people of tables; the others are opened when they are shown."""
        left = self.album.enlist(people, self.document.new_image)
        self.album.order = Order.ERROR
        self.view.overlays |= {JOINTS}  # with the true ones
        text = f"{len(people) - left} people, worst first: {{next image}} opens the next."
        if left:
            text = f"{left} of {len(people)} people are left out: the strip is full."
        commands = self.open(people[0].path, note=text)
        if left:
            self.message = Message(text, Level.WARNING)
        return commands

    def show_worst(self) -> Commands:
        """Sort the strip by what is known of errors, and show its first item."""
        if not self.can_show_worst:
            return []
        orders = self.album.orders
        if self.album.order is Order.OPENED:
            self.album.order = Order.ERROR if Order.ERROR in orders else Order.OBJECTIVE
        return self.show_image(self.album.sorted[0].image)

    @property
    def can_show_worst(self) -> bool:
        """Whether there is a strip, and another item could be shown now."""
        return len(self.album.items) > 1 and self.phase in (*SETTLED, Phase.EMPTY, Phase.OPENING)

    def show_image(self, image: int) -> Commands:
        """Show an item of the album as it was left; one that is not open is opened."""
        item = self.album.find(image)
        if item is None or self.phase is Phase.BEGINNING or image == self.foremost:
            return []
        if self.behind.opening is not None and self.behind.opening.image == image:
            return self._bring_forward(self.behind.opening, item)
        key = self.run_of(item)
        if key is None:
            return self.open(item.path, item.box)
        if self.phase not in SETTLED:
            return []
        self._leave()
        go = item.waiting or self.behind.fitting == key
        commands = self.show(key)
        item.waiting = False
        if self.behind.fitting == key:
            self.behind.fitting = None
        if go:
            commands += self.run()
        self.message = Message(f"{item.name}: {self.phase.value}")
        return commands

    def show_next_image(self, way: int) -> Commands:
        """Show the next item of the strip (1), or the one before (-1)."""
        item = self.next_image(way)
        return [] if item is None else self.show_image(item.image)

    def next_image(self, way: int) -> Item | None:
        """The next item of the strip (1), or the one before (-1), that could be shown now."""
        if self.phase not in (*SETTLED, Phase.EMPTY, Phase.OPENING):
            return None
        items = self.album.sorted
        places = [i for i, item in enumerate(items) if item.image == self.foremost]
        place = places[0] + way if places else 0
        item = items[place] if 0 <= place < len(items) else None
        settled = item is None or self.phase is not Phase.OPENING or self.run_of(item) is None
        return item if settled else None

    def sort(self) -> Commands:
        """Sort the strip in the next way."""
        if len(self.album.items) > 1:
            orders = self.album.orders
            place = orders.index(self.album.order) + 1
            self.album.order = orders[place % len(orders)]
            self.message = Message(f"The strip is sorted: {self.album.order.value}.")
        return []

    # --- what the strip shows ---

    @property
    def foremost(self) -> int | None:
        """The image on screen, or the one that is opened to come there."""
        return self.view.image if self.pending is None else self.pending.command.image

    def run_of(self, item: Item) -> RunKey | None:
        """The run of an item that was on screen last, or its newest; None while it is not open."""
        image = self.document.image(item.image)
        if image is None:
            return None
        keys = [k for k in self.document.keys if k[0] == item.image and k not in self.lost]
        shown = item.image, image.shown
        return shown if shown in keys else keys[-1] if keys else None

    def state_of(self, item: Item) -> ItemState:
        """What has become of an item."""
        opening = (self.behind.opening, self.pending.command if self.pending else None)
        if any(command is not None and command.image == item.image for command in opening):
            return ItemState.LOOKING
        if item.error:
            return ItemState.FAILED
        key = self.run_of(item)
        record = self.document.find(key)
        if record is not None and not record.reason:
            on_screen = key == self.view.key and self.phase is Phase.RUNNING
            if on_screen or (key == self.behind.fitting and self.behind.going):
                return ItemState.FITTING
            waits = item.waiting or key == self.behind.fitting
            return ItemState.WAITING if waits else ItemState.PAUSED
        if record is not None or item.objective is not None:
            return ItemState.DONE
        if item.listed is not None and not (item.waiting or item.begun):
            return ItemState.LISTED
        return ItemState.WAITING if item.waiting or not item.begun else ItemState.PAUSED

    def progress_of(self, item: Item) -> float:
        """Share of the steps that are recorded."""
        record = self.document.find(self.run_of(item))
        return record.steps / max(record.planned, 1) if record is not None else 0.0

    # --- behind what is on screen ---

    def work(self) -> Commands:
        """What the worker must get for the album; called after all that happened in a frame."""
        if self.phase not in (*SETTLED, Phase.EMPTY):
            return []
        return [*self._peek(), *self._go_on()]

    def _go_on(self) -> Commands:
        """Fit behind what is on screen, unless that is fitted."""
        behind, shown = self.behind, self.album.find(self.view.image)
        if self.phase is Phase.RUNNING:
            behind.going = False  # the worker steps the run on screen instead
            if shown is not None:
                shown.waiting = False
            return []
        if behind.opening is not None or not self.auto_run:
            return []
        record = self.document.find(behind.fitting)
        if record is None or record.reason or behind.fitting == self.view.key:
            behind.fitting = None
        if behind.fitting is None:
            return self._begin_next()
        if behind.going:
            return []
        behind.going = True
        return [Continue(*behind.fitting)]

    def _begin_next(self) -> Commands:
        """Take the next item that waits."""
        for item in self.album.items:
            if not item.waiting or item.image == self.view.image:
                continue
            key = self.run_of(item)
            record = self.document.find(key)
            if key is None and self.phase is Phase.EMPTY:
                failed = self.message.level is Level.ERROR
                return self.open(item.path, item.box, self.message.text if failed else "")
            if key is None:
                self.behind.opening = self._opening(item)
                return [self.behind.opening]
            if record is not None and not record.reason:
                self.behind.fitting, self.behind.going = key, True
                return [Continue(*key)]
            item.waiting = False
        return []

    def _peek(self) -> Commands:
        """Ask for the small picture of an item that has none."""
        if self.behind.peeking is not None or len(self.album.items) < 2:
            return []
        for item in self.album.items:
            if not (item.pictured or item.error or item.begun):
                if item.listed is not None and self.phase is Phase.RUNNING:
                    continue  # some are drawn anew, which takes time from the fit
                self.behind.peeking = item.image
                return [Peek(item.image, 0, item.path)]
        return []

    def _opening(self, item: Item) -> Open:
        """The command that opens an item."""
        if item.begun:  # it was open before
            item = self.album.enter(item.path, self.document.new_image, item.box)
        item.begun = True
        path, item.record = item.record or item.path, ""
        run = self.document.new_run(box=item.box, resumes=is_record(path) and not item.box)
        return Open(item.image, run, path)

    def _bring_forward(self, command: Open, item: Item) -> Commands:
        """What is opened behind is to come on screen."""
        self._leave()
        self.behind.opening, item.waiting = None, False
        commands = self._ask_for(command, Phase.OPENING, f"Looking at {item.name}…", self.auto_run)
        return [c for c in commands if c is not command]

    def _leave(self) -> None:
        """Another image will be on screen: a fit that runs goes on behind it."""
        item = self.album.find(self.view.image)
        if item is not None and self.phase is Phase.RUNNING and self.auto_run:
            item.waiting = True

    # --- messages of the worker ---

    def _enter(self, event: Opened) -> Commands:
        """A run has begun: put it into the document and the album."""
        item = self.album.find(event.image)
        if item is not None:
            item.pictured = True
            item.title = event.scene.name or (item.listed.title if item.listed else "")
            item.error = "" if event.scene.person else NOBODY
        dropped = self.document.add(event, self.view.key)
        for step, name in self.joining.pop(event.key, ()):
            self.document.mark(event.key, step, name)
        self.history.forget(dropped)
        return [Forget(*key) for key in dropped]

    def _open_others(self, event: Opened) -> Commands:
        """Begin the other runs of a record, too, with numbers of this document."""
        if not event.recorded:
            return []
        *others, newest = event.recorded
        numbers: dict[int | None, int] = {}
        commands: Commands = []
        for other in others:
            run = self.document.new_run(
                resumes=True,
                recorded=other.number,
                parent=numbers.get(other.parent),
                at_step=other.at_step,
                name=other.name,
                occluders=other.occluders,
            )
            numbers[other.number] = run.id
            self.joining[event.image, run.id] = other.bookmarks
            commands.append(Begin(event.image, run))
        self.document.place(event.key, numbers.get(newest.parent), newest.at_step, newest.name)
        for step, name in newest.bookmarks:
            self.document.mark(event.key, step, name)
        return commands

    def _on_opened_behind(self, event: Opened) -> Commands:
        """An item is open behind what is on screen."""
        self.behind.opening = None
        commands = [*self._enter(event), *self._open_others(event)]
        item = self.album.find(event.image)
        if event.scene.person:
            self.behind.fitting, self.behind.going = event.key, False
        elif item is not None:
            item.waiting = False
            self._sum_up(f"{item.name}: {NOBODY}")
        return commands

    def _on_finished_behind(self, event: Finished | Scored) -> Commands:
        """A run has finished, and perhaps the last one that waited."""
        item = self.album.find(event.image)
        if item is not None:
            self._score(item)
        if not isinstance(event, Finished) or event.key != self.behind.fitting:
            return []
        self.behind.fitting, self.behind.going = None, False
        if item is not None:
            item.waiting = False
        self._sum_up()
        return []

    def _sum_up(self, trouble: str = "") -> None:
        """Tell of trouble with an item, and how many are fitted if none waits any more."""
        words = [trouble.rstrip(".") + "."] if trouble else []
        if not any(item.waiting for item in self.album.items):
            done = [self.state_of(item) is ItemState.DONE for item in self.album.items]
            words.append(f"{sum(done)} of {len(done)} photos are fitted.")
        if words:
            level = Level.WARNING if trouble else Level.INFO
            self.message = Message(" ".join(words), level)

    def _score(self, item: Item) -> None:
        """Take the scores of the best run that is done as all others are."""
        image = self.document.image(item.image)
        runs = image.runs.values() if image is not None else ()
        plain = [r for r in runs if r.reason and r.run.changes == Changes() and not r.run.schedule]
        found = [(r.curves.total[r.best], r.occluded) for r in plain if r.best is not None]
        if found:
            item.objective, item.occluded = min(found, key=lambda score: score[0])

    def _on_peeked(self, event: Peeked) -> Commands:
        item = self.album.find(event.image)
        if item is not None:
            item.pictured = True
        self.behind.peeking = None
        return []

    def _on_failed_behind(self, event: Failed) -> bool:
        """Whether a failure is about something behind what is on screen; it is marked then."""
        command, behind = event.command, self.behind
        if isinstance(command, Peek):
            behind.peeking = None
        elif behind.opening is not None and command == behind.opening:
            behind.opening = None
        elif isinstance(command, Continue) and command.key == behind.fitting:
            behind.fitting, behind.going = None, False
        else:
            return False
        self._mark_failed(command.image, event.text)
        return True

    def _mark_failed(self, image: int, text: str) -> None:
        """An item cannot be fitted; the others go on."""
        item = self.album.find(image)
        if item is not None and text:
            waited, item.error, item.waiting = item.waiting, text, False
            if waited:
                self._sum_up(text)
            else:
                self.message = Message(text, Level.WARNING)

    def _lose_album(self, text: str) -> None:
        """The worker is dead: what it was doing behind the screen may have been the cause."""
        behind, self.behind = self.behind, Behind()
        busy = behind.fitting if behind.going else None
        opened = behind.opening.image if behind.opening is not None else busy and busy[0]
        image = opened if behind.peeking is None else behind.peeking
        item = self.album.find(image)
        if item is not None:
            item.error, item.waiting = text, False
