"""A run: one fit of one box of one image, with an identity."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from app.geometry.plane import Rect
from core.body.moves import Moves, Wishes
from core.occlusion.occluder import Occluders

RECORD_SUFFIX = ".nbf"
"""Ends the name of a record of a fit, see `core.fit.record`."""

RunKey = tuple[int, int]
"""Numbers of an image and of one of its runs."""


def is_record(path: str) -> bool:
    """Whether a file is a record of a fit, by its name."""
    return path.endswith(RECORD_SUFFIX)


def stem_of(path: str) -> str:
    """A name for files about an image; of a person of a table, with the table's name."""
    table, _, person = path.rpartition("#")
    if table and "/" in person:
        return f"{PurePath(table).stem}-{person.replace('/', '-')}"
    return PurePath(path).stem.rpartition(":")[2]


@dataclass(frozen=True)
class OfRun:
    """Something about one run.

    Attributes:
        image: number of the image in the document.
        run: number of the run, see `Run.id`.
    """

    image: int
    run: int

    @property
    def key(self) -> RunKey:
        """Which run it is about."""
        return self.image, self.run


@dataclass(frozen=True)
class Changes:
    """What a run does differently from the engine's schedule.

    Attributes:
        weights: of terms by name, in all stages that weigh the term.
        learning_rate: factor on the step size of all stages; None for 1.
        wishes: where joints should be, see `core.body.moves`; None for the record's, or none.
        focal: focal length in pixels of the image; None for the engine's own.
    """

    weights: tuple[tuple[str, float], ...] = ()
    learning_rate: float | None = None
    wishes: Wishes | None = None
    focal: float | None = None

    def with_(self, others: Changes) -> Changes:
        """These changes and then others."""
        weights = dict(self.weights) | dict(others.weights)
        rate = self.learning_rate if others.learning_rate is None else others.learning_rate
        wishes = self.wishes if others.wishes is None else others.wishes
        focal = self.focal if others.focal is None else others.focal
        return Changes(tuple(sorted(weights.items())), rate, wishes, focal)

    @property
    def text(self) -> str:
        """In words; empty for none."""
        words = [f"{name} {weight:.4g}" for name, weight in self.weights]
        if self.learning_rate not in (None, 1.0):
            words.append(f"steps × {self.learning_rate:.3g}")
        words += [wish.text for wish in self.wishes or ()]
        words += [] if self.focal is None else [f"focal length {self.focal:.0f} px"]
        return ", ".join(words)


@dataclass(frozen=True)
class Run:
    """Everything that decides the course of a fit, so that it can be made again.

    Its curves are in the document (`app.document.RunRecord`), its trace is in the worker.

    Attributes:
        id: number that no other run of the document has or will have.
        parent: the run of the same image that this one branches from; None if from none.
        at_step: the recorded step of the parent at which it starts; 0 without a parent.
        name: the user's name for it; empty if it has none.
        method: name of the fitting method, one of the engine's; empty for that of the record, if
            the image is a record's, else for the engine's default.
        schedule: the engine's own schedule; None for that of the record, or for the default.
        changes: what the user has changed in the schedule.
        occluders: what is put before the image, see `core.occlusion.occluder`.
        start: file of a body to begin at, see `core.body.regressed`; empty for the best start.
        keypoints: file of joints in the image, in place of what detectors see; empty for these.
        moves: what is done to the body before its first own step, see `core.body.moves`.
        resumes: it goes on with a run of the record that is opened (fit.nbf).
        recorded: number of the record's run whose schedule and method it has; None for the newest.
        box: the person's box in pixels of the image; None to find the person. A branch looks at
            the box that its parent looks at.
    """

    id: int
    parent: int | None = None
    at_step: int = 0
    name: str = ""
    method: str = ""
    schedule: Any = None
    changes: Changes = Changes()
    occluders: Occluders = ()
    start: str = ""
    keypoints: str = ""
    moves: Moves = ()
    resumes: bool = False
    recorded: int | None = None
    box: Rect | None = None

    @property
    def made_by(self) -> str:
        """What the user has changed and moved, in words; empty for nothing."""
        first = [move.text for move in self.moves[:2]]
        more = [f"{len(self.moves) - 2} more moves"] if len(self.moves) > 2 else []
        files = [PurePath(path).name for path in (self.start, self.keypoints) if path]
        return ", ".join(filter(None, (*files, self.changes.text, *first, *more)))


@dataclass(frozen=True)
class RecordedRun:
    """A run of a record.

    Attributes:
        number: in the record.
        parent: number of the run that it branches from, None for none.
        occluders: what is put before the image.
        bookmarks: steps and names.
    """

    number: int
    parent: int | None
    at_step: int
    name: str
    occluders: Occluders = ()
    bookmarks: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True)
class StageMark:
    """A stage of the schedule: its records are ``start`` <= step < ``stop``."""

    name: str
    start: int
    stop: int


@dataclass(frozen=True)
class TermInfo:
    """A term of the objective.

    Attributes:
        name: as `app.protocol.events.Stepped` names it.
        unit: empty if it has none, or none is known.
        description: one line; empty if there is none.
        weight: in the objective; the largest of the stages.
    """

    name: str
    unit: str = ""
    description: str = ""
    weight: float = 1.0


@dataclass(frozen=True)
class RunInfo:
    """A run with the engine's description of it before the first step.

    Attributes:
        stages: where the schedule's stages lie.
        terms: the terms of its objective.
        winner: the chosen start, in words.
        wishes: where joints should be.
    """

    run: Run
    stages: tuple[StageMark, ...] = ()
    terms: tuple[TermInfo, ...] = ()
    winner: str = ""
    wishes: Wishes = ()
