"""The state of a debugging session and what panels ask of it; `app.session` changes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from app.album import Album, Behind
from app.document import Curves, Document, ImageRecord, RunRecord
from app.geometry.lanes import Lane, lanes
from app.geometry.people import Person
from app.geometry.plane import Rect
from app.history import History
from app.protocol.commands import Begin, BodyView, Companion, Question
from app.protocol.events import Differed, Measured, Painted, Probed, Searched, Tried, TurnedBody
from app.protocol.run import Changes, RunKey, StageMark, TermInfo
from app.protocol.scene import ImageScene
from app.view import OTHERS, ViewState
from core.body.moves import Wishes
from core.body.names import JOINT_NAMES
from core.body.unseen import HALF, unseen_words
from core.occlusion.occluder import Occluder, Occluders


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


START_COLOR, BEST_COLOR, OTHER_COLOR = (150, 158, 170), (126, 214, 143), (255, 184, 76)
"""Of the bodies beside the one on screen."""
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
        asked: take them even if there is nobody to fit.
        before: the phase to return to if it fails.
        text: the message once it is there; empty for one about the photo.
    """

    command: Begin
    go: bool
    before: Phase
    text: str = ""
    asked: bool = False


@dataclass
class SessionState:
    """Everything that the window shows, for reading.

    Attributes:
        auto_run: start fitting as soon as a photo is open.
        wanted: photo and box to open as soon as the engine is there.
        input: the run whose photo and observed features are on screen.
        painted: the pictures on screen of the shown run; None before the first.
        turned: the body on screen of the shown run; None before the first.
        probed: the answer to why on screen of the shown run; None before the first.
        previewed: the occluders whose pictures are on screen though no run has them; None if none.
        tried: the body by hand whose pictures are on screen though no run has it; None if none.
        truth: where the true body of the person on screen has its joints; None if not known.
        searched: what has come of what is asked piece by piece; None before the first.
        asked: the question that is on its way: one at a time.
        refused: the question that the worker could not answer last.
        pending: the run that the worker has been asked for last and has not answered yet.
        autosave: the file to save by itself; empty for none.
        orphan: what a session that crashed has left; empty for nothing.
        joining: other runs of a record that the worker has been asked for, with their bookmarks.
        compared: the pictures of the run that is compared with; None before the first.
        differed: how the two runs differ; None before the first answer.
        lost: runs whose traces were lost with a dead worker.
        album: all photos and records that were opened or wait for it.
        behind: what the worker does for those that are not on screen.
    """

    phase: Phase = Phase.STARTING
    auto_run: bool = True
    message: Message = Message("Starting the engine…")
    engine: str = ""
    document: Document = field(default_factory=Document)
    view: ViewState = field(default_factory=ViewState)
    history: History = field(default_factory=History)
    wanted: tuple[str, Rect | None] | None = None
    input: RunKey | None = None
    painted: Painted | None = None
    turned: TurnedBody | None = None
    previewed: Occluders | None = None
    probed: Probed | None = None
    tried: Tried | None = None
    searched: Searched | None = None
    truth: Measured | None = None
    asked: Question | None = None
    refused: Question | None = None
    pending: Pending | None = None
    lost: list[RunKey] = field(default_factory=list)
    joining: dict[RunKey, tuple[tuple[int, str], ...]] = field(default_factory=dict)
    album: Album = field(default_factory=Album)
    behind: Behind = field(default_factory=Behind)
    compared: Painted | None = None
    differed: Differed | None = None
    autosave: str = ""
    orphan: str = ""

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
        """The person's box on screen: asked for, else fitted; None where nobody is."""
        if self.pending is not None and self.pending.command.run.box is not None:
            return self.pending.command.run.box
        return self.scene.box if self.scene and self.scene.person else None

    @property
    def people(self) -> tuple[Person, ...]:
        """Who was found in the image on screen, the most prominent first."""
        return self.image.people if self.image else ()

    @property
    def person(self) -> int | None:
        """Number of the person on screen; None for a box of the user's own."""
        box = self.scene.box if self.scene else None
        return next((n for n, person in enumerate(self.people) if person.box == box), None)

    @property
    def busy(self) -> bool:
        """Whether the worker's main thread has something to do."""
        return self.phase.busy or self.behind.going or self.behind.opening is not None

    @property
    def banner(self) -> str:
        """What the user should know for as long as the run is on screen; empty for nothing."""
        notes = [self.scene.note if self.scene else ""]
        if self.record is not None and (doubt := self.record.doubt):
            notes.append(f"Doubtful: {doubt}. {{points}} draws points, {{votes}} who found them")
        if self.pictured is not None:
            notes.append(unseen_words((JOINT_NAMES[j] for j in self.pictured.unseen), HALF))
        return " · ".join(filter(None, notes))

    @property
    def can_run(self) -> bool:
        """Whether there is a fit that could go on."""
        return self.phase in (Phase.PAUSED, Phase.RUNNING)

    @property
    def can_restart(self) -> bool:
        """Whether there is a fit that could start again."""
        return self.record is not None and self.phase in SETTLED

    @property
    def pictured(self) -> Painted | None:
        """What the pictures on screen are of: the other run while two take turns, and it is its."""
        return self.compared if self.view.play.other else self.painted

    @property
    def pictured_step(self) -> str:
        """Which step the pictures on screen are of, in words; empty without any."""
        pictured = self.pictured
        if pictured is None:
            return ""
        run = f"run {pictured.run} · " if self.view.play.turns.on else ""
        return f"{run}step {pictured.step}"

    @property
    def shown(self) -> int:
        """The step on screen: that of the pictures, unless the user holds on to another one."""
        return self.painted.step if self.view.follow and self.painted else self.view.step

    @property
    def answering(self) -> bool:
        """Whether there is an engine that holds the run on screen."""
        alive = self.phase not in (Phase.STARTING, Phase.DOWN)
        return alive and self.record is not None and self.view.key not in self.lost

    @property
    def drafted(self) -> Changes:
        """The changes of the run on screen, with those that the user has drafted."""
        made = self.record.run.changes if self.record else Changes()
        return made.with_(self.view.draft)

    @property
    def wishes(self) -> Wishes:
        """Where joints should be: as drafted, else as in the run on screen."""
        drafted = self.drafted.wishes
        if drafted is not None:
            return drafted
        return self.record.info.wishes if self.record else ()

    @property
    def can_drop(self) -> bool:
        """Whether anything is drafted."""
        return self.view.by_hand or self.view.draft != Changes()

    @property
    def can_undo(self) -> bool:
        """Whether there is something to take back."""
        return bool(self.history.done) or self.view.by_hand

    @property
    def can_redo(self) -> bool:
        """Whether there is something to do again."""
        return bool(self.history.undone or self.view.unmoved)

    @property
    def occluders(self) -> Occluders:
        """The occluders on screen: as they are dragged, else those of the run."""
        if self.view.sketch is not None:
            return self.view.sketch
        return self.scene.occluders if self.scene else ()

    @property
    def occluder(self) -> Occluder | None:
        """The chosen occluder."""
        chosen, occluders = self.view.chosen, self.occluders
        return occluders[chosen] if chosen is not None and chosen < len(occluders) else None

    @property
    def saved_orphan(self) -> str | None:
        """What a crashed session has left, if it has been opened here and saved elsewhere."""
        found = [i for i in self.document.images.values() if i.path == self.orphan and i.saved]
        return self.orphan if found else None

    @property
    def lanes(self) -> list[Lane]:
        """The runs of the image on screen as lanes; runs that are removed have none."""
        if self.image is None or self.view.key is None:
            return []
        runs = self.image.runs.values()
        tree = {r.run.id: (r.run.parent, r.run.at_step) for r in runs if not r.hidden}
        return lanes(tree, self.view.key[1])

    @property
    def other(self) -> RunRecord | None:
        """The run that the shown one is compared with."""
        return self.document.find(self.view.other)

    @property
    def body_view(self) -> BodyView | None:
        """How the body is seen, and with which others; None while its panel has no pixels."""
        view = self.view
        if min(view.body_size) <= 0:
            return None
        return BodyView(view.orbit, *view.body_size, view.ink, self.companions)

    @property
    def companions(self) -> tuple[Companion, ...]:
        """The bodies beside the one on screen: the start, the best, and that of the other run."""
        view, record, other = self.view, self.record, self.other
        if OTHERS not in view.overlays or view.key is None or record is None:
            return ()
        wanted = [(view.key, 0, START_COLOR)]
        if record.best is not None:
            wanted.append((view.key, record.best, BEST_COLOR))
        if other is not None and view.other is not None and other.steps:
            step = min(view.step, other.steps - 1)
            wanted.append((view.other, step, OTHER_COLOR))
        shown = view.key, view.step
        return tuple(Companion(*w) for w in wanted if w[:2] != shown)

    def neighbour(self, way: int) -> RunKey | None:
        """The run before (-1) or after (1) the shown one that can be shown now, of all images."""
        keys = [key for key in self.document.keys if key not in self.lost]
        if self.phase not in SETTLED or self.view.key not in keys:
            return None
        place = keys.index(self.view.key) + way
        return keys[place] if 0 <= place < len(keys) else None

    def stage_at(self, step: int) -> StageMark | None:
        """The stage that a recorded step belongs to."""
        return next((s for s in self.stages if s.start <= step < s.stop), None)
