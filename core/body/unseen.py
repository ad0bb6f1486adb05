"""What is said of joints that a photo does not show."""

from __future__ import annotations

from collections.abc import Iterable

from core.body.names import LIMB_KINDS, SIDES

GOOD_PART, HALF = 4, 6
"""Of the twelve joints of arms and legs."""


def unseen_words(unseen: Iterable[str], least: int = GOOD_PART) -> str:
    """One line if a good part of a body is not seen, else nothing.

    Args:
        unseen: names of the joints that are not seen, see `core.body.names`.
        least: joints of arms and legs from which it is a good part.
    """
    names, told, count = set(unseen), [], 0
    for kind in LIMB_KINDS:
        sides = [side for side in SIDES if f"{side}_{kind}" in names]
        count += len(sides)
        told += [f"both {kind}s"] if len(sides) == 2 else [f"{SIDES[s]} {kind}" for s in sides]
    return f"unseen: {', '.join(told)}; they come from the prior" if count >= least else ""
