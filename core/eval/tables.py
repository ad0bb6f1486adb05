"""Tables of methods under protocols, printed and as JSON."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from core.eval.metrics import HEAD_OVER_NECK, JOINTS_14
from core.eval.scores import Scores
from core.eval.summary import LEVEL, RESAMPLES, WORSE_BY, Estimate, estimate, worse
from core.io.records import save_record
from core.io.report import installed_versions

SCHEMA = 4
AnyRow = TypeVar("AnyRow")
_MAX_WIDTH = 1000
SCORING = (
    "joints outside the picture or under the patch are not scored, but for unseen, their MPJPE; "
    "MPJPE aligned at the pelvis; "
    "PA by similarity without reflection; PVE over all vertices; PCKh at half a head, head = "
    f"{HEAD_OVER_NECK:g} x neck-head distance; z on cells that fitted and true body both cover; "
    f"worse: PA-MPJPE more than {WORSE_BY:g} mm above init's, of which change is the difference; "
    f"±: half of the {LEVEL:.0%} percentile bootstrap interval over people, {RESAMPLES} resamples"
)
"""How all figures are computed."""


@dataclass(frozen=True)
class Protocol:
    """The conditions of a figure; two figures are comparable only under equal protocols.

    Attributes:
        name: name in the table, such as "clean" or "patch 80".
        people: which people, from where, and whether anything was trained on them.
        images: crop size, source of the boxes, and changes to the pictures.
        patch: side of the patch for pictures of 224 pixels, 0 for none.
        placement: how the patch is placed.
        joints: indices of the scored joints in SMPL's order.
    """

    name: str
    people: str
    images: str
    patch: int = 0
    placement: str = "none"
    joints: list[int] = field(default_factory=lambda: list(JOINTS_14))

    def describe(self) -> str:
        """The protocol in one line; `SCORING` is the same for all protocols."""
        patch = f"patch {self.patch}/224, {self.placement}" if self.patch else "no patch added"
        joints = f"{len(self.joints)} joints of SMPL's 24"
        return f"{self.name}: {self.people}; {self.images}; {patch}; {joints}"


@dataclass(frozen=True)
class Row:
    """One method under one protocol; distances in mm, all others are shares from 0 to 1.

    Attributes:
        pa_change_mm: PA-MPJPE minus that of the regressed body, paired by person.
        worse_share: share of people whose PA-MPJPE is above the regressed body's (`worse`).
    """

    method: str
    protocol: str
    n: int
    mpjpe_mm: Estimate
    n_mpjpe_mm: Estimate
    pa_mpjpe_mm: Estimate
    unseen_mpjpe_mm: Estimate
    pve_mm: Estimate
    pa_pve_mm: Estimate
    pve_t_sc_mm: Estimate
    pckh: Estimate
    z_auroc: Estimate
    z_iou: Estimate
    pa_change_mm: Estimate
    worse_share: Estimate

    @staticmethod
    def of(
        method: str, protocol: str, scores: Scores, regressed: Scores | None = None, seed: int = 0
    ) -> Row:
        """Summarise per-person scores, and their change from those of ``regressed`` if given."""
        change = grown = np.full(len(scores), np.nan)
        if regressed is not None:
            change = scores.pa_mpjpe - regressed.pa_mpjpe
            grown = worse(scores.pa_mpjpe, regressed.pa_mpjpe)
        values = (
            *(scores.mpjpe, scores.n_mpjpe, scores.pa_mpjpe, scores.unseen_mpjpe),
            *(scores.pve, scores.pa_pve, scores.pve_t_sc, scores.pckh),
            *(scores.z_auroc, scores.z_iou, change, grown),
        )
        return Row(method, protocol, len(scores), *(estimate(v, seed) for v in values))


@dataclass(frozen=True)
class TableReport(ABC, Generic[AnyRow]):
    """A table with its protocols, its seed and the versions of the software.

    Attributes:
        explanation: how to read the columns.
    """

    title: str
    protocols: list[Protocol]
    rows: list[AnyRow]
    seed: int
    versions: dict[str, str] = field(default_factory=lambda: installed_versions())
    explanation: ClassVar[str]

    @abstractmethod
    def table(self) -> Table:
        """The rows as a printable table."""

    def save(self, path: Path) -> None:
        """Write the report as JSON."""
        save_record(path, self)

    def print(self, console: Console) -> None:
        """Print the table, its protocols and its explanation."""
        protocols = [protocol.describe() for protocol in self.protocols]
        notes = [*protocols, f"{self.explanation}; seed {self.seed}"]
        print_table(console, self.table(), notes)


@dataclass(frozen=True)
class EvalReport(TableReport[Row]):
    """The main figures of methods under protocols."""

    scoring: str = SCORING
    schema: int = SCHEMA
    explanation = f"all: {SCORING}"

    def table(self) -> Table:
        """The main figures in mm and %; protocols are separated by lines."""
        figures = ("n", "MPJPE", "PA-MPJPE", "change", "worse %", "unseen", "PCKh %", "z AUROC")
        table = empty_table(self.title, ("protocol", "method"), figures)
        for index, row in enumerate(self.rows):
            following = self.rows[index + 1 : index + 2]
            table.add_row(
                *(row.protocol, row.method, str(row.n)),
                *(shown(row.mpjpe_mm), shown(row.pa_mpjpe_mm), shown(row.pa_change_mm, sign="+")),
                *(shown(row.worse_share, 100), shown(row.unseen_mpjpe_mm)),
                *(shown(row.pckh, 100), shown(row.z_auroc, digits=3)),
                end_section=all(other.protocol != row.protocol for other in following),
            )
        return table


def print_table(console: Console, table: Table, notes: Iterable[str] = ()) -> None:
    """Print a table without cutting off figures, and notes below it."""
    width = console.width  # 80 if the output is not a terminal: rich would cut figures off
    wide = console.options.update(max_width=_MAX_WIDTH)
    console.width = max(width, console.measure(table, options=wide).maximum)
    console.print(table)
    console.width = width
    for note in notes:
        console.print(note, style="dim", highlight=False)


def empty_table(title: str, labels: Sequence[str], figures: Sequence[str]) -> Table:
    """A table without rows: columns of labels on the left, then right-aligned figures."""
    table = Table(
        title=title,
        title_justify="left",
        header_style="bold",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for name in labels:
        table.add_column(name, no_wrap=True)
    for name in figures:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def shown(value: Estimate, scale: float = 1.0, digits: int = 1, sign: str = "") -> str:
    """A value and half the width of its interval; a dash if there is none."""
    if value.value is None or value.low is None or value.high is None:
        return "-"
    half = scale * (value.high - value.low) / 2
    return f"{scale * value.value:{sign}.{digits}f}[dim]±{half:.{digits}f}[/dim]"


@dataclass(frozen=True)
class PhotoTable(ABC, Generic[AnyRow]):
    """A table of people in photographs.

    Attributes:
        explanation: how to read the columns.
    """

    title: str
    rows: list[AnyRow]
    protocol: str
    versions: dict[str, str] = field(default_factory=lambda: installed_versions())
    explanation: ClassVar[str]

    @abstractmethod
    def table(self) -> Table:
        """The rows as a printable table."""

    def save(self, path: Path) -> None:
        """Write the report as JSON."""
        save_record(path, self)

    def print(self, console: Console) -> None:
        """Print the table, its explanation and the protocol."""
        print_table(console, self.table(), [f"{self.explanation}; {self.protocol}"])
