"""Is z right about photographs? The posterior against annotated masks of people.

On the map pixels that the fitted body covers, inside the photo, z says that the person is seen or
that something else is. The annotated outline tells: a pixel shows the person if half of it does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float
from rich.table import Table

from core.eval.summary import Estimate, estimate
from core.eval.tables import empty_table, shown
from core.occlusion.scores import auroc, iou, share_of_cells

EDGES = (0.0, 0.1, 0.5, 0.9, 1.0)
"""Of the bins of the posterior."""


@dataclass(frozen=True)
class MaskPixels:
    """Covered pixels of one person.

    Attributes:
        posterior: p(z = 1), that the person is seen.
        seen: whether the annotated mask shows the person there.
    """

    posterior: Float[np.ndarray, " pixels"]
    seen: Bool[np.ndarray, " pixels"]

    @staticmethod
    def of(
        posterior: Float[np.ndarray, "h w"],
        mask: Bool[np.ndarray, "size size"],
        inside: Bool[np.ndarray, "size size"],
    ) -> MaskPixels:
        """The pixels that the body covers.

        Args:
            posterior: NaN where the body does not reach.
            mask: pixels of the crop that show the person.
            inside: pixels of the crop that show the photo.
        """
        counted = ~np.isnan(posterior) & (share_of_cells(inside, posterior.shape) >= 0.5)
        return MaskPixels(posterior[counted], share_of_cells(mask, posterior.shape)[counted] >= 0.5)


@dataclass(frozen=True)
class Belief:
    """Pixels whose posterior is between two limits.

    Attributes:
        share: of all pixels.
        true: share of these in which the person is seen; None without any.
    """

    low: float
    high: float
    share: float
    true: float | None


@dataclass(frozen=True)
class MaskReport:
    """Figures of z over people.

    Attributes:
        auroc: of "hidden", mean over people of whom a part is hidden.
        auroc_pooled: the same over the pixels of all.
        iou: of the hidden pixels of all.
        hidden, said_hidden: shares of pixels, by the masks and by z (below 1/2).
    """

    n: int
    auroc: Estimate
    auroc_pooled: float
    iou: float
    hidden: float
    said_hidden: float
    beliefs: list[Belief]

    @staticmethod
    def of(people: Sequence[MaskPixels]) -> MaskReport | None:
        """Summarise people; None if no pixel is covered."""
        posterior = np.concatenate([np.zeros(0), *(p.posterior for p in people)])
        seen = np.concatenate([np.zeros(0, bool), *(p.seen for p in people)])
        if not len(seen):
            return None
        single = [auroc(1 - p.posterior, ~p.seen) for p in people]
        return MaskReport(
            n=len(people),
            auroc=estimate(np.array(single)),
            auroc_pooled=auroc(1 - posterior, ~seen),
            iou=iou(posterior < 0.5, ~seen),
            hidden=float((~seen).mean()),
            said_hidden=float((posterior < 0.5).mean()),
            beliefs=_beliefs(posterior, seen),
        )

    def table(self) -> Table:
        """The figures as a table."""
        sure = [f"true at {b.low:g}-{b.high:g} %" for b in self.beliefs]
        names = ("AUROC", "pooled", "IoU", "hidden %", "said hidden %", *sure)
        table = empty_table("z against annotated masks", ("people",), names)
        table.add_row(
            str(self.n),
            *(shown(self.auroc, digits=3), f"{self.auroc_pooled:.3f}", f"{self.iou:.2f}"),
            *(f"{100 * self.hidden:.0f}", f"{100 * self.said_hidden:.0f}"),
            *("-" if b.true is None else f"{100 * b.true:.0f}" for b in self.beliefs),
        )
        return table


def _beliefs(
    posterior: Float[np.ndarray, " pixels"], seen: Bool[np.ndarray, " pixels"]
) -> list[Belief]:
    rows = []
    for low, high in pairwise(EDGES):
        chosen = (posterior >= low) & ((posterior < high) | (high == 1))
        true = float(seen[chosen].mean()) if chosen.any() else None
        rows.append(Belief(low, high, float(chosen.mean()), true))
    return rows
