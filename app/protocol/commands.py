"""Commands: messages from the window to the worker."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from app.geometry.orbit import Orbit
from app.geometry.plane import Point
from app.protocol.run import Changes, OfRun, RecordedRun, Run, RunKey
from app.protocol.scan import ScanKind
from app.protocol.search import Search
from app.protocol.why import Target
from core.body.moves import Moves
from core.occlusion.occluder import Occluders


class Exported(Enum):
    """What the worker can write."""

    BODY = "body"
    """Of one step: a mesh, or parameters."""
    ANIMATION = "animation"
    """All steps as a skinned body that moves."""
    FILM = "film"
    """All steps as pictures."""


@dataclass(frozen=True)
class Begin:
    """Begin another run of an image that is open, without taking a step."""

    image: int
    run: Run

    @property
    def key(self) -> RunKey:
        """The run that begins."""
        return self.image, self.run.id


@dataclass(frozen=True)
class Open(Begin):
    """Read an image, and begin its first run without taking a step."""

    path: str


@dataclass(frozen=True)
class BeginAt(Begin):
    """Look closer for a person at a pixel of an open image, and begin a run of the box found."""

    at: Point


@dataclass(frozen=True)
class Peek(OfRun):
    """Send a small picture of an image that is not open; the number of its run is 0."""

    path: str


@dataclass(frozen=True)
class Forget(OfRun):
    """Drop a run and its trace; the image goes with its last run."""


@dataclass(frozen=True)
class Save(OfRun):
    """Write a run, and others of its image that look at the same box, as a record.

    Attributes:
        runs: those to write, parents first, with their numbers in the document.
        quiet: the user has not asked for it.
        truth: file of the person's true body, to be kept in the record; empty for what the image
            itself says is true.
    """

    path: str
    runs: tuple[RecordedRun, ...]
    quiet: bool = False
    truth: str = ""


@dataclass(frozen=True)
class Continue(OfRun):
    """Take steps until a `Pause`."""


@dataclass(frozen=True)
class Pause(OfRun):
    """Take no more steps."""


@dataclass(frozen=True)
class Step(OfRun):
    """Take one step."""


@dataclass(frozen=True)
class PaintInput(OfRun):
    """Send the image and its observed features."""


KERNEL_COLORS = ("limb", "z", "residual")


@dataclass(frozen=True)
class Ink:
    """What a picture of the body shows.

    Attributes:
        parts: the limbs in colours.
        kernels: what colours the kernels: one of `KERNEL_COLORS`; empty for no kernels.
    """

    parts: bool = False
    kernels: str = ""


PLAIN = Ink()


@dataclass(frozen=True)
class Companion:
    """Another body beside the one on screen: a recorded step of a run, and its colour."""

    key: RunKey
    step: int
    color: tuple[int, int, int]


@dataclass(frozen=True)
class BodyView:
    """How the body's panel sees it: from where, how many pixels the panel has, and what is there.

    Attributes:
        others: further bodies; those of runs that the worker does not hold are left out.
    """

    orbit: Orbit
    width: int
    height: int
    ink: Ink = PLAIN
    others: tuple[Companion, ...] = ()


@dataclass(frozen=True)
class Paint(OfRun):
    """Paint all pictures of one recorded step.

    Attributes:
        side: pixels of the longer side of the photo's body layer.
        fine: with smooth edges, which take several times as long.
        body: None where there is no panel for the body.
        ink: what is painted over the photo.
    """

    step: int
    side: int
    fine: bool
    body: BodyView | None
    ink: Ink = PLAIN


@dataclass(frozen=True)
class Turn(OfRun):
    """Paint the body alone of one recorded step, as the mouse has turned it; see `Paint`."""

    step: int
    fine: bool
    body: BodyView


@dataclass(frozen=True)
class Preview(OfRun):
    """Look at a run's image behind other occluders, and fit a few steps up to a recorded one.

    Nothing is kept of it. The rest is as for `Paint`, without fine edges.
    """

    step: int
    occluders: Occluders
    side: int
    body: BodyView | None
    ink: Ink = PLAIN


@dataclass(frozen=True)
class Try(OfRun):
    """Branch with moves and changes, and take a step or a few. Nothing is kept of it.

    The rest is as for `Paint`.
    """

    step: int
    moves: Moves
    changes: Changes
    side: int
    fine: bool
    body: BodyView | None
    ink: Ink = PLAIN


@dataclass(frozen=True)
class Truth(OfRun):
    """Send where the joints truly are: by a file, or with an empty path by the image's own."""

    path: str


@dataclass(frozen=True)
class Probe(OfRun):
    """Say why a pixel or a joint of one recorded step is as it is."""

    step: int
    target: Target


@dataclass(frozen=True)
class Scan(OfRun):
    """Say what the steps ``first`` <= step < ``last`` of a run change, each since that before."""

    what: ScanKind
    first: int
    last: int


@dataclass(frozen=True)
class Differ(OfRun):
    """Say how a step of a run differs from a step of another run of the same image.

    Attributes:
        maps: paint the difference of the maps, too.
    """

    step: int
    other: RunKey
    other_step: int
    maps: bool


@dataclass(frozen=True)
class Export(OfRun):
    """Write a file about a run, whole or not at all.

    Attributes:
        step: that the file is about, or at which it begins.
    """

    what: Exported
    step: int
    path: str


@dataclass(frozen=True)
class Quit:
    """End the process."""


Picture = PaintInput | Paint | Turn | Preview | Try
"""Commands that ask for pictures."""
Question = Picture | Probe | Truth | Scan | Differ | Search
"""Commands that ask for what the screen lacks."""
Command = (
    Begin
    | BeginAt
    | Open
    | Peek
    | Forget
    | Save
    | Export
    | Continue
    | Pause
    | Step
    | Question
    | Quit
)

Commands = list[Command]
"""What a method of the session wants the worker to do, in order."""
