"""The list of all commands: what it holds, and which of them a few letters mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.action import Host
from app.actions import ACTIONS
from app.session import Session

LEFT_OUT = ("palette", "choose", "file above", "file below", "cancel")
"""Actions that mean nothing in the list."""
START, NEXT, INSIDE = 8, 5, 1
"""Worth of a letter at the start of a word, right after the last one, and elsewhere."""


@dataclass(frozen=True)
class Entry:
    """A line of the list.

    Attributes:
        label: its name, by which it is found.
        keys: in words; empty for none.
        hint: what it does.
        enabled: whether it would do something now.
    """

    label: str
    keys: str
    hint: str
    enabled: bool
    do: Callable[[Host], object]


def entries(session: Session) -> list[Entry]:
    """All commands: the table of actions, and each layout."""
    rows = [
        Entry(a.label_in(session), a.keys_text, a.hint, a.enabled(session), a.do)
        for a in ACTIONS
        if a.name not in LEFT_OUT
    ]
    rows = [Entry("Help", e.keys, e.hint, e.enabled, e.do) if e.label == "?" else e for e in rows]
    return rows + [
        Entry(f"Layout: {name}", "", "arrange the panels so", True, _using(name))
        for name in session.layouts
    ]


def _using(name: str) -> Callable[[Host], object]:
    return lambda host: host.send(host.session.use_layout(name))


def score(wanted: str, text: str) -> int | None:
    """How well letters match a text that has them in this order; None if it has not."""
    letters, text = wanted.lower().replace(" ", ""), text.lower()
    # best[j]: of the letters so far, if the last one is at place j of the text
    best: dict[int, int] = {-1: 0}
    for number, letter in enumerate(letters):
        found: dict[int, int] = {}
        for place in (i for i, other in enumerate(text) if other == letter):
            starts = place == 0 or not text[place - 1].isalnum()
            ways = [
                total + (START if starts else NEXT if place == last + 1 and number else INSIDE)
                for last, total in best.items()
                if last < place
            ]
            if ways:
                found[place] = max(ways)
        best = found
    return max(best.values(), default=None)


def matching(wanted: str, rows: Sequence[Entry]) -> list[Entry]:
    """The lines that letters mean, the best first; what can be done now before what cannot.

    A name that has the letters side by side comes before one that has them somewhere, and that
    before a hint.
    """
    if not wanted.strip():
        return sorted(rows, key=lambda entry: not entry.enabled)
    plain, scored = " ".join(wanted.lower().split()), []
    for number, entry in enumerate(rows):
        whole = plain in entry.label.lower()
        worth = score(wanted, entry.label)
        if worth is not None or plain in entry.hint.lower():
            kind = 0 if whole else 1 if worth is not None else 2
            rank = kind, not entry.enabled, -(worth or 0), len(entry.label), number
            scored.append((rank, entry))
    return [entry for _, entry in sorted(scored, key=lambda pair: pair[0])]
