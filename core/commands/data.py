"""Check a data set's folder: its people, their labels, and what is missing.

Without a name, the supported data sets are listed. docs/datasets.md says where to get each of them,
and how its folder must be laid out. Exit code 1 if photos are missing or files are inconsistent.

Examples:
    nbf data
    nbf data 3dpw DIR
    nbf data coco-eft DIR --split train --sheet people.png
    nbf data photos holiday/ --sheet people.png
    nbf data human-data DIR --split eft_coco_all --json
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from core.commands._output import print_json

if TYPE_CHECKING:
    from core.datasets.check import DatasetReport
    from core.datasets.record import PhotoDataset


@dataclass(frozen=True)
class Options:
    """Options of ``nbf data``."""

    name: Annotated[str | None, tyro.conf.Positional] = None
    """Name of the data set; without it the data sets are listed."""
    folder: Annotated[Path | None, tyro.conf.Positional] = None
    """The data set's folder."""
    split: str | None = None
    """Split of the data set, by default its first (for npz files of any name: the file's stem)."""
    sheet: Path | None = None
    """Picture file for a contact sheet of people with their labels."""
    people: int = 16
    """People on the sheet, evenly spread over the data set."""
    json: bool = False
    """Print JSON."""


def run(options: Options) -> int:
    """List the data sets, or check one; 1 if it has problems."""
    from core.datasets.check import check_dataset
    from core.datasets.registry import open_dataset
    from core.errors import UserError

    if options.name is None:
        return _list(options.json)
    if options.folder is None:
        raise UserError(f"name the folder: nbf data {options.name} DIR")
    if options.people < 1:
        raise UserError("--people must be at least 1")
    dataset = open_dataset(options.name, options.folder, options.split)
    report = check_dataset(dataset)
    if options.json:
        print_json(asdict(report))
    else:
        _print(report)
    if options.sheet is not None:
        _draw_sheet(options.sheet, dataset, options.people)
    return int(bool(report.problems))


def _list(as_json: bool) -> int:
    from core.datasets.registry import DATASETS

    if as_json:
        kinds = {name: {"title": k.title, "splits": k.splits} for name, k in DATASETS.items()}
        print_json(kinds)
        return 0
    width = max(len(name) for name in DATASETS)
    for name, kind in DATASETS.items():
        splits = ", ".join(kind.splits) or "the stem of the npz"
        print(f"{name:<{width}}   {kind.title} ({splits})")
    return 0


def _print(report: DatasetReport) -> None:
    counts = f"{report.people} people in {report.photos} photos"
    if report.sequences:
        counts += f", {report.sequences} sequences"
    if report.subjects:
        counts += f", {report.subjects} subjects"
    print(f"{report.name} ({report.split}): {counts}")
    low, middle, high = report.sides
    print(f"  boxes        {middle:.0f} pixels (90 % from {low:.0f} to {high:.0f})")
    for name, count in report.known.items():
        if count:
            print(f"  {name:<12} {count / report.people:.0%} of the people")
    if report.reprojection is not None:
        print(f"  3D to 2D     {report.reprojection:.1%} of the box apart")
    for note in report.notes:
        print(f"  note: {note}")
    for problem in report.problems:
        print(f"  PROBLEM: {problem}")


def _draw_sheet(path: Path, dataset: PhotoDataset, people: int) -> None:
    import numpy as np

    from core.datasets.check import missing_photos
    from core.datasets.contact_sheet import record_contact_sheet
    from core.errors import UserError
    from core.io.images import save_image

    if path.suffix.lower() not in (".png", ".jpg", ".jpeg", ".webp"):
        raise UserError(f"--sheet {path} is not a picture's name; end it with .png")
    missing = set(missing_photos(dataset))
    there = [i for i, name in enumerate(dataset.images) if name not in missing]
    if not there:
        raise UserError(f"{dataset.root} holds no photo of {dataset.name}: nothing to draw")
    chosen = np.linspace(0, len(there) - 1, min(people, len(there))).astype(int).tolist()
    save_image(path, record_contact_sheet(dataset, [there[i] for i in chosen]))
