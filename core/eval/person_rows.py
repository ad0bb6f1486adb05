"""Tables of people with a line each: which person it is, and how far off the fit is.

`nbf eval --each` writes these tables (`core.eval.people`). Here are the columns that say who a line
is about, and the reader for those who want to see the people again. It needs no PyTorch.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from core.errors import UserError
from core.io.files import printable, read_text, readable

KEYS = ("protocol", "method", "person")
WHAT, FIX = "table of people", "write one with: nbf eval --each FILE.csv"
SUFFIX = ".csv"
_MAX_BYTES = 1 << 28
_MAX_NUMBER = 2**53
_LARGEST = 1e9  # millimetres
_ADDRESS = re.compile(rf"(.+{re.escape(SUFFIX)})#([^#/]+)/(\d{{1,9}})", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class PersonPlace:
    """Where a person of a table is found again. None and "" are what a data set does not have.

    Attributes:
        dataset: a name of `core.datasets.registry.DATASETS`, or synthetic people's.
        folder: of the photographs, or of the material of synthetic people; "" for procedural ones.
        split: of the data set.
        index: of the person in the data set, or of the sample.
        image: file of the photo or film, in ``folder``.
        frame: of the film or sequence.
        x, y, width, height: the person's box in pixels of the photo.
        seed: of the sampler of synthetic people.
        drawing: version of the drawing: another one draws other people.
        occluded: 1 if the sampler puts things before the people.
    """

    dataset: str
    folder: str
    split: str
    index: int
    image: str = ""
    frame: int | None = None
    x: float | None = None
    y: float | None = None
    width: float | None = None
    height: float | None = None
    seed: int | None = None
    drawing: int | None = None
    occluded: int | None = None

    def cells(self) -> list[str]:
        """The columns as text."""
        values = [getattr(self, name) for name in PLACE]
        return [_cell(value) for value in values]

    @staticmethod
    def of_cells(row: Mapping[str, str]) -> PersonPlace:
        """What `cells` has written.

        Raises:
            ValueError: a cell holds something else.
        """
        numbers = {name: _whole(row[name]) for name in ("frame", "seed", "drawing", "occluded")}
        index = _whole(row["index"])
        if index is None or index < 0:
            raise ValueError("a person has no index")
        box = {name: number(row[name]) if row[name] else None for name in _BOX}
        texts = {name: row[name] for name in ("dataset", "folder", "split", "image")}
        values: dict[str, Any] = {**texts, **numbers, **box}
        return PersonPlace(index=index, **values)


PLACE = tuple(field.name for field in fields(PersonPlace))
_BOX = ("x", "y", "width", "height")


@dataclass(frozen=True)
class PersonRow:
    """One person under one protocol.

    Attributes:
        person: number of the line under its protocol and method.
        method: the table's last, whose figures these are.
        figures: by column; NaN for an empty cell.
    """

    protocol: str
    person: int
    method: str
    place: PersonPlace
    figures: Mapping[str, float]

    @property
    def title(self) -> str:
        """A short name for the person."""
        stem = Path(self.place.image).stem or self.protocol
        if self.place.frame is not None:
            return f"{stem} {self.place.frame}"
        return f"{stem} #{self.person}"


@dataclass(frozen=True)
class Badness:
    """How wrong a person's fit is: a number to sort by, and the same in words."""

    value: float
    words: str


def load_rows(path: Path) -> list[PersonRow]:
    """The people of a table with the figures of its last method.

    Raises:
        UserError: the file is missing, damaged or of another kind, or does not name its people.
    """
    found: dict[tuple[str, int], PersonRow] = {}
    with readable(path, WHAT, FIX):
        lines = read_lines(path)
        columns = next(lines)
        names = [name for name in columns if name not in (*KEYS, *PLACE)]
        named = set(PLACE) <= set(columns)
        for row in lines if named else ():
            protocol, person = row["protocol"], _whole(row["person"])
            if person is None or person < 0 or not protocol or set(protocol) & set("#/"):
                raise ValueError("a line has no protocol or no person")
            figures = {name: number(row[name]) for name in names}
            place = PersonPlace.of_cells(row)
            found[protocol, person] = PersonRow(protocol, person, row["method"], place, figures)
    if not named:
        raise UserError(f"{printable(path)} does not say which people it is of; {FIX} again")
    if not found:
        raise UserError(f"{printable(path)} has no people; {FIX}")
    return list(found.values())


def read_lines(path: Path) -> Iterator[dict[str, str]]:
    """The names of a table's columns, then its lines.

    Raises:
        ValueError: it is no such table, or a line is truncated.
    """
    reader = csv.DictReader(io.StringIO(read_text(path, _MAX_BYTES)), restkey="")
    columns = reader.fieldnames or ()
    if lacking := [name for name in KEYS if name not in columns]:
        raise ValueError(f"no column {lacking[0]!r}")
    yield dict.fromkeys(columns, "")
    for row in reader:
        if None in row.values() or "" in row:
            raise ValueError("a line is truncated")
        yield row


def worst_first(rows: Sequence[PersonRow]) -> list[tuple[PersonRow, Badness | None]]:
    """The people by error: PA-MPJPE if the table has it, else the share of wrong joints.

    Those whose error is not known come last.
    """
    rated = [(row, _badness(row, _measure(rows))) for row in rows]
    return sorted(rated, key=lambda pair: math.inf if pair[1] is None else -pair[1].value)


def address(table: str, row: PersonRow) -> str:
    """One person of a table as a path: ``mine.csv#occ80/12``."""
    return f"{table}#{row.protocol}/{row.person}"


def split_address(text: str) -> tuple[Path, str, int] | None:
    """Table, protocol and person of an `address`; None if it is none."""
    found = _ADDRESS.fullmatch(text)
    return (Path(found[1]), found[2], int(found[3])) if found else None


def is_table(path: str) -> bool:
    """Whether a file is a table of people, by its name."""
    return path.lower().endswith(SUFFIX)


def number(cell: str) -> float:
    """A number that an error or a share can have, or NaN for an empty cell."""
    value = float(cell) if cell else math.nan
    if cell and not abs(value) < _LARGEST:  # not with NaN either
        raise ValueError(f"{cell!r:.40} is no error and no share")
    return value


def _measure(rows: Sequence[PersonRow]) -> str:
    """The column that a table's people are sorted by."""
    known = (
        any(math.isfinite(row.figures.get(name, math.nan)) for row in rows)
        for name in ("pa_mpjpe", "pck10")
    )
    return "pa_mpjpe" if next(known) else "pck10"


def _badness(row: PersonRow, column: str) -> Badness | None:
    value = row.figures.get(column, math.nan)
    if not math.isfinite(value):
        return None
    if column == "pa_mpjpe":
        return Badness(value, f"PA {value:.0f} mm")
    wrong = 100 * (1 - value)
    return Badness(wrong, f"{wrong:.0f} % wrong")


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.9g}" if isinstance(value, float) else str(value)


def _whole(cell: str) -> int | None:
    if not cell:
        return None
    value = int(cell)
    if abs(value) > _MAX_NUMBER:
        raise ValueError(f"{cell!r:.40} is no number of a person")
    return value
