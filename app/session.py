"""The whole state of a debugging session, without a window.

Every panel reads a `Session`; every button calls one of its methods; every message of the worker
goes through `receive`. Each of these returns the commands that the worker must now get, so the
window only carries messages, and all behaviour is tested without one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from app.boxes import usable
from app.geometry2d import Rect
from app.orbit import Orbit
from app.protocol import (
    Command,
    Died,
    Event,
    Failed,
    Finished,
    ImageScene,
    Observe,
    Open,
    Opened,
    Paint,
    Painted,
    Pause,
    Ready,
    Restart,
    Run,
    StageMark,
    Step,
    Stepped,
    Turn,
    Turned,
)

Commands = list[Command]


class Phase(Enum):
    """What the session is doing."""

    STARTING = "starting the engine"
    EMPTY = "no photo"
    OPENING = "looking at the photo"
    PAUSED = "paused"
    RUNNING = "fitting"
    DONE = "finished"
    DOWN = "the engine stopped"

    @property
    def busy(self) -> bool:
        """Whether the worker's main thread has something to do."""
        return self in (Phase.STARTING, Phase.OPENING, Phase.RUNNING)


_SETTLED = (Phase.PAUSED, Phase.RUNNING, Phase.DONE)


class Level(Enum):
    """How a message is shown."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Message:
    """The line at the bottom of the window."""

    text: str
    level: Level = Level.INFO


@dataclass
class Curves:
    """Losses of every recorded step; ``terms`` are weighted and add up to ``total``."""

    total: list[float] = field(default_factory=list)
    terms: dict[str, list[float]] = field(default_factory=dict)
    seconds: float = 0.0

    def append(self, event: Stepped) -> None:
        """Take in one step."""
        self.total.append(event.total)
        self.seconds += event.seconds
        for name, value in event.terms.items():
            self.terms.setdefault(name, []).append(value)

    def __len__(self) -> int:
        return len(self.total)


@dataclass
class Request:
    """Latest-wins asking: one question is on its way at most; a newer one replaces the waiting."""

    asked: Command | None = None
    waiting: Command | None = None

    def ask(self, question: Command) -> Commands:
        """Send the question now, or when the answer to the one on its way has come."""
        if self.asked is None:
            self.asked = question
            return [question]
        self.waiting = None if question == self.asked else question
        return []

    def answered(self) -> Commands:
        """The answer has come: send what has been waiting."""
        self.asked = None
        question, self.waiting = self.waiting, None
        return self.ask(question) if question else []


@dataclass
class Session:
    """The state of the window. Public fields are for reading; methods change them.

    Attributes:
        generation: number of the photo, box or restart that is on screen.
        issued: the last number given out; larger than ``generation`` while a photo is being opened.
        auto_run: start fitting as soon as a photo is open.
        opened: what the worker said about the photo, None without one.
        shown: the recorded step on screen.
        follow: the newest step is shown as it comes.
        painted: the step whose pictures are on screen.
        wanted: photo and box that are being opened, or will be once the engine is there.
        show_joints: the estimated joints and the body's are drawn over the photo.
    """

    phase: Phase = Phase.STARTING
    auto_run: bool = True
    message: Message = Message("Starting the engine…")
    engine: str = ""
    generation: int = 0
    opened: Opened | None = None
    wanted: tuple[str, Rect | None] | None = None
    issued: int = 0
    curves: Curves = field(default_factory=Curves)
    shown: int = 0
    follow: bool = True
    best: int | None = None
    opacity: float = 0.75
    show_joints: bool = False
    painted: Painted | None = None
    turned: Turned | None = None
    orbit: Orbit = field(default_factory=Orbit)
    body_size: tuple[int, int] = (0, 0)
    _rest: Phase = Phase.EMPTY  # where a failed opening returns to
    _maps: Request = field(default_factory=Request)
    _body: Request = field(default_factory=Request)

    # --- what panels ask ---

    @property
    def scene(self) -> ImageScene | None:
        """What is known of the photo, None without one."""
        return self.opened.scene if self.opened else None

    @property
    def steps(self) -> int:
        """Number of recorded steps."""
        return len(self.curves)

    @property
    def stages(self) -> tuple[StageMark, ...]:
        """Stages of the schedule, empty without a photo."""
        return self.opened.stages if self.opened else ()

    @property
    def planned(self) -> int:
        """Number of records a whole fit will have."""
        return max((s.stop for s in self.stages), default=0)

    @property
    def box(self) -> Rect | None:
        """The person's box on screen: the one being asked for, else the one being fitted."""
        if self.phase is Phase.OPENING and self.wanted and self.wanted[1]:
            return self.wanted[1]
        return self.scene.box if self.scene else None

    @property
    def can_run(self) -> bool:
        """Whether there is a fit that could go on."""
        return self.phase in (Phase.PAUSED, Phase.RUNNING)

    @property
    def can_restart(self) -> bool:
        """Whether there is a fit that could start again."""
        return self.scene is not None and self.phase in _SETTLED

    @property
    def settled(self) -> bool:
        """Whether the pictures of the shown step have come."""
        if self._maps.asked is not None or self._body.asked is not None or self.painted is None:
            return False
        turned = self.turned.step if self.turned else self.shown
        return self.painted.step == turned == self.shown

    def stage_at(self, step: int) -> StageMark | None:
        """The stage that a recorded step belongs to."""
        return next((s for s in self.stages if s.start <= step < s.stop), None)

    # --- what the user does ---

    def open(self, path: str, box: Rect | None = None) -> Commands:
        """Open a photo. What is on screen stays until the new one is there.

        Before the engine is ready the wish is remembered.
        """
        name = Path(path).name
        if self.phase in (Phase.STARTING, Phase.DOWN):
            self.wanted = path, box
            self.message = Message(f"{name} opens when the engine is ready")
            return []
        self.issued += 1
        return self._opening(Open(self.issued, path, box), (path, box), f"Looking at {name}…")

    def set_box(self, box: Rect | None) -> Commands:
        """Fit the person in this box instead (None: look for the person again)."""
        if self.scene is None or self.wanted is None or self.phase not in _SETTLED:
            return []
        if box is not None and not usable(box):
            self.message = Message("That box is too small: drag over the whole person.")
            return []
        self.issued += 1
        wanted = self.wanted[0], box
        return self._opening(Observe(self.issued, box), wanted, "Looking at the person in the box…")

    def run(self) -> Commands:
        """Take steps until paused."""
        if self.phase is Phase.DONE:
            self.message = Message("The fit is finished: press R to start it again.")
        if self.phase is not Phase.PAUSED:
            return []
        self.phase = Phase.RUNNING
        self.follow = True
        self.message = Message("Fitting")
        return [Run()]

    def pause(self) -> Commands:
        """Stop after the step in progress."""
        if self.phase is not Phase.RUNNING:
            return []
        self.phase = Phase.PAUSED
        self.message = Message("Paused")
        return [Pause()]

    def toggle(self) -> Commands:
        """Run or pause."""
        return self.pause() if self.phase is Phase.RUNNING else self.run()

    def step(self) -> Commands:
        """Take one step, pausing a running fit."""
        if not self.can_run:
            return []
        commands = self.pause()
        self.follow = True
        return [*commands, Step()]

    def restart(self) -> Commands:
        """Start the same fit again from its first step."""
        if not self.can_restart:
            return []
        self.issued += 1
        self._renew(self.issued)
        self.phase = Phase.RUNNING
        self.message = Message("Fitting from the start")
        return [Restart(self.issued), Run()]

    def scrub(self, step: int) -> Commands:
        """Show a recorded step; the newest one is followed from then on."""
        if not self.steps:
            return []
        self.shown = min(max(step, 0), self.steps - 1)
        self.follow = self.shown == self.steps - 1
        return self._repaint()

    def turn(self, orbit: Orbit) -> Commands:
        """Look at the body from elsewhere."""
        self.orbit = orbit
        return self._ask_body()

    def resize_body(self, width: int, height: int) -> Commands:
        """The body's panel has this many pixels."""
        if (width, height) == self.body_size:
            return []
        self.body_size = width, height
        return self._ask_body()

    def set_opacity(self, opacity: float) -> Commands:
        """How strongly the body covers the photo."""
        self.opacity = opacity
        return self._repaint() if self.steps else []

    def toggle_joints(self) -> None:
        """Draw joints over the photo, or do not."""
        self.show_joints = not self.show_joints

    def revived(self) -> None:
        """The window has started a new worker in place of a dead one."""
        self.phase = Phase.STARTING
        self.message = Message("Starting the engine again…")

    # --- what the worker says ---

    def receive(self, event: Event) -> Commands:
        """Take in a message of the worker."""
        if isinstance(event, Failed):
            return self._on_failed(event)
        if isinstance(event, Opened):
            return self._on_opened(event) if event.generation > self.generation else []
        if isinstance(event, Ready):
            return self._on_ready(event)
        if isinstance(event, Died):
            return self._on_died(event)
        current = event.generation == self.generation
        if isinstance(event, Painted):
            self.painted = event if current else self.painted
            return self._maps.answered()
        if isinstance(event, Turned):
            self.turned = event if current else self.turned
            return self._body.answered()
        if not current:
            return []
        return self._on_stepped(event) if isinstance(event, Stepped) else self._on_finished(event)

    def _on_ready(self, event: Ready) -> Commands:
        self.engine = event.detail
        self.phase = self._rest = Phase.EMPTY
        self.message = Message("Drop a photo on the window, or press O to open one.")
        return self.open(*self.wanted) if self.wanted else []

    def _on_opened(self, event: Opened) -> Commands:
        self.opened = event
        self._renew(event.generation)
        if event.generation < self.issued:
            self._rest = Phase.PAUSED
            return []
        self.phase = Phase.PAUSED
        commands = self.run() if self.auto_run else self.step()
        if event.scene.note:
            self.message = Message(event.scene.note, Level.WARNING)
        elif not self.auto_run:
            self.message = Message("Ready: Space runs, S takes one step.")
        return commands

    def _on_stepped(self, event: Stepped) -> Commands:
        self.curves.append(event)
        self.best = event.best
        if not self.follow:
            return []
        self.shown = self.steps - 1
        return self._repaint()

    def _on_finished(self, event: Finished) -> Commands:
        self.best = event.best
        if self.phase is Phase.OPENING:
            self._rest = Phase.DONE
            return []
        self.phase = Phase.DONE
        seconds = self.curves.seconds
        self.message = Message(
            f"Finished: {event.reason}. {self.steps - 1} steps in {seconds:.1f} s, "
            f"best at step {event.best}."
        )
        return self.scrub(event.best) if self.follow else []

    def _on_failed(self, event: Failed) -> Commands:
        """A command failed: what was there before still is."""
        command = event.command
        if event.text:
            self.message = Message(event.text, Level.ERROR)
        if isinstance(command, Paint):
            return self._maps.answered()
        if isinstance(command, Turn):
            return self._body.answered()
        if isinstance(command, Open | Observe):
            if command.generation == self.issued:
                self.phase, self.wanted = self._rest, _wish_of(self.opened)
        elif self.phase is Phase.RUNNING:
            self.phase = Phase.PAUSED
        return []

    def _on_died(self, event: Died) -> Commands:
        self.phase = Phase.DOWN
        self._maps, self._body = Request(), Request()
        self.message = Message(f"{event.text}. Press R to start it again.", Level.ERROR)
        return []

    # --- helpers ---

    def _opening(
        self, command: Open | Observe, wanted: tuple[str, Rect | None], text: str
    ) -> Commands:
        """Rest the current fit while the worker looks at something else."""
        commands = self.pause()
        if self.phase is not Phase.OPENING:
            self._rest = self.phase
        self.wanted = wanted
        self.phase = Phase.OPENING
        self.message = Message(text)
        return [*commands, command]

    def _renew(self, generation: int) -> None:
        """Forget the steps; answers that are still on their way will be stale."""
        self.generation = generation
        self.curves = Curves()
        self.shown, self.follow, self.best = 0, True, None
        self.painted = self.turned = None

    def _repaint(self) -> Commands:
        """Ask for the pictures and the body of the shown step."""
        paint = Paint(self.generation, self.shown, self.opacity)
        return [*self._maps.ask(paint), *self._ask_body()]

    def _ask_body(self) -> Commands:
        """Ask for the body as it is turned now."""
        if not self.steps or min(self.body_size) <= 0:
            return []
        return self._body.ask(Turn(self.generation, self.shown, self.orbit, *self.body_size))


def _wish_of(opened: Opened | None) -> tuple[str, Rect | None] | None:
    """What must be opened to see this again."""
    if opened is None:
        return None
    return opened.path, None if opened.scene.detected else opened.scene.box
