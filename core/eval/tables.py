"""Tables of methods under protocols, for people and for machines."""

from __future__ import annotations

from collections.abc import Sequence
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
from core.io.records import load_record, save_record
from core.io.report import installed_versions

SCHEMA = 1
AnyRow = TypeVar("AnyRow")
_LEAST_WIDTH = 104
SCORING = (
    "joints outside the picture or under the patch are not scored; MPJPE aligned at the pelvis; "
    "PA by similarity without reflection; PCKh at half a head, head = "
    f"{HEAD_OVER_NECK:g} x neck-head distance; z on cells that fitted and true body both cover; "
    f"worse: PA-MPJPE more than {WORSE_BY:g} mm above the start's; "
    f"±: half of the {LEVEL:.0%} percentile bootstrap interval over people, {RESAMPLES} resamples"
)
"""What all figures have in common."""


@dataclass(frozen=True)
class Protocol:
    """Everything that must be the same for two figures to be comparable.

    Attributes:
        name: as the table shows it, such as "clean" or "patch 80".
        people: which people, from where, and whether anything was trained on them.
        images: crop size, where the boxes come from, and what was done to the pictures.
        patch: side of the patch for pictures of 224 pixels, 0 for none.
        placement: how the patch was placed.
        joints: indices of the scored joints in SMPL's order.
    """

    name: str
    people: str
    images: str
    patch: int = 0
    placement: str = "none"
    joints: list[int] = field(default_factory=lambda: list(JOINTS_14))

    def describe(self) -> str:
        """The protocol in one sentence; `SCORING` is the same for all."""
        patch = f"patch {self.patch}/224, {self.placement}" if self.patch else "no patch added"
        joints = f"{len(self.joints)} joints of SMPL's 24"
        return f"{self.name}: {self.people}; {self.images}; {patch}; {joints}"


@dataclass(frozen=True)
class Row:
    """One method under one protocol; distances in mm, the rest in shares from 0 to 1.

    Attributes:
        pa_change_mm: PA-MPJPE minus that of the start, paired by person (below 0 is better).
        worse_share: people whose PA-MPJPE grew by more than 1 mm over the start's.
    """

    method: str
    protocol: str
    n: int
    mpjpe_mm: Estimate
    n_mpjpe_mm: Estimate
    pa_mpjpe_mm: Estimate
    pckh: Estimate
    z_auroc: Estimate
    z_iou: Estimate
    pa_change_mm: Estimate
    worse_share: Estimate

    @staticmethod
    def of(
        method: str, protocol: str, scores: Scores, start: Scores | None = None, seed: int = 0
    ) -> Row:
        """Summarise one value a person, and the change since ``start`` if there is one."""
        change = grown = np.full(len(scores), np.nan)
        if start is not None:
            change = scores.pa_mpjpe - start.pa_mpjpe
            grown = worse(scores.pa_mpjpe, start.pa_mpjpe)
        values = (
            *(scores.mpjpe, scores.n_mpjpe, scores.pa_mpjpe, scores.pckh),
            *(scores.z_auroc, scores.z_iou, change, grown),
        )
        return Row(method, protocol, len(scores), *(estimate(v, seed) for v in values))


@dataclass(frozen=True)
class EvalReport:
    """A table with everything that is needed to read it."""

    title: str
    protocols: list[Protocol]
    rows: list[Row]
    seed: int
    scoring: str = SCORING
    versions: dict[str, str] = field(default_factory=lambda: installed_versions())
    schema: int = SCHEMA

    def save(self, path: Path) -> None:
        """Write the report as json."""
        save_record(path, self)

    @staticmethod
    def load(path: Path) -> EvalReport:
        """Read a report.

        Raises:
            UserError: missing, damaged, or not an evaluation report.
        """
        return load_record(EvalReport, path)

    def print(self, console: Console) -> None:
        """Show the table and, below it, what each protocol means."""
        print_wide(console, rows_table(self.title, self.rows))
        for protocol in self.protocols:
            console.print(protocol.describe(), style="dim", highlight=False)
        console.print(f"all: {self.scoring}; seed {self.seed}", style="dim", highlight=False)


@dataclass(frozen=True)
class TableReport(Generic[AnyRow]):
    """A table of rows of another kind, with what is needed to read it."""

    title: str
    protocols: list[Protocol]
    rows: list[AnyRow]
    seed: int
    versions: dict[str, str] = field(default_factory=lambda: installed_versions())
    estimate: ClassVar[str]
    """How to read the columns."""

    def table(self) -> Table:
        """The rows, to be shown."""
        raise TypeError(f"{type(self).__name__} does not say how its rows are shown")

    def save(self, path: Path) -> None:
        """Write the report as json."""
        save_record(path, self)

    def print(self, console: Console) -> None:
        """Show the table and, below it, what each protocol and column means."""
        print_wide(console, self.table())
        for listed in self.protocols:
            console.print(listed.describe(), style="dim", highlight=False)
        console.print(self.estimate, style="dim", highlight=False)


def print_wide(console: Console, table: Table) -> None:
    """Show a table whose figures must not be cut off."""
    width = console.width  # 80 where output is no terminal: rich would cut figures off
    console.width = max(width, _LEAST_WIDTH)
    console.print(table)
    console.width = width


def plain_table(title: str) -> Table:
    """An empty table in our style."""
    return Table(
        title=title,
        title_justify="left",
        header_style="bold",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )


def rows_table(title: str, rows: Sequence[Row]) -> Table:
    """A table of the main figures in mm and %; protocols are kept apart by lines."""
    table = plain_table(title)
    table.add_column("protocol", no_wrap=True)
    table.add_column("method", no_wrap=True)
    for name in ("n", "MPJPE", "PA-MPJPE", "change", "worse %", "PCKh %", "z AUROC"):
        table.add_column(name, justify="right", no_wrap=True)
    for index, row in enumerate(rows):
        last = index + 1 == len(rows) or rows[index + 1].protocol != row.protocol
        table.add_row(
            *(row.protocol, row.method, str(row.n)),
            *(shown(row.mpjpe_mm), shown(row.pa_mpjpe_mm), shown(row.pa_change_mm, sign="+")),
            *(shown(row.worse_share, 100), shown(row.pckh, 100)),
            shown(row.z_auroc, digits=3),
            end_section=last,
        )
    return table


def shown(value: Estimate, scale: float = 1.0, digits: int = 1, sign: str = "") -> str:
    """A value and half the width of its interval, a dash if there is none."""
    if value.value is None or value.low is None or value.high is None:
        return "-"
    half = scale * (value.high - value.low) / 2
    return f"{scale * value.value:{sign}.{digits}f}[dim]±{half:.{digits}f}[/dim]"
