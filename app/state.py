"""The state of a debugging session and what panels ask of it; `app.session` changes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from app.document import Curves, Document, ImageRecord, RunRecord
from app.geometry.plane import Rect
from app.protocol.commands import Begin
from app.protocol.events import Painted, Turned
from app.protocol.run import RunKey, StageMark, TermInfo
from app.protocol.scene import ImageScene
from app.requests import Request
from app.view import ViewState


class Phase(Enum):
    """What the session is doing."""

    STARTING = "starting the engine"
    EMPTY = "no photo"
    OPENING = "looking at the photo"
    BEGINNING = "starting the fit"
    PAUSED = "paused"
    RUNNING = "fitting"
    DONE = "finished"
    DOWN = "the engine stopped"

    @property
    def busy(self) -> bool:
        """Whether the worker's main thread has something to do."""
        return self in (Phase.STARTING, Phase.OPENING, Phase.BEGINNING, Phase.RUNNING)


SETTLED = (Phase.PAUSED, Phase.RUNNING, Phase.DONE)


class Level(Enum):
    """How a message is shown."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Message:
    """The line at the bottom of the window.

    Attributes:
        text: the name of an action in braces is replaced by its key (`app.actions.with_keys`).
    """

    text: str
    level: Level = Level.INFO


@dataclass
class Pending:
    """A run that the worker has been asked for.

    Attributes:
        go: take steps as soon as it is there, not only the first one.
        before: the phase to return to if it fails.
        text: the message once it is there; empty for one about the photo.
    """

    command: Begin
    go: bool
    before: Phase
    text: str = ""


@dataclass
class SessionState:
    """Everything that the window shows, for reading.

    Attributes:
        auto_run: start fitting as soon as a photo is open.
        wanted: photo and box to open as soon as the engine is there.
        input: the run whose photo and observed features are on screen.
        painted: the pictures on screen of the shown run; None before the first.
        turned: the body on screen of the shown run; None before the first.
        pending: the run that the worker has been asked for last and has not answered yet.
        lost: runs whose traces were lost with a dead worker.
    """

    phase: Phase = Phase.STARTING
    auto_run: bool = True
    message: Message = Message("Starting the engine…")
    engine: str = ""
    document: Document = field(default_factory=Document)
    view: ViewState = field(default_factory=ViewState)
    wanted: tuple[str, Rect | None] | None = None
    input: RunKey | None = None
    painted: Painted | None = None
    turned: Turned | None = None
    pending: Pending | None = None
    lost: list[RunKey] = field(default_factory=list)
    input_request: Request = field(default_factory=Request)
    maps_request: Request = field(default_factory=Request)
    body_request: Request = field(default_factory=Request)

    # --- what panels ask ---

    @property
    def image(self) -> ImageRecord | None:
        """The image on screen."""
        return self.document.image(self.view.image)

    @property
    def record(self) -> RunRecord | None:
        """The run on screen."""
        return self.document.find(self.view.key)

    @property
    def scene(self) -> ImageScene | None:
        """What is known of the image on screen and the box of its run."""
        return self.record.scene if self.record else None

    @property
    def curves(self) -> Curves:
        """Losses of the run on screen."""
        return self.record.curves if self.record else Curves()

    @property
    def steps(self) -> int:
        """Number of recorded steps of the run on screen."""
        return self.record.steps if self.record else 0

    @property
    def best(self) -> int | None:
        """Best step of the run on screen."""
        return self.record.best if self.record else None

    @property
    def stages(self) -> tuple[StageMark, ...]:
        """Stages of the run on screen."""
        return self.record.stages if self.record else ()

    @property
    def terms(self) -> tuple[TermInfo, ...]:
        """The terms of the run on screen, as the engine describes them."""
        return self.record.info.terms if self.record else ()

    @property
    def planned(self) -> int:
        """Number of records that the whole run on screen will have."""
        return self.record.planned if self.record else 0

    @property
    def box(self) -> Rect | None:
        """The person's box on screen: the one being asked for, else the one being fitted."""
        if self.pending is not None and self.pending.command.run.box is not None:
            return self.pending.command.run.box
        return self.scene.box if self.scene else None

    @property
    def can_run(self) -> bool:
        """Whether there is a fit that could go on."""
        return self.phase in (Phase.PAUSED, Phase.RUNNING)

    @property
    def can_restart(self) -> bool:
        """Whether there is a fit that could start again."""
        return self.record is not None and self.phase in SETTLED

    @property
    def settled(self) -> bool:
        """Whether the pictures of the shown step have come."""
        requests = self.input_request, self.maps_request, self.body_request
        if any(request.asked is not None for request in requests) or self.painted is None:
            return False
        turned = self.turned.step if self.turned else self.view.step
        return self.painted.step == turned == self.view.step

    def stage_at(self, step: int) -> StageMark | None:
        """The stage that a recorded step belongs to."""
        return next((s for s in self.stages if s.start <= step < s.stop), None)
