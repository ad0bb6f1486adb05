"""Events: messages from the worker to the window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from app.geometry.people import Person
from app.protocol.commands import PLAIN, BodyView, Command, Ink, Try
from app.protocol.run import OfRun, RecordedRun, RunInfo, RunKey
from app.protocol.scan import Change, JointDifference, ScanKind
from app.protocol.scene import Certainty, ImageScene, Joint
from app.protocol.search import Findings, Inquiry
from app.protocol.why import Answer, Target
from core.occlusion.occluder import Occluders

Place = tuple[float, float, float]
"""x, y, z in metres."""


@dataclass(frozen=True)
class Ready:
    """The engine is loaded; ``detail`` describes it in a few words."""

    detail: str


@dataclass(frozen=True)
class WithPictures(OfRun):
    """An event with pictures.

    Attributes:
        pictures: by kind (see `app.shared.CAPACITY`). They do not travel in the message: the
            worker's end sends it without them, and `app.link` puts them in.
    """

    pictures: Mapping[str, np.ndarray] = field(
        default_factory=dict, kw_only=True, compare=False, repr=False
    )


@dataclass(frozen=True)
class Opened(WithPictures):
    """A run has begun. Pictures: "photo" and "observed".

    Attributes:
        path: file of the image.
        recorded: all runs of the record that has been opened, this one last.
        people: all that were found in the image, the most prominent first.
    """

    path: str
    info: RunInfo
    scene: ImageScene
    recorded: tuple[RecordedRun, ...] = ()
    people: tuple[Person, ...] = ()


@dataclass(frozen=True)
class Peeked(WithPictures):
    """The answer to a `Peek`. Picture: "thumbnail"."""


@dataclass(frozen=True)
class Stepped(OfRun):
    """One more recorded step; terms are weighted, so that they add up to the total."""

    step: int
    stage: int
    terms: dict[str, float]
    total: float
    best: int
    seconds: float


@dataclass(frozen=True)
class Saved(OfRun):
    """A record has been written; ``count`` runs are in it."""

    path: str
    count: int
    quiet: bool = False


@dataclass(frozen=True)
class Finished(OfRun):
    """No more steps will come.

    Attributes:
        doubt: why the best step may be wrong, in words; empty if nothing speaks against it.
    """

    reason: str
    best: int
    doubt: str = ""


@dataclass(frozen=True)
class Scored(OfRun):
    """A finished run's share of the body's pixels called occluded, at its best step."""

    occluded: float


@dataclass(frozen=True)
class PaintedInput(WithPictures):
    """What a run is about. Pictures: "photo" and "observed"."""


@dataclass(frozen=True)
class TurnedBody:
    """What the picture "body" shows.

    Attributes:
        middle: the point the orbit looks at, in the photo's camera (metres).
        floor: y of the body's lowest point in the photo's camera.
        joints: in the photo's camera.
        reach: largest extent of the body in metres.
    """

    view: BodyView
    fine: bool
    middle: Place
    floor: float
    joints: tuple[Place, ...] = ()
    reach: float = 2.0


@dataclass(frozen=True)
class Painted(WithPictures):
    """All of a step. Pictures: "layer", "rendered", "occlusion", "visible", and with a body "body".

    With occluders there is also a picture "hits", and with kernels in the ink "kernels".

    Attributes:
        side, fine, ink: of the layer, as `Paint` has asked.
        occluded: share of the body's pixels called occluded.
        joints: of the step's body.
        found: IoU and AUROC of that against the occluders; NaN where not defined.
        numbers: of the body by name, as far as a hand can set them, see `core.body.numbers`.
        certainty: of the joints, in their order; empty if the engine does not say.
    """

    step: int
    side: int
    fine: bool
    occluded: float
    joints: tuple[Joint, ...] = ()
    body: TurnedBody | None = None
    found: tuple[float, float] | None = None
    numbers: Mapping[str, float] = field(default_factory=dict)
    ink: Ink = PLAIN
    certainty: tuple[Certainty, ...] = ()

    @property
    def unseen(self) -> tuple[int, ...]:
        """The joints that the photo does not show."""
        return tuple(j for j, sure in enumerate(self.certainty) if not sure.seen)


@dataclass(frozen=True)
class Tried(WithPictures):
    """A step as a `Try` would make it. Pictures: those of `painted`.

    Attributes:
        total: of the objective; of the last of the steps that were taken.
    """

    command: Try
    painted: Painted
    total: float


@dataclass(frozen=True)
class Previewed(WithPictures):
    """A step behind occluders that no run has. Pictures: those of `painted` and of its input."""

    painted: Painted
    occluders: Occluders


@dataclass(frozen=True)
class Turned(WithPictures):
    """The turned body of a step. Picture: "body"."""

    step: int
    body: TurnedBody


@dataclass(frozen=True)
class Probed(OfRun):
    """The answer to a `Probe`."""

    step: int
    target: Target
    answer: Answer


@dataclass(frozen=True)
class Searched(OfRun):
    """A piece of the answer to a `Search`; ``known`` have come with it."""

    step: int
    inquiry: Inquiry
    known: int
    found: Findings


@dataclass(frozen=True)
class Measured(OfRun):
    """The truth about the person: of a file, or with an empty path of the image itself.

    Attributes:
        joints: on the image; NaN where not known.
        places: of them, in the photo's camera, perhaps up to a common shift; NaN where not known.
    """

    path: str
    joints: tuple[Joint, ...]
    places: tuple[Place, ...]


@dataclass(frozen=True)
class Scanned(OfRun):
    """The answer to a `Scan`; the first step of a run changes nothing."""

    what: ScanKind
    first: int
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Differed(WithPictures):
    """The answer to a `Differ`: what a run has more, or elsewhere, than the other one.

    Pictures, if maps were asked for and both runs look at the same crop: "feature change" and "z
    change" in colours, and the numbers behind them, "feature distance" and "z difference" (NaN
    where a body is not).

    Attributes:
        joints: in the order of the body's.
        largest: of the feature distances, whose colour is the strongest.
    """

    step: int
    other: RunKey
    other_step: int
    maps: bool
    joints: tuple[JointDifference, ...]
    largest: float = 0.0


@dataclass(frozen=True)
class Written(OfRun):
    """A file that was asked for by `Export` grows, or is there.

    Attributes:
        done, count: pictures of a film; both 1 for all else.
    """

    path: str
    done: int
    count: int


@dataclass(frozen=True)
class Failed:
    """A command could not be carried out; the worker goes on. It takes the place of the answer.

    Attributes:
        command: the command that failed.
        text: one line; empty if the command was about a run that is no longer there.
    """

    command: Command
    text: str


@dataclass(frozen=True)
class Died:
    """The worker's process has ended without a `Quit`."""

    text: str


Answering = (
    PaintedInput
    | Painted
    | Previewed
    | Tried
    | Turned
    | Probed
    | Measured
    | Scanned
    | Differed
    | Searched
)
"""Events that answer a question."""
Event = (
    Ready
    | Opened
    | Peeked
    | Stepped
    | Saved
    | Written
    | Finished
    | Scored
    | Answering
    | Failed
    | Died
)
