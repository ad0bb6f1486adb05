"""The objective over two parameters of the body, coarse to fine, with the path of a run on it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float

from core.errors import UserError
from core.fit.state import Chart
from core.fit.sweep import ROWS, Parameter, check_span
from core.fit.trace import Trace
from core.fit.visit import Visit

SIDE = 33
"""Values of each parameter on the finest grid: a power of two and one more."""
PATH = 30  # lines of a table of the path
Span = tuple[float, float]


@dataclass(frozen=True)
class Landscape:
    """The weighted sum of all terms on a grid.

    Attributes:
        values: of each parameter, evenly spaced.
        total: NaN where it has not been evaluated yet; the first parameter is the first axis.
        here: the values of the step.
        path: every recorded step with its values. Turns are those from the step that is asked
            about, about the parameter's axis; the other parameters are not those of the grid.
    """

    parameters: tuple[Parameter, Parameter]
    values: tuple[Float[np.ndarray, " first"], Float[np.ndarray, " second"]]
    total: Float[np.ndarray, "first second"]
    here: tuple[float, float]
    path: tuple[tuple[int, float, float], ...]

    @property
    def complete(self) -> bool:
        """Whether every point has been evaluated."""
        return not bool(np.isnan(self.total).any())

    @property
    def every(self) -> int:
        """Steps between lines of a table of the path."""
        return max(1, len(self.path) // PATH)

    @property
    def minima(self) -> tuple[tuple[int, int], ...]:
        """Points that lie below all their neighbours, the smallest first; never at an edge."""
        inner = self.total[1:-1, 1:-1]
        shifts = [(i, k) for i in (0, 1, 2) for k in (0, 1, 2) if (i, k) != (1, 1)]
        height, width = inner.shape
        around = np.stack([self.total[i : i + height, k : k + width] for i, k in shifts])
        found = np.argwhere((inner < around).all(0)) + 1
        order = sorted((tuple(place) for place in found.tolist()), key=lambda p: self.total[p])
        return tuple((int(i), int(k)) for i, k in order)


@dataclass
class Survey:
    """A landscape on the way.

    Attributes:
        seen: so far.
        waiting: points of the grid that are left, the coarse ones first.
    """

    visit: Visit
    seen: Landscape
    waiting: list[tuple[int, int]]

    @staticmethod
    def of(
        visit: Visit,
        trace: Trace,
        parameters: tuple[Parameter, Parameter],
        spans: tuple[Span | None, Span | None] = (None, None),
        side: int = SIDE,
    ) -> Survey:
        """Nothing evaluated yet.

        Args:
            trace: of the visited run, for the path.
            spans: least and largest value of each parameter; `Parameter.span` by default.

        Raises:
            UserError: both parameters are the same, or a range makes no sense.
        """
        if parameters[0] == parameters[1]:
            raise UserError(f"a landscape needs two parameters, not {parameters[0].name} twice")
        volume, body = visit.model.volume, visit.body
        here = parameters[0].value(body, volume), parameters[1].value(body, volume)
        values = []
        for parameter, at, span in zip(parameters, here, spans, strict=True):
            low, high = span or parameter.span(at)
            check_span(parameter, low, high, side)
            values.append(np.linspace(low, high, side))
        empty = np.full((side, side), np.nan)
        path = _path(visit, trace, parameters)
        seen = Landscape(parameters, (values[0], values[1]), empty, here, path)
        return Survey(visit, seen, coarse_to_fine(side))

    def advance(self, count: int = ROWS) -> Landscape:
        """Evaluate the next points; the landscape so far."""
        points, self.waiting = self.waiting[:count], self.waiting[count:]
        if not points:
            return self.seen
        visit, volume = self.visit, self.visit.model.volume
        total = self.seen.total.copy()
        rows = []
        with torch.no_grad():
            for i in sorted({i for i, _ in points}):
                columns = sorted(k for row, k in points if row == i)
                first, second = self.seen.parameters
                like = visit.vector
                at = like.new_tensor([self.seen.values[0][i]])
                there = first.applied(visit.body, volume, at)
                across = like.new_tensor(self.seen.values[1][columns].tolist())
                rows.append(visit.chart(len(columns)).vector(second.applied(there, volume, across)))
            costs = [visit.costs(part) for part in torch.cat(rows).split(ROWS)]
        sums = torch.cat([torch.stack([*part.values()]).sum(0) for part in costs])
        for (i, k), value in zip(sorted(points), sums.tolist(), strict=True):
            total[i, k] = value if value == value else np.inf
        self.seen = replace(self.seen, total=total)
        return self.seen


def coarse_to_fine(side: int) -> list[tuple[int, int]]:
    """All points of a square grid: every eighth first, then those between them."""
    order: list[tuple[int, int]] = []
    seen: set[tuple[int, int]] = set()
    for stride in (8, 4, 2, 1):
        for i in range(0, side, stride):
            for k in range(0, side, stride):
                if (i, k) not in seen:
                    seen.add((i, k))
                    order.append((i, k))
    return order


def _path(
    visit: Visit, trace: Trace, parameters: tuple[Parameter, Parameter]
) -> tuple[tuple[int, float, float], ...]:
    """The recorded steps' values."""
    if not trace.records:
        return ()
    volume = visit.model.volume
    vectors = torch.cat([record.vector for record in trace.records]).to(visit.vector.device)
    rows = torch.zeros(len(vectors), dtype=torch.long, device=vectors.device)
    with torch.no_grad():
        bodies = Chart.around(visit.start.select(rows), volume).body(vectors)
        first, second = (p.along(bodies, visit.body, volume) for p in parameters)
    pairs = zip(first.tolist(), second.tolist(), strict=True)
    return tuple((step, a, b) for step, (a, b) in enumerate(pairs))
