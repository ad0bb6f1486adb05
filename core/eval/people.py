"""Per-person figures in a file, and paired differences of two such files.

Errors vary much more between people than between two methods on the same person. Paired differences
therefore separate two methods with far fewer people than a comparison of their means.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from core.errors import UserError
from core.eval.person_rows import FIX, KEYS, PLACE, WHAT, PersonPlace, number, read_lines
from core.eval.scores import Scores
from core.eval.summary import Estimate, estimate
from core.eval.tables import empty_table, shown
from core.io.atomic import write_atomic
from core.io.files import readable

Key = tuple[str, str]
"""Protocol and method."""
PeopleScores = Mapping[Key, Scores]

_VALUES = tuple(field.name for field in fields(Scores))


@dataclass(frozen=True)
class Change:
    """Mean paired difference of a method's figures, new minus old, with 95 % bootstrap intervals.

    Millimetres, and shares from 0 to 1.
    """

    protocol: str
    method: str
    n: int
    mpjpe_mm: Estimate
    pa_mpjpe_mm: Estimate
    unseen_mpjpe_mm: Estimate
    pckh: Estimate
    z_auroc: Estimate


def save_people(
    path: Path, people: Mapping[Key, Any], places: Mapping[str, Sequence[PersonPlace]]
) -> None:
    """Write a CSV file with a line per protocol, method and person; missing values are empty.

    Args:
        people: dataclasses with one column of figures a field: `Scores` or `PhotoScores`.
        places: of the people of each protocol, in the order of the figures.
    """
    names = [field.name for field in fields(next(iter(people.values())))]

    def write(target: Path) -> None:
        with target.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow((*KEYS, *PLACE, *names))
            for (protocol, method), scores in people.items():
                columns = [getattr(scores, name) for name in names]
                figures = zip(places[protocol], *columns, strict=True)
                for person, (place, *values) in enumerate(figures):
                    cells = ("" if np.isnan(value) else f"{value:.6g}" for value in values)
                    writer.writerow((protocol, method, person, *place.cells(), *cells))

    write_atomic(path, write)


def load_people(path: Path) -> dict[Key, Scores]:
    """Read the figures that `save_people` wrote of synthetic people.

    Files from before tables said who their people are can be read, too.

    Raises:
        UserError: the file is missing, damaged or of another kind.
    """
    rows: dict[Key, list[list[float]]] = {}
    with readable(path, WHAT, FIX):
        lines = read_lines(path)
        if lacking := sorted(set(_VALUES) - set(next(lines))):
            raise ValueError(f"no column {lacking[0]!r}")
        for row in lines:
            values = [number(row[name]) for name in _VALUES]
            people = rows.setdefault((row["protocol"], row["method"]), [])
            if int(row["person"]) != len(people):
                raise ValueError("people are missing")
            people.append(values)
        if not rows:
            raise ValueError("it has no people")
    return {key: Scores(*np.array(values, np.float64).T) for key, values in rows.items()}


def changes(now: PeopleScores, before: PeopleScores) -> list[Change]:
    """Paired differences for the protocols and methods that both have.

    Raises:
        UserError: there are none, or the numbers of people differ.
    """
    shared = [key for key in now if key in before]
    if not shared:
        raise UserError("the two evaluations share no protocol and method")
    found = []
    for key in shared:
        new, old = now[key], before[key]
        if len(new) != len(old):
            raise UserError(
                f"{len(new)} people cannot be paired with {len(old)}: use the same --count"
            )
        found.append(
            Change(
                *key,
                len(new),
                estimate(new.mpjpe - old.mpjpe),
                estimate(new.pa_mpjpe - old.pa_mpjpe),
                estimate(new.unseen_mpjpe - old.unseen_mpjpe),
                estimate(new.pckh - old.pckh),
                estimate(new.z_auroc - old.z_auroc),
            )
        )
    return found


def changes_table(title: str, rows: list[Change]) -> Table:
    """The differences in mm and percentage points."""
    figures = ("n", "MPJPE", "PA-MPJPE", "unseen", "PCKh %", "z AUROC")
    table = empty_table(title, ("protocol", "method"), figures)
    for row in rows:
        table.add_row(
            *(row.protocol, row.method, str(row.n)),
            *(shown(row.mpjpe_mm, sign="+"), shown(row.pa_mpjpe_mm, sign="+")),
            shown(row.unseen_mpjpe_mm, sign="+"),
            *(shown(row.pckh, 100, sign="+"), shown(row.z_auroc, digits=3, sign="+")),
        )
    return table
