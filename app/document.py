"""The document: images, their runs, and what the user has entered about them.

It is what undo, autosave and files know: plain data that can be pickled, without window or worker.
What is on screen is in `app.view`; traces are in the worker.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from app.geometry.lanes import in_tree_order
from app.geometry.people import Person
from app.protocol.events import Opened, Stepped
from app.protocol.run import RecordedRun, Run, RunInfo, RunKey, StageMark
from app.protocol.scan import Change, ScanKind
from app.protocol.scene import ImageScene
from core.occlusion.occluder import Occluders

RUNS_KEPT = 32
"""Runs of all images together: one more, and the oldest without a name goes."""
IMAGES_KEPT = 8
"""Images: one more, and the oldest goes, those with a named run last."""


@dataclass
class Curves:
    """Losses of every recorded step; ``terms`` are weighted and add up to ``total``.

    Attributes:
        seconds: time of the steps that were taken, without those that were recorded before.
        taken: number of these steps.
    """

    total: list[float] = field(default_factory=list)
    terms: dict[str, list[float]] = field(default_factory=dict)
    seconds: float = 0.0
    taken: int = 0

    def append(self, event: Stepped) -> None:
        """Take in one step."""
        self.total.append(event.total)
        self.seconds += event.seconds
        self.taken += event.seconds > 0
        for name, value in event.terms.items():
            self.terms.setdefault(name, []).append(value)

    def before(self, step: int) -> Curves:
        """The curves of the steps before ``step``, as of a run that has not taken them itself."""
        terms = {name: values[:step] for name, values in self.terms.items()}
        return Curves(self.total[:step], terms)

    def __len__(self) -> int:
        return len(self.total)


@dataclass
class RunRecord:
    """A run with its results.

    Attributes:
        best: the best recorded step, None before the first.
        reason: why it finished; empty while steps are left.
        doubt: why the best step may be wrong, in words; empty if nothing speaks against it.
        occluded: share of the body's pixels called occluded at the best step, once it is known.
        person: number of the found person whom it is about, from 1; 0 for a box of the user's own.
        hidden: the user has removed it; undoing brings it back.
        bookmarks: names, which may be empty, by step.
        changes: what each step changes, as far as the worker has been asked.
    """

    info: RunInfo
    scene: ImageScene
    curves: Curves = field(default_factory=Curves)
    best: int | None = None
    reason: str = ""
    doubt: str = ""
    occluded: float | None = None
    person: int = 0
    hidden: bool = False
    bookmarks: dict[int, str] = field(default_factory=dict)
    changes: dict[ScanKind, list[Change]] = field(default_factory=lambda: {s: [] for s in ScanKind})

    @property
    def run(self) -> Run:
        """What decides its course."""
        return self.info.run

    @property
    def steps(self) -> int:
        """Number of recorded steps."""
        return len(self.curves)

    @property
    def label(self) -> str:
        """The name that the user gave it, else how it came about."""
        run = self.run
        if run.name:
            return run.name
        what = ", ".join(filter(None, (run.made_by, counted(run.occluders))))
        if run.parent is not None:
            return f"from run {run.parent}, step {run.at_step}" + (f": {what}" if what else "")
        box = f"person {self.person}" if self.person else "drawn box"
        return what or (box if run.box is not None else "")

    @property
    def stages(self) -> tuple[StageMark, ...]:
        """Stages of the schedule."""
        return self.info.stages

    @property
    def planned(self) -> int:
        """Number of records a whole fit will have."""
        return max((s.stop for s in self.stages), default=0)


def counted(occluders: Occluders) -> str:
    """How many occluders hide something, in words; empty for none."""
    count = sum(occluder.on for occluder in occluders)
    return f"{count} occluder{'s' * (count > 1)}" if count else ""


@dataclass
class ImageRecord:
    """An image and its runs, by their numbers.

    Attributes:
        occluders: what is put before it in later runs: that of the run on screen.
        saved: the file in which the user saved its runs last; empty if they never were.
        autosaved: the file in which they were saved by themselves last.
        people: all that were found, the most prominent first.
        truth: file of the person's true body; empty if the user has given none.
        truth_kept: it was saved by itself, or need not be.
        shown: number of its run that was on screen last; 0 for none.
    """

    id: int
    path: str
    runs: dict[int, RunRecord] = field(default_factory=dict)
    occluders: Occluders = ()
    saved: str = ""
    autosaved: str = ""
    people: tuple[Person, ...] = ()
    truth: str = ""
    truth_kept: bool = True
    shown: int = 0

    @property
    def name(self) -> str:
        """Of the photo."""
        names = (run.scene.name for run in self.runs.values())
        return next(filter(None, names), Path(self.path).name)

    @property
    def has_named_run(self) -> bool:
        """Whether the user has named one of its runs."""
        return any(record.run.name for record in self.runs.values())


@dataclass
class Document:
    """All images by their numbers. Numbers of images and of runs grow and are given once.

    Attributes:
        last_image, last_run: the numbers given out last.
    """

    images: dict[int, ImageRecord] = field(default_factory=dict)
    last_image: int = 0
    last_run: int = 0

    def new_image(self) -> int:
        """A number for an image."""
        self.last_image += 1
        return self.last_image

    def new_run(self, **options: Any) -> Run:
        """A run with a new number and these fields; it is in the document once it is added."""
        self.last_run += 1
        return Run(self.last_run, **options)

    @property
    def held(self) -> Iterator[RunKey]:
        """All runs, image by image, with those that the user has removed."""
        return ((image.id, run) for image in self.images.values() for run in image.runs)

    @property
    def keys(self) -> Iterator[RunKey]:
        """The runs that can be shown, image by image."""
        return (key for key in self.held if not self.images[key[0]].runs[key[1]].hidden)

    def image(self, number: int | None) -> ImageRecord | None:
        """An image, None if it is not there."""
        return None if number is None else self.images.get(number)

    def find(self, key: RunKey | None) -> RunRecord | None:
        """A run, None if it is not there."""
        image = None if key is None else self.images.get(key[0])
        return image.runs.get(key[1]) if image is not None and key is not None else None

    def steps(self, key: RunKey) -> int:
        """Number of recorded steps of a run."""
        record = self.find(key)
        return 0 if record is None else record.steps

    def add(self, event: Opened, shown: RunKey | None = None) -> list[RunKey]:
        """Add a run that has begun; a branch gets the curves of its parent up to the branch.

        Args:
            shown: a run that must stay.

        Returns:
            The runs that were dropped, see `RUNS_KEPT` and `IMAGES_KEPT`.
        """
        if event.image not in self.images:
            image = ImageRecord(event.image, event.path, people=event.people)
            self.images[event.image] = image
        image = self.images[event.image]
        boxes = [person.box for person in image.people]
        number = boxes.index(event.scene.box) + 1 if event.scene.box in boxes else 0
        record = RunRecord(event.info, event.scene, person=number)
        parent = image.runs.get(record.run.parent) if record.run.parent is not None else None
        if parent is not None and not record.run.resumes:
            record.curves = parent.curves.before(record.run.at_step)
        image.runs[event.run] = record
        return self._thin_out({event.key, event.key if shown is None else shown})

    def place(self, key: RunKey, parent: int | None, at_step: int, name: str) -> None:
        """Say where a run of a record branches, once the numbers of the others are known."""
        record = self.find(key)
        if record is not None:
            run = replace(record.run, parent=parent, at_step=at_step, name=name)
            record.info = replace(record.info, run=run)

    def rename(self, key: RunKey, name: str) -> None:
        """Give a run a name, or take it away with an empty one."""
        record = self.find(key)
        if record is not None:
            record.info = replace(record.info, run=replace(record.run, name=name))

    def mark(self, key: RunKey, step: int, name: str | None) -> None:
        """Set or name a bookmark, or take it away with None."""
        record = self.find(key)
        if record is not None:
            record.bookmarks.pop(step, None)
            if name is not None:
                record.bookmarks[step] = name

    def recorded(self, image: int) -> tuple[RecordedRun, ...]:
        """The runs of an image that can be shown, parents first, as a record describes them."""
        runs = self.images[image].runs
        shown = {number: run for number, run in runs.items() if not run.hidden}
        order = in_tree_order({n: (r.run.parent, r.run.at_step) for n, r in shown.items()})
        return tuple(
            RecordedRun(
                n,
                run.parent,
                run.at_step,
                run.name or run.made_by,
                bookmarks=tuple(sorted(shown[n].bookmarks.items())),
            )
            for n in order
            for run in (shown[n].run,)
        )

    def hide(self, key: RunKey, hidden: bool = True) -> None:
        """Remove a run so that it can be brought back, or bring it back."""
        record = self.find(key)
        if record is not None:
            record.hidden = hidden

    def remove(self, key: RunKey) -> None:
        """Drop a run; its image goes with its last one."""
        image = self.images.get(key[0])
        if image is not None:
            image.runs.pop(key[1], None)
            if not image.runs:
                del self.images[key[0]]

    def _thin_out(self, kept: set[RunKey]) -> list[RunKey]:
        """Drop runs and images beyond the limits, but not ``kept``; the runs that were dropped."""
        dropped: list[RunKey] = []
        images = {image for image, _ in kept}
        others = [image for image in self.images.values() if image.id not in images]
        others.sort(key=lambda image: (image.has_named_run, image.id))
        for image in others[: max(len(self.images) - IMAGES_KEPT, 0)]:
            dropped += [(image.id, run) for run in image.runs]
        held = [key for key in self.held if key not in dropped]
        runs = sorted((key for key in held if key not in kept), key=self._age)
        dropped += runs[: max(len(held) - RUNS_KEPT, 0)]
        for key in dropped:
            self.remove(key)
        return dropped

    def _age(self, key: RunKey) -> tuple[bool, bool, int]:
        """Sorts removed runs first, those without a name before others, and old ones before new."""
        record = self.find(key)
        assert record is not None
        return not record.hidden, bool(record.run.name), key[1]
