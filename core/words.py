"""Words and tables that the command line and the debugger both show."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """A table of texts.

    Attributes:
        labels: columns of words, on the left.
        figures: columns of numbers.
    """

    title: str
    labels: tuple[str, ...]
    figures: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Explanation:
    """Lines, then tables."""

    lines: tuple[str, ...]
    tables: tuple[Table, ...] = ()
