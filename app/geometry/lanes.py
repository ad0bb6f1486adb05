"""Runs of one image as lanes under each other, a branch below the run that it starts from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MOST = 6

Parents = Mapping[int, tuple[int | None, int]]


@dataclass(frozen=True)
class Lane:
    """A run in the tree.

    Attributes:
        run: its number.
        row: from above, 0 first.
        start: the step at which it begins; 0 for one that is no branch.
        above: row of the run that it starts from, None if that is not shown.
    """

    run: int
    row: int
    start: int
    above: int | None


def lanes(parents: Parents, shown: int, most: int = MOST) -> list[Lane]:
    """Lanes of runs, as many as there is room for, with the shown one among them.

    Args:
        parents: of each run by number: its parent's number and the step there.
    """
    order = in_tree_order(parents)
    place = order.index(shown) if shown in order else 0
    first = min(max(place - most // 2, 0), max(len(order) - most, 0))
    kept = order[first : first + most]
    return [
        Lane(run, row, step, kept.index(parent) if parent in kept else None)
        for row, run in enumerate(kept)
        for parent, step in (parents[run],)
    ]


def in_tree_order(parents: Parents) -> list[int]:
    """Runs by number, each followed by its branches."""
    order: list[int] = []

    def take(run: int) -> None:
        order.append(run)
        for other in sorted(parents):
            if parents[other][0] == run:
                take(other)

    for run in sorted(parents):
        if parents[run][0] not in parents:
            take(run)
    return order
