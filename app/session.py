"""The state machine between the document, the view and the worker, without a window.

Every panel reads a `Session`; every button calls one of its methods; every message of the worker
goes through `receive`. Each of these returns the commands that the worker must now get, so the
window only carries messages, and all behaviour is tested without one.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from app.backlog import Backlog
from app.geometry.orbit import Orbit
from app.geometry.plane import Rect
from app.protocol.commands import (
    Begin,
    BeginAt,
    Commands,
    Continue,
    Open,
    Question,
    Save,
    Step,
    Truth,
)
from app.protocol.events import (
    Answering,
    Died,
    Differed,
    Event,
    Failed,
    Finished,
    Measured,
    Opened,
    Painted,
    PaintedInput,
    Peeked,
    Previewed,
    Probed,
    Ready,
    Saved,
    Scanned,
    Scored,
    Searched,
    Stepped,
    Tried,
    Turned,
    Written,
)
from app.protocol.run import RECORD_SUFFIX, is_record, stem_of
from app.state import Level, Message, Phase
from app.viewing import Viewing


def free_path(image: str, own: Collection[str] = (), suffix: str = RECORD_SUFFIX) -> str:
    """Where to save the runs of an image: in the current folder, under a name that is free.

    A record is saved where it was opened, unless it is one of ``own``: what was saved by itself.
    """
    if is_record(image) and image not in own and suffix == RECORD_SUFFIX:
        return image
    stem, count = "recovered" if image in own else stem_of(image), 1
    path = Path.cwd() / f"{stem}{suffix}"
    while path.exists():
        count += 1
        path = Path.cwd() / f"{stem}-{count}{suffix}"
    return str(path)


@dataclass
class Session(Viewing, Backlog):
    """The state, and everything that changes it: the user, and the worker's messages."""

    # --- what the user does ---

    def save(self, path: str = "") -> Commands:
        """Save the run on screen, and those of its image that look at the same box.

        Args:
            path: by default a file in the current folder, or the record that was opened.
        """
        if self.image is None or self.view.key is None or not self.can_restart:
            return []
        path = path or self.image.saved or free_path(self.image.path, (self.orphan, self.autosave))
        commands = self.pause()
        self.message = Message(f"Saving {path}…")
        runs, truth = self.document.recorded(self.view.key[0]), self.image.truth
        return [*commands, Save(*self.view.key, path, runs, truth=truth)]

    def toggle(self) -> Commands:
        """Run or pause; play what is finished."""
        if self.phase is Phase.DONE:
            return self.play()
        return self.pause() if self.phase is Phase.RUNNING else self.run()

    def step(self) -> Commands:
        """Take one step, pausing a running fit."""
        if not self.can_run or self.view.key is None:
            return []
        commands = self.pause()
        self.view.play.stop()
        self.view.follow = True
        return [*commands, Step(*self.view.key)]

    def turn(self, orbit: Orbit) -> Commands:
        """Look at the body from elsewhere."""
        self.view.orbit = orbit
        return []

    def resize(self, photo_side: int, body_size: tuple[int, int]) -> None:
        """Pixels of the photo on screen (its longer side), and width and height of the body's."""
        self.view.photo_side, self.view.body_size = photo_side, body_size

    def set_opacity(self, opacity: float) -> Commands:
        """How strongly the body covers the photo."""
        self.view.opacity = opacity
        return []

    def toggle_overlay(self, name: str) -> Commands:
        """Draw it over the photo, or do not."""
        if self.record is not None:
            self.view.toggle_overlay(name)
        return []

    def toggle_log(self) -> Commands:
        """Draw the curves on logarithmic axes, or on linear ones."""
        if self.record is not None:
            self.view.loss_log = not self.view.loss_log
        return []

    def ask(self) -> Commands:
        """Ask for what the screen lacks; called after all that happened in a frame.

        Nothing is asked while an answer is on its way, and nothing is remembered of what was wanted
        before, so that the newest wish alone is answered.
        """
        wanted = self.question
        if self.asked is not None or wanted is None or wanted == self.refused:
            return []
        self.asked = wanted
        return [wanted]

    def revived(self) -> None:
        """The window has started a new worker in place of a dead one."""
        self.phase = Phase.STARTING
        self.message = Message("Starting the engine again…")

    # --- messages of the worker ---

    def receive(self, event: Event) -> Commands:
        """Take in a message of the worker."""
        if isinstance(event, Answering):
            return self._on_answer(event)
        match event:
            case Ready():
                return self._on_ready(event)
            case Opened():
                return self._on_opened(event)
            case Stepped():
                return self._on_stepped(event)
            case Finished():
                return [*self._on_finished(event), *self._on_finished_behind(event)]
            case Scored():
                return self._on_scored(event)
            case Peeked():
                return self._on_peeked(event)
            case Saved():
                return self._on_saved(event)
            case Written():
                return self._on_written(event)
            case Failed():
                return self._on_failed(event)
            case Died():
                return self._on_died(event)

    def _on_ready(self, event: Ready) -> Commands:
        self.engine = event.detail
        self.phase = Phase.EMPTY
        self.lost = list(self.document.held)
        if self.message.level is Level.INFO:  # else it is about the settings
            self.message = Message("Drop a photo on the window, or press {open} to open one.")
        if self.orphan and self.wanted is None:
            text = "A session ended unexpectedly: {recover} opens what it had saved."
            self.message = Message(text, Level.WARNING)
        wanted, self.wanted = self.wanted, None
        return self.open(*wanted) if wanted else []

    def _on_opened(self, event: Opened) -> Commands:
        """A run has begun: show it and take one or all steps, unless a newer one was requested.

        Where nobody is, no step is taken before the user wants one.
        """
        pending = self.pending
        if event.key in self.joining:
            return self._enter(event)
        opening = self.behind.opening
        if opening is not None and opening.key == event.key:
            return self._on_opened_behind(event)
        if pending is None:
            return []
        self._met(pending.command, event)
        commands = self._enter(event)
        self._came(event.key, self.view.key)
        self._look_at(event.key, max(self.document.steps(event.key) - 1, 0))
        self.input = event.key
        self._drop_lost()
        if pending.command.key != event.key:
            pending.before = Phase.PAUSED
            return commands
        self.pending = None
        self.phase = Phase.PAUSED
        commands += self._open_others(event)
        if event.scene.person or pending.asked:
            commands += self.run() if pending.go else self.step()
        if event.scene.note:
            self.message = Message(event.scene.note, Level.WARNING)
        elif pending.text:
            self.message = Message(pending.text)
        elif not pending.go:
            self.message = Message("Ready: {run} runs, {step} takes one step.")
        return commands

    def _on_saved(self, event: Saved) -> Commands:
        image = self.document.image(event.image)
        if event.quiet:
            for other in self.document.images.values():
                other.autosaved = event.path if other is image else ""
            return []
        if image is not None:
            image.saved = event.path
        runs = "1 run" if event.count == 1 else f"{event.count} runs"
        self.message = Message(f"Saved {runs} to {event.path}")
        return []

    def recover(self) -> Commands:
        """Open what a session that crashed has saved by itself."""
        return self.open(self.orphan) if self.orphan else []

    def _on_stepped(self, event: Stepped) -> Commands:
        record = self.document.find(event.key)
        if record is None:
            return []
        record.curves.append(event)
        record.best = event.best
        if event.key != self.view.key or not self.view.follow:
            return []
        self.view.step = record.steps - 1
        return []

    def _on_answer(self, event: Answering) -> Commands:
        """An answer has come: it is on screen if it is about the shown run."""
        self.asked = self.refused = None
        if isinstance(event, Scanned):
            self._on_scanned(event)
        if isinstance(event, Painted) and event.key == self.view.other:
            self.compared = event
        if event.key != self.view.key:
            return []
        match event:
            case Probed():
                self.probed = event
            case Measured():
                self.truth = event
                return self._keep_truth()
            case Differed():
                self.differed = event
            case Searched():
                self.searched = event
            case _:
                self._show_pictures(event)
        return []

    def _show_pictures(self, event: Answering) -> None:
        """Pictures of the shown run have come."""
        match event:
            case PaintedInput():
                self.input = event.key
            case Painted():
                self.painted, self.turned = event, event.body
            case Previewed():
                self._show_unkept(event)
                self.previewed = event.occluders
            case Tried():
                self.tried = event if self.view.by_hand else None
                if self.tried is not None:
                    self._show_unkept(event)
            case Turned():
                self.turned = event.body
                self._turn_painted(event)

    def _show_unkept(self, event: Previewed | Tried) -> None:
        """Pictures of what no run has take the place of those of the step."""
        self.painted = replace(event.painted, pictures=event.pictures)
        self.turned = event.painted.body

    def _turn_painted(self, event: Turned) -> None:
        """The picture of the turned body takes the place of that which came with the others."""
        painted = self.painted
        if painted is not None and painted.step == event.step:
            pictures = {**painted.pictures, **event.pictures}
            self.painted = replace(painted, body=event.body, pictures=pictures)

    def _on_finished(self, event: Finished) -> Commands:
        record = self.document.find(event.key)
        if record is None:
            return []
        record.best, record.reason, record.doubt = event.best, event.reason, event.doubt
        if event.key != self.view.key:
            return []
        if self.pending is not None:
            self.pending.before = Phase.DONE
            return []
        self.phase = Phase.DONE
        curves = record.curves
        time = f" in {curves.seconds:.1f} s" if curves.taken == len(curves) else ""
        self.message = Message(
            f"Finished: {event.reason}. {record.steps - 1} steps{time}, best at step {event.best}."
        )
        commands = self.scrub(event.best) if self.view.follow else []
        return [*commands, *self._save_quietly()]

    def _on_scored(self, event: Scored) -> Commands:
        record = self.document.find(event.key)
        if record is not None:
            record.occluded = event.occluded
        return self._on_finished_behind(event)

    def _on_failed(self, event: Failed) -> Commands:
        """A command failed: return to the state before it."""
        command = event.command
        if self._on_failed_behind(event):
            return []
        if event.text:
            self.message = Message(event.text, Level.ERROR)
        if isinstance(command, Question):
            self.asked, self.refused = None, command
            self.view.seeking = None
        match command:
            case Truth():
                self._forget_truth(command)
            case Begin() if command.key in self.joining:
                del self.joining[command.key]
            case Begin() if self.pending is not None and command.key == self.pending.command.key:
                before, self.pending = self.pending.before, None
                return self._return_to(before, command, event.text)
            case Continue() | Step() if command.key == self.view.key:
                if self.phase is Phase.RUNNING:
                    self.phase = Phase.PAUSED
            case _:
                pass
        return []

    def _return_to(self, before: Phase, command: Begin, text: str) -> Commands:
        """A run cannot begin: what was on screen goes on as it was."""
        item = self.album.find(command.image) if isinstance(command, Open) else None
        if item is not None:
            item.error, item.waiting = text, False
        self.phase = before
        self.drop_sketch()
        return [Continue(*self.view.key)] if before is Phase.RUNNING and self.view.key else []

    def _on_died(self, event: Died) -> Commands:
        self._lose_album(event.text)
        self.wanted = self._to_reopen()
        self.phase, self.pending = Phase.DOWN, None
        self.view.play.stop()
        self.asked = self.refused = None
        self.message = Message(f"{event.text}. Press {{restart}} to start it again.", Level.ERROR)
        return []

    # --- helpers ---

    def _drop_lost(self) -> None:
        """Drop the runs of a dead worker, now that one of the new worker is on screen."""
        for key in self.lost:
            self.document.remove(key)
        self.history.forget(self.lost)
        self.lost = []

    def _to_reopen(self) -> tuple[str, Rect | None] | None:
        """The photo and box to open again after a death of the worker."""
        if self.pending is not None and isinstance(self.pending.command, Open):
            return self.pending.command.path, self.pending.command.run.box
        if self.image is None or self.record is None:
            return self.wanted
        closer = self.pending is None or isinstance(self.pending.command, BeginAt)
        run = self.record.run if closer or self.pending is None else self.pending.command.run
        item = self.album.find(self.view.image)
        if self.image.autosaved and item is None:
            return self.image.autosaved, None
        if self.image.autosaved and item is not None:
            item.record = self.image.autosaved
            return item.path, None
        return self.image.path, run.box
