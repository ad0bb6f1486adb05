"""What the user does with the steps of the run on screen: scrub, play, jump, set bookmarks."""

from __future__ import annotations

from dataclasses import dataclass

from app.history import Marked
from app.playing import RATES, STRIDES
from app.protocol.commands import Commands, Export, Exported, Question, Save, Scan
from app.protocol.events import Scanned, Written
from app.protocol.scan import ScanKind
from app.state import Level, Message, Phase
from app.wants import Wants

CHUNKS = {ScanKind.MOVEMENT: 4096, ScanKind.FLIPS: 8}
"""Steps that are looked at before other questions come in between; z has to be rendered."""
LONGEST_NAME = 60  # letters


@dataclass
class Steps(Wants):
    """The state, and the methods about steps. Each returns what the worker must get."""

    # --- scrub ---

    def scrub(self, step: int) -> Commands:
        """Show a recorded step; the newest one is followed from then on. What played stops."""
        self.view.play.stop()
        self.view.seeking = None
        self._go_to(step)
        return []

    def scrub_to_best(self) -> Commands:
        """Show the best step."""
        return [] if self.best is None else self.scrub(self.best)

    def walk(self, count: int) -> Commands:
        """Go some strides on, or back."""
        return self.scrub(self.view.step + count * self.view.play.stride)

    def _go_to(self, step: int) -> None:
        if self.steps:
            self.view.step = min(max(step, 0), self.steps - 1)
            self.view.follow = self.view.step == self.steps - 1

    # --- play ---

    def play(self) -> Commands:
        """Play the steps from the one on screen, from the first at the end; or stop."""
        play, on = self.view.play, not self.view.play.steps.on
        if on and self.steps > 1:
            self._go_to(0 if self.view.step >= self.steps - 1 else self.view.step)
            self.view.follow = False
            self.view.seeking = None
            self.message = Message("Playing: {play} stops.")
        play.steps.switch(on and self.steps > 1)
        return []

    def toggle_loop(self) -> Commands:
        """Begin again after the last step, or stop there."""
        if self.steps > 1:
            self.view.play.loop = not self.view.play.loop
        return []

    def set_rate(self, rate: float) -> Commands:
        """Play so many steps a second."""
        self.view.play.steps.rate = min(max(rate, RATES[0]), RATES[1])
        return []

    def change_rate(self, factor: float) -> Commands:
        """Play faster or slower."""
        if self.steps > 1:
            self.set_rate(self.view.play.steps.rate * factor)
            self.message = Message(f"At most {self.view.play.steps.rate:.3g} steps a second")
        return []

    def can_change_rate(self, factor: float) -> bool:
        """Whether it is not as fast, or as slow, as can be."""
        return self.view.play.steps.rate != RATES[factor > 1]

    def set_stride(self, stride: int) -> Commands:
        """Play every so many steps."""
        self.view.play.stride = max(stride, 1)
        return []

    def next_stride(self) -> Commands:
        """Play with the next larger stride, or the smallest again."""
        if self.steps <= 1:
            return []
        larger = [s for s in STRIDES if s > self.view.play.stride]
        stride = larger[0] if larger else STRIDES[0]
        self.message = Message("Every step" if stride == 1 else f"Every {stride} steps")
        return self.set_stride(stride)

    def tick(self, now: float) -> bool:
        """Let happen what is due; whether anything did.

        Args:
            now: seconds of any clock, the same one each time.
        """
        beat = self.view.play.steps
        if not beat.on or not self._pictured_step or beat.left(now) > 0:
            return False
        step = self.view.play.next_step(self.view.step, self.steps - 1)
        if step is None:
            beat.switch(False)
            self.view.follow = True
        else:
            self._go_to(step)
            self.view.follow = False
            beat.happened(now)
        return True

    def rest(self, now: float) -> float | None:
        """Seconds until `tick` has something to do; None while only a message can change that."""
        beat = self.view.play.steps
        return max(beat.left(now), 0.0) if beat.on and self._pictured_step else None

    @property
    def _pictured_step(self) -> bool:
        """Whether the pictures of the shown step are on screen."""
        return self.painted is not None and self.painted.step == self.view.step

    # --- jump ---

    def seek(self, what: ScanKind) -> Commands:
        """Go to the step that changes most, once the worker has looked at all steps."""
        if self.record is not None and self.steps > 1:
            self.view.play.stop()
            self.view.follow = False
            self.view.seeking = what
            self._arrive()
        return []

    @property
    def question(self) -> Question | None:
        """The next question. None if the screen lacks nothing."""
        return super().question or self.wanted_scan

    @property
    def wanted_scan(self) -> Scan | None:
        """The steps to look at next for what is sought."""
        what, record, key = self.view.seeking, self.record, self.view.key
        if what is None or record is None or key is None or not self.answering:
            return None
        first = len(record.changes[what])
        last = min(first + CHUNKS[what], record.steps)
        return Scan(*key, what, first, last) if first < last else None

    def _on_scanned(self, event: Scanned) -> None:
        """Some steps have been looked at."""
        record = self.document.find(event.key)
        if record is None or len(record.changes[event.what]) != event.first:
            return
        record.changes[event.what] += event.changes
        if event.key == self.view.key and self.view.seeking is event.what:
            self._arrive()

    def _arrive(self) -> None:
        """Go to the step that is sought, if all have been looked at."""
        what, record = self.view.seeking, self.record
        if what is None or record is None:
            return
        changes = record.changes[what]
        if len(changes) < record.steps:
            words = "how joints move" if what is ScanKind.MOVEMENT else "z"
            known = f"{len(changes)} of {record.steps}"
            self.message = Message(f"Looking at {words} in all steps: {known}…")
            return
        step = max(range(1, len(changes)), key=lambda k: changes[k].amount)
        self.scrub(step)
        self.message = Message(_told(what, step, changes[step].amount, changes[step].where))

    # --- files ---

    def export(self, what: Exported, path: str) -> Commands:
        """Have the worker write a file about the run on screen and the step there."""
        if self.view.key is None or not self.steps:
            return []
        if not self.answering:
            text = "The engine that has this run is not there: {restart} starts it again."
            self.message = Message(text, Level.WARNING)
            return []
        self.message = Message(f"Writing {path}…")
        return [Export(*self.view.key, what, self.view.step, path)]

    def _on_written(self, event: Written) -> Commands:
        text = f"Wrote {event.path}"
        if event.done < event.count:
            text = f"Writing {event.path}: picture {event.done} of {event.count}…"
        self.message = Message(text)
        return []

    # --- bookmarks ---

    def mark(self) -> Commands:
        """Set a bookmark at the shown step, or take it away."""
        record = self.record
        if record is None or not record.steps:
            return []
        return self._set_mark("" if self.view.step not in record.bookmarks else None)

    def name_mark(self, name: str) -> Commands:
        """Name the bookmark at the shown step; set one if there is none."""
        record = self.record
        if record is None or not record.steps:
            return []
        return self._set_mark(name.strip()[:LONGEST_NAME])

    def next_mark(self, way: int) -> Commands:
        """Go to the next bookmark (1), or to the one before (-1)."""
        step = self.mark_beside(way)
        if step is None or self.record is None:
            which = "after" if way > 0 else "before"
            self.message = Message(f"No bookmark {which} this step: {{mark}} sets one.")
            return []
        name = self.record.bookmarks[step]
        self.message = Message(f"Bookmark at step {step}" + (f": {name}" if name else ""))
        return self.scrub(step)

    @property
    def marked(self) -> bool:
        """Whether there is a bookmark at the shown step."""
        return self.record is not None and self.view.step in self.record.bookmarks

    def mark_beside(self, way: int) -> int | None:
        """The step of the next bookmark (1), or of the one before (-1)."""
        marks = self.record.bookmarks if self.record is not None else ()
        if way > 0:
            return min((mark for mark in marks if mark > self.view.step), default=None)
        return max((mark for mark in marks if mark < self.view.step), default=None)

    def _set_mark(self, name: str | None) -> Commands:
        """Change the bookmark at the shown step; None takes it away."""
        record, key, step = self.record, self.view.key, self.view.step
        assert record is not None
        assert key is not None
        old = record.bookmarks.get(step)
        if old == name:
            return []
        self.history.did(Marked(key, step, old, name))
        self.document.mark(key, step, name)
        what = "Bookmark removed: {undo} brings it back."
        if name is not None:
            what = f"Bookmark at step {step}: {{mark before}} and {{next mark}} go along them."
        self.message = Message(what)
        return self._save_quietly()

    def _save_quietly(self) -> Commands:
        """Save a finished run by itself, for a crash."""
        if (
            self.phase is not Phase.DONE
            or not self.autosave
            or self.image is None
            or self.view.key is None
        ):
            return []
        runs, truth = self.document.recorded(self.view.key[0]), self.image.truth
        return [Save(*self.view.key, self.autosave, runs, quiet=True, truth=truth)]


def _told(what: ScanKind, step: int, amount: float, where: str) -> str:
    """Where a jump has gone to, and why."""
    if what is ScanKind.MOVEMENT:
        return f"Step {step} moves the {where} by {1000 * amount:.0f} mm: no step moves more."
    share = f"{amount:.1%}"
    return f"At step {step} z crosses 1/2 in {share} of the body's pixels: in no step in more."
