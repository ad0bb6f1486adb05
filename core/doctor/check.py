"""The outcome of one check."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """How a check went."""

    OK = "ok"
    ABSENT = "absent"
    """Not here, and not needed: something optional cannot be done."""
    BROKEN = "broken"
    """Needed, and does not work."""


@dataclass(frozen=True)
class Check:
    """One line of the doctor's report.

    Attributes:
        name: what was looked at.
        status: how it went.
        detail: what was found.
        mend: what to do about it, empty if nothing.
    """

    name: str
    status: Status
    detail: str
    mend: str = ""
