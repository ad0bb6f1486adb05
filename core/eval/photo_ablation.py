"""Ablation of the objective on photographs: what each term is worth for real people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.table import Table

from core.datasets.record import PhotoDataset
from core.eval.ablation import STANDARD, VARIANTS
from core.eval.methods import fitted_bodies
from core.eval.photo_scores import PhotoScores, score_body
from core.eval.photos import look_at, people_groups, photo_protocol
from core.eval.summary import Estimate, estimate
from core.eval.tables import PhotoTable, empty_table, shown
from core.fit.engine import Engine
from core.fit.schedule import Schedule

EXPLANATION = (
    "one thing of the objective changed at a time; change: minus the standard fit's, paired by "
    "person (PCK below 0 and PA-MPJPE above 0: the standard fit is better)"
)


@dataclass(frozen=True)
class PhotoAblationRow:
    """Means over people of one variant with intervals.

    Attributes:
        people: all, or a group of them.
        pck10_change, pck05_change, pa_change_mm: minus those of the standard fit, by person.
    """

    variant: str
    people: str
    n: int
    pck10: Estimate
    pck05: Estimate
    pa_mpjpe_mm: Estimate
    pck10_change: Estimate
    pck05_change: Estimate
    pa_change_mm: Estimate

    @staticmethod
    def of(
        variant: str, people: str, scores: PhotoScores, standard: PhotoScores
    ) -> PhotoAblationRow:
        """Summarise figures of people."""
        return PhotoAblationRow(
            variant=variant,
            people=people,
            n=len(scores),
            pck10=estimate(scores.pck10),
            pck05=estimate(scores.pck05),
            pa_mpjpe_mm=estimate(scores.pa_mpjpe),
            pck10_change=estimate(scores.pck10 - standard.pck10),
            pck05_change=estimate(scores.pck05 - standard.pck05),
            pa_change_mm=estimate(scores.pa_mpjpe - standard.pa_mpjpe),
        )


@dataclass(frozen=True)
class PhotoAblationReport(PhotoTable[PhotoAblationRow]):
    """A table of `PhotoAblationRow`."""

    explanation = EXPLANATION

    def table(self) -> Table:
        """One line for each variant; groups of people are separated by lines."""
        figures = ("n", "PCK@0.1 %", "change", "PCK@0.05 %", "change", "PA-MPJPE", "change")
        table = empty_table(self.title, ("people", "variant"), figures)
        for row in self.rows:
            table.add_row(
                *(row.people, row.variant, str(row.n)),
                *(shown(row.pck10, 100), shown(row.pck10_change, 100, sign="+")),
                *(shown(row.pck05, 100), shown(row.pck05_change, 100, sign="+")),
                *(shown(row.pa_mpjpe_mm), shown(row.pa_change_mm, sign="+")),
                end_section=row.variant == self.rows[-1].variant,
            )
        return table


def ablate_photos(
    engine: Engine,
    dataset: PhotoDataset,
    schedule: Schedule | None = None,
    progress: Callable[[int], object] = lambda _: None,
    variants: Sequence[str] = tuple(VARIANTS),
) -> PhotoAblationReport:
    """Fit all people of a data set with every variant; each person is looked at once.

    Args:
        progress: called with the number of fits that are done.
        variants: names in `VARIANTS`; the standard fit is always among them.
    """
    schedule = schedule or Schedule.standard()
    names = tuple(dict.fromkeys((STANDARD, *variants)))
    found: dict[str, list[PhotoScores]] = {name: [] for name in names}
    for index in range(len(dataset)):
        crop, seen = look_at(engine, dataset, index)
        for name in names:
            bodies = fitted_bodies(engine, seen.problem, VARIANTS[name](schedule))
            found[name].append(score_body(engine.volume, bodies["nbf"], crop))
            progress(sum(map(len, found.values())))
    scores = {name: PhotoScores.concatenate(each) for name, each in found.items()}
    standard = scores[STANDARD]
    rows = [
        PhotoAblationRow.of(name, group, scores[name].among(chosen), standard.among(chosen))
        for group, chosen in people_groups(dataset, standard).items()
        for name in names
    ]
    title = f"{dataset.name}: the objective with one thing changed, {len(dataset)} people"
    return PhotoAblationReport(title, rows, photo_protocol(dataset))
