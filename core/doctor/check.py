"""The outcome of one check."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """Result of a check."""

    OK = "ok"
    ABSENT = "absent"
    """An optional feature is not available."""
    BROKEN = "broken"
    """A required feature does not work."""


@dataclass(frozen=True)
class Check:
    """One line of the doctor's report.

    Attributes:
        name: what was checked.
        status: the result.
        detail: what was found.
        fix: what the user can do about it, empty if nothing is needed.
    """

    name: str
    status: Status
    detail: str
    fix: str = ""
