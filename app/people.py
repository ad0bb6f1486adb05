"""What the user does with the people of a photo: fit one of them, by a click, a key or a box."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

from app.asking import Asking
from app.geometry.boxes import usable
from app.geometry.people import Person, person_at
from app.geometry.plane import Point, Rect
from app.protocol.commands import Begin, BeginAt, Commands
from app.protocol.events import Opened
from app.protocol.run import RunKey
from app.state import Message, Phase


@dataclass
class Crowd(Asking):
    """The state, and the methods about the people of the image on screen."""

    def set_box(self, box: Rect | None) -> Commands:
        """Fit the person in this box instead (None: look for the person again)."""
        if not self.can_restart:
            return []
        if box is not None and not usable(box):
            self.message = Message("That box is too small: drag over the whole person.")
            return []
        assert self.view.key is not None
        command = Begin(self.view.key[0], self._another_run(box=box))
        looking = "Looking at the person in the box…"
        which = "that was found" if box is None else "in the box"
        text = f"Fitting the person {which}; {{earlier run}} shows the run before"
        return self._ask_for(command, Phase.OPENING, looking, self.auto_run, text)

    def pick(self, at: Point) -> Commands:
        """Fit the person at a pixel of the photo; where nobody was found, look closer."""
        if self.scene is None or self.view.key is None or not self.can_restart:
            return []
        if not Rect(0, 0, *self.scene.size).contains(at):
            return []
        number = person_at(self.people, at)
        if number is not None:
            return self.fit_person(number)
        command = BeginAt(self.view.key[0], self._another_run(), at)
        looking = f"Looking closer at {at[0]:.0f}, {at[1]:.0f}…"
        text = "Fitting the person who was clicked; {earlier run} shows the run before"
        return self._ask_for(command, Phase.OPENING, looking, self.auto_run, text)

    def fit_person(self, number: int) -> Commands:
        """Show the newest run of a found person, or begin one."""
        if not 0 <= number < len(self.people) or not self.can_restart or self.view.key is None:
            return []
        if number == self.person:
            return []
        box, name = self.people[number].box, f"Person {number + 1} of {len(self.people)}"
        key = self._run_of(box)
        if key is not None:
            commands = self.show(key)
            more = "" if self.phase is Phase.DONE else "; {run} goes on"
            self.message = Message(f"{name}: run {key[1]}, {self.phase.value}{more}")
            return commands
        command = Begin(self.view.key[0], self._another_run(box=box))
        text = f"{name} is fitted; {{earlier run}} shows the run before"
        return self._ask_for(command, Phase.OPENING, f"Looking at {name}…", self.auto_run, text)

    def fit_next_person(self, way: int) -> Commands:
        """Fit or show the next person (1), or the one before (-1), after the last the first."""
        number = self.next_person(way)
        return [] if number is None else self.fit_person(number)

    def next_person(self, way: int) -> int | None:
        """Number of the next person (1), or of the one before (-1); None for no other."""
        if not self.can_restart or not self.people:
            return None
        if self.person is None:
            return 0 if way > 0 else len(self.people) - 1
        number = (self.person + way) % len(self.people)
        return None if number == self.person else number

    def start_from(self, path: str) -> Commands:
        """Fit the person on screen from the body in a file."""
        return self._begin_beside("start", path)

    def use_keypoints(self, path: str) -> Commands:
        """Fit the person on screen to the joints in a file, in place of what detectors see."""
        return self._begin_beside("keypoints", path)

    def _begin_beside(self, kind: str, path: str) -> Commands:
        """Begin a run of the box on screen with another file."""
        if self.scene is None or self.view.key is None or not self.can_restart:
            self.message = Message("Open a photo first: the file belongs to a person in it.")
            return []
        files: dict[str, Any] = {kind: path}
        run = replace(self._another_run(box=self.scene.box), **files)
        name = PurePath(path).name
        text = f"Fitting with {name}; {{undo}} takes it back"
        command = Begin(self.view.key[0], run)
        return self._ask_for(command, Phase.OPENING, f"Looking at {name}…", True, text, True)

    def _run_of(self, box: Rect) -> RunKey | None:
        """The newest run of the image on screen that looks at a box and can be shown."""
        keys = [k for k in self.document.keys if k[0] == self.view.image and k not in self.lost]
        for key in reversed(keys):
            record = self.document.find(key)
            if record is not None and record.scene.box == box:
                return key
        return None

    def _met(self, command: Begin, event: Opened) -> None:
        """A closer look has found a person, who is known from now on."""
        image = self.document.image(event.image)
        if image is None or not isinstance(command, BeginAt) or command.key != event.key:
            return
        if all(person.box != event.scene.box for person in image.people):
            image.people = (*image.people, Person(event.scene.box, (command.at,)))
