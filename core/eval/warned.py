"""Does a fit warn rightly? Fits that doubt themselves against those with most joints wrong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from rich.table import Table

from core.eval.tables import empty_table
from core.fit.misfit import LARGEST
from core.occlusion.scores import auroc


@dataclass(frozen=True)
class WarnedReport:
    """How the warnings of fits agree with their errors.

    Attributes:
        n: people with a misfit (`core.fit.misfit`) and with labelled joints.
        wrong: of them, those with fewer than half of their joints right.
        warned: those whose fit warns.
        warned_wrong: both.
        auroc: of the misfit, as a sign of "wrong"; None if nobody is wrong, or all are.
    """

    n: int
    wrong: int
    warned: int
    warned_wrong: int
    auroc: float | None

    @staticmethod
    def of(
        misfit: Float[np.ndarray, " people"], wrong: Float[np.ndarray, " people"]
    ) -> WarnedReport | None:
        """Summarise people; None if nobody counts.

        Args:
            misfit: nats; NaN where nothing is detected.
            wrong: 1 or 0; NaN where nothing is labelled.
        """
        counted = ~np.isnan(misfit) & ~np.isnan(wrong)
        if not counted.any():
            return None
        found: Bool[np.ndarray, " people"] = wrong[counted] > 0.5
        warned = misfit[counted] > LARGEST
        ranked = auroc(misfit[counted], found)
        return WarnedReport(
            n=int(counted.sum()),
            wrong=int(found.sum()),
            warned=int(warned.sum()),
            warned_wrong=int((warned & found).sum()),
            auroc=None if np.isnan(ranked) else ranked,
        )

    def table(self) -> Table:
        """The figures as a table."""
        names = ("under half right", "warned", "both", "AUROC of the misfit")
        table = empty_table("fits that warn", ("people",), names)
        ranked = "-" if self.auroc is None else f"{self.auroc:.2f}"
        table.add_row(*map(str, (self.n, self.wrong, self.warned, self.warned_wrong)), ranked)
        return table
