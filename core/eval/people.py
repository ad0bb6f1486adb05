"""Figures of every person in a file, and two such files held against each other.

People differ far more from each other than two methods do on one person. Differences are therefore
taken person by person: two networks, or two ways of fitting, are told apart by a fraction of the
people that comparing their means would take.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from rich.table import Table

from core.errors import UserError
from core.eval.scores import Scores
from core.eval.summary import Estimate, estimate
from core.eval.tables import plain_table, shown
from core.io.atomic import write_atomic

Key = tuple[str, str]
"""Protocol and method."""
PeopleScores = Mapping[Key, Scores]

_KEYS = ("protocol", "method", "person")
_VALUES = tuple(field.name for field in fields(Scores))
_MOST_BYTES = 1 << 28


@dataclass(frozen=True)
class Change:
    """What a method gives now, minus what it gave before; millimetres and shares.

    Means over people with 95 % bootstrap intervals.
    """

    protocol: str
    method: str
    n: int
    mpjpe_mm: Estimate
    pa_mpjpe_mm: Estimate
    pckh: Estimate
    z_auroc: Estimate


def save_people(path: Path, people: PeopleScores) -> None:
    """Write a line a person, protocol and method; empty where there is no value."""

    def write(target: Path) -> None:
        with target.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow((*_KEYS, *_VALUES))
            for (protocol, method), scores in people.items():
                columns = [getattr(scores, name) for name in _VALUES]
                for person, values in enumerate(zip(*columns, strict=True)):
                    cells = ("" if np.isnan(value) else f"{value:.6g}" for value in values)
                    writer.writerow((protocol, method, person, *cells))

    write_atomic(path, write)


def load_people(path: Path) -> dict[Key, Scores]:
    """Read what `save_people` wrote.

    Raises:
        UserError: missing, or another kind of file.
    """
    rows: dict[Key, list[list[float]]] = {}
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ValueError("it is too large")
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            if lacking := sorted({*_KEYS, *_VALUES} - set(reader.fieldnames or ())):
                raise ValueError(f"no column {lacking[0]!r}")
            for row in reader:
                if None in row.values():
                    raise ValueError("a line is cut off")
                values = [float(row[name] or "nan") for name in _VALUES]
                people = rows.setdefault((row["protocol"], row["method"]), [])
                if int(row["person"]) != len(people):
                    raise ValueError("people are missing")
                people.append(values)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, csv.Error) as error:
        raise UserError(
            f"{path} is not a table of people ({error}); write one with: nbf eval --each FILE.csv"
        ) from error
    return {key: Scores(*np.array(values, np.float64).T) for key, values in rows.items()}


def changes(now: PeopleScores, before: PeopleScores) -> list[Change]:
    """Paired differences of what both have.

    Raises:
        UserError: they have nothing in common, or another number of people.
    """
    shared = [key for key in now if key in before]
    if not shared:
        raise UserError("the two evaluations share no protocol and method")
    found = []
    for key in shared:
        new, old = now[key], before[key]
        if len(new) != len(old):
            raise UserError(f"{len(new)} people cannot be paired with {len(old)}: give one --count")
        found.append(
            Change(
                *key,
                len(new),
                estimate(new.mpjpe - old.mpjpe),
                estimate(new.pa_mpjpe - old.pa_mpjpe),
                estimate(new.pckh - old.pckh),
                estimate(new.z_auroc - old.z_auroc),
            )
        )
    return found


def changes_table(title: str, rows: list[Change]) -> Table:
    """The differences in mm and percentage points."""
    table = plain_table(title)
    for name in ("protocol", "method"):
        table.add_column(name, no_wrap=True)
    for name in ("n", "MPJPE", "PA-MPJPE", "PCKh %", "z AUROC"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            *(row.protocol, row.method, str(row.n)),
            *(shown(row.mpjpe_mm, sign="+"), shown(row.pa_mpjpe_mm, sign="+")),
            *(shown(row.pckh, 100, sign="+"), shown(row.z_auroc, digits=3, sign="+")),
        )
    return table
