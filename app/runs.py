"""What the user does with runs: begin, branch, show, compare, rename, remove, undo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.contrast import Contrast
from app.history import Added, Marked, Removed, Renamed
from app.protocol.commands import Begin, Commands, Continue, Pause
from app.protocol.run import Changes, Run, RunKey
from app.state import SETTLED, Level, Message, Pending, Phase
from core.body.moves import Moves


@dataclass
class RunTree(Contrast):
    """The state, and the methods about its runs. Each returns what the worker must get."""

    # --- begin ---

    def restart(self) -> Commands:
        """Make a new run of the same fit, from its first step; the old one stays.

        The changes that the user has drafted are the new run's.
        """
        if self.record is None or self.view.key is None or not self.can_restart:
            return []
        run = self._another_run(self.drafted, box=self.record.run.box)
        text = "Fitting from the start; {earlier run} shows the run before"
        return self._ask_for(Begin(self.view.key[0], run), Phase.BEGINNING, text, True, text, True)

    def branch(
        self, step: int | None = None, schedule: Any = None, changes: Changes | None = None
    ) -> Commands:
        """Make a new run that begins at a recorded step of this one, and pause there.

        Args:
            step: the shown one by default.
            schedule: the engine's own object; that of this run by default.
            changes: those of this run by default.
        """
        return self._branch(step, schedule, changes, go=False)

    def branch_off(self) -> Commands:
        """Branch at the shown step with the drafted changes and moves, and go on from there."""
        made = self.record.run.changes if self.record else Changes()
        if self.drafted.focal != made.focal:
            text = "Another focal length is another look at the photo: {restart} starts with it."
            self.message = Message(text, Level.WARNING)
            return []
        return self._branch(None, None, self.drafted, go=True, moves=self.view.moves)

    def _branch(
        self, step: int | None, schedule: Any, changes: Changes | None, go: bool, moves: Moves = ()
    ) -> Commands:
        record, key = self.record, self.view.key
        step = self.view.step if step is None else step
        if record is None or key is None or not self.can_restart or not 0 <= step < self.steps:
            return []
        changes = record.run.changes if changes is None else changes
        parent: dict[str, Any] = {"box": record.run.box, "parent": key[1], "at_step": step}
        run = self._another_run(changes, schedule, moves=moves, start="", **parent)
        text = f"A new run from step {step}"
        text += f" with {run.made_by}" if run.made_by else ""
        return self._ask_for(Begin(key[0], run), Phase.BEGINNING, text, go, text)

    # --- draft ---

    def weight_of(self, name: str) -> float:
        """The drafted weight of a term."""
        weights = dict(self.drafted.weights)
        return weights.get(name, next((t.weight for t in self.terms if t.name == name), 0.0))

    def draft_weight(self, name: str, weight: float) -> Commands:
        """Have the next run give a term another weight."""
        if any(term.name == name for term in self.terms) and weight >= 0:
            self.view.draft = self.view.draft.with_(Changes(weights=((name, weight),)))
        return []

    def draft_learning_rate(self, factor: float) -> Commands:
        """Have the next run take steps of other sizes."""
        if factor > 0:
            self.view.draft = self.view.draft.with_(Changes(learning_rate=factor))
        return []

    def drop_draft(self) -> Commands:
        """Go back to what the run on screen was made with, and to the body of the step."""
        self.view.draft = Changes()
        self.view.moves = self.view.unmoved = ()
        self._forget_trial()
        return []

    def _forget_trial(self) -> None:
        """Show the step itself again."""
        if self.tried is not None:
            self.tried = self.painted = self.turned = None

    # --- show and compare ---

    def show(self, key: RunKey) -> Commands:
        """Show another run of the document, at its best step if it is finished."""
        record = self.document.find(key)
        if record is None or self.phase not in SETTLED or key == self.view.key:
            return []
        commands = self.pause()
        newest = max(record.steps - 1, 0)
        step = record.best if record.reason and record.best is not None else newest
        self._look_at(key, step)
        self.view.follow = step == newest
        self.phase = Phase.DONE if record.reason else Phase.PAUSED
        return commands

    def show_neighbour(self, way: int) -> Commands:
        """Show the run before (-1) or after (1) the shown one."""
        key = self.neighbour(way)
        if key is None:
            return []
        commands = self.show(key)
        record = self.document.find(key)
        assert record is not None
        state = record.reason or f"{max(record.steps - 1, 0)} steps, paused"
        self.message = Message(f"Run {key[1]}: {state}")
        return commands

    def compare(self, key: RunKey | None = None) -> Commands:
        """Compare the run on screen with another one, or stop.

        Args:
            key: by default the parent, else the run before or after.
        """
        if key is None and self.view.other is not None:
            self.view.other = None
            return []
        key = key or self.rival
        if key is None or key == self.view.key or self.document.find(key) is None:
            self.message = Message("There is no other run of this image to compare with.")
            return []
        self.view.other = key
        self.message = Message(
            f"Compared with run {key[1]}: {{swap}} shows it, {{blink}} shows both in turns, "
            "{joint table} how far apart they are."
        )
        return []

    def swap(self) -> Commands:
        """Show the run that is compared with, at the same step, and compare with the shown one."""
        here, there, step = self.view.key, self.view.other, self.view.step
        if there is None or here is None:
            return []
        commands = self.show(there)
        if self.view.key == there:
            self.view.other = here
            self.scrub(step)
        return commands

    @property
    def rival(self) -> RunKey | None:
        """The run that one most likely wants to compare with the shown one."""
        if self.view.key is None or self.record is None:
            return None
        image, number = self.view.key
        others = [key for key in self.document.keys if key[0] == image and key[1] != number]
        parent = [key for key in others if key[1] == self.record.run.parent]
        if parent:
            return parent[0]
        before = [key for key in others if key[1] < number]
        return before[-1] if before else others[0] if others else None

    # --- name, remove, undo ---

    def rename(self, name: str) -> Commands:
        """Give the run on screen a name."""
        if self.record is not None and self.view.key is not None and name != self.record.run.name:
            self.history.did(Renamed(self.view.key, self.record.run.name, name))
            self.document.rename(self.view.key, name)
            return self._save_quietly()
        return []

    def remove(self) -> Commands:
        """Remove the run on screen, and show another one."""
        key = self.view.key
        after = self.heir
        if key is None or after is None:
            return []
        self.history.did(Removed(key, after))
        self.document.hide(key)
        self.message = Message(f"Run {key[1]} removed: {{undo}} brings it back.")
        return self.show(after)

    @property
    def heir(self) -> RunKey | None:
        """The run to show when that on screen is removed; the only run stays."""
        if self.phase not in SETTLED:
            return None
        return self.rival or self.neighbour(-1) or self.neighbour(1)

    def undo(self) -> Commands:
        """Take back the last edit."""
        return self._replay(back=True)

    def redo(self) -> Commands:
        """Do again what was taken back last."""
        return self._replay(back=False)

    def _replay(self, back: bool) -> Commands:
        if self.phase not in SETTLED:
            return []
        edit = self.history.undo() if back else self.history.redo()
        word = "Undone" if back else "Done again"
        match edit:
            case None:
                self.message = Message(f"Nothing to {'undo' if back else 'do again'}.")
                return []
            case Added():
                self.document.hide(edit.key, back)
                what, shown = f"run {edit.key[1]}", edit.before if back else edit.key
            case Removed():
                self.document.hide(edit.key, not back)
                what, shown = f"removal of run {edit.key[1]}", edit.key if back else edit.after
            case Renamed():
                self.document.rename(edit.key, edit.old if back else edit.new)
                what, shown = f"name of run {edit.key[1]}", edit.key
            case Marked():
                self.document.mark(edit.key, edit.step, edit.old if back else edit.new)
                what, shown = f"bookmark at step {edit.step}", edit.key
        commands = self.show(shown)
        if isinstance(edit, Marked):
            self.scrub(edit.step)
        if self.view.other is not None and self._gone(self.view.other):
            self.view.other = None
        self.message = Message(f"{word}: {what}")
        return (
            [*commands, *self._save_quietly()] if isinstance(edit, Renamed | Marked) else commands
        )

    def _gone(self, key: RunKey) -> bool:
        record = self.document.find(key)
        return record is None or record.hidden

    # --- what others need ---

    def pause(self) -> Commands:
        """Stop after the step in progress."""
        if self.phase is not Phase.RUNNING or self.view.key is None:
            return []
        self.phase = Phase.PAUSED
        self.message = Message("Paused")
        return [Pause(*self.view.key)]

    def run(self) -> Commands:
        """Take steps until paused."""
        if self.phase is Phase.DONE:
            self.message = Message("The fit is finished: press {restart} to start it again.")
        if self.phase is not Phase.PAUSED or self.view.key is None:
            return []
        self.phase = Phase.RUNNING
        self.view.play.stop()
        self.view.follow = True
        self.message = Message("Fitting")
        return [Continue(*self.view.key)]

    def _another_run(
        self, changes: Changes | None = None, schedule: Any = None, **options: Any
    ) -> Run:
        """A new run of the image on screen, made as the run on screen is."""
        assert self.record is not None
        assert self.image is not None
        now = self.record.run
        return self.document.new_run(
            method=now.method,
            schedule=now.schedule if schedule is None else schedule,
            changes=now.changes if changes is None else changes,
            recorded=now.recorded,
            keypoints=now.keypoints,
            **{"occluders": self.image.occluders, "start": now.start, **options},
        )

    def _ask_for(
        self,
        command: Begin,
        phase: Phase,
        message: str,
        go: bool,
        text: str = "",
        asked: bool = False,
    ) -> Commands:
        """Pause the current fit while the worker begins another run."""
        before = self.pending.before if self.pending is not None else self.phase
        commands = self.pause()
        self.pending = Pending(command, go, before, text, asked)
        self.phase = phase
        self.message = Message(message)
        return [*commands, command]

    def _look_at(self, key: RunKey, step: int) -> None:
        """Show another run; an answer about the last one that is still on its way is dropped."""
        self.view.look_at(key, step)
        self.document.images[key[0]].shown = key[1]
        self.input = self.painted = self.turned = None
        self.probed = self.refused = self.previewed = self.tried = self.truth = None
        self.compared = self.differed = None
        self.view.play.other = False
        if self.searched is not None and self.searched.image != key[0]:
            self.searched = None
        record = self.document.find(key)
        if record is not None and self.image is not None:
            self.image.occluders = record.scene.occluders

    def _came(self, key: RunKey, before: RunKey | None) -> None:
        """A run has come while another one was on screen."""
        if before is not None and before != key and self.document.find(before) is not None:
            self.history.did(Added(key, before))
