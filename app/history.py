"""What the user has done to the document, so that it can be undone and done again."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from app.protocol.run import RunKey


@dataclass(frozen=True)
class Added:
    """A run came: a photo, a box, a restart or a branch.

    Attributes:
        before: the run that was on screen.
    """

    key: RunKey
    before: RunKey


@dataclass(frozen=True)
class Removed:
    """A run was removed from the screen.

    Attributes:
        after: the run that was shown in its place.
    """

    key: RunKey
    after: RunKey


@dataclass(frozen=True)
class Renamed:
    """A run got another name."""

    key: RunKey
    old: str
    new: str


@dataclass(frozen=True)
class Marked:
    """A bookmark of a run was set, named or taken away.

    Attributes:
        old, new: its name, which may be empty; None for no bookmark.
    """

    key: RunKey
    step: int
    old: str | None
    new: str | None


Edit = Added | Removed | Renamed | Marked


@dataclass
class History:
    """Edits in order: what can be undone, and what can be done again."""

    done: list[Edit] = field(default_factory=list)
    undone: list[Edit] = field(default_factory=list)

    def did(self, edit: Edit) -> None:
        """Take in a new edit; what was undone before it is gone."""
        self.done.append(edit)
        self.undone.clear()

    def undo(self) -> Edit | None:
        """The edit to undo now, None if there is none."""
        return _move(self.done, self.undone)

    def redo(self) -> Edit | None:
        """The edit to do again now, None if there is none."""
        return _move(self.undone, self.done)

    def forget(self, keys: Collection[RunKey]) -> None:
        """Drop the edits about runs that are no longer there."""
        for edits in (self.done, self.undone):
            edits[:] = [edit for edit in edits if keys_of(edit).isdisjoint(keys)]


def keys_of(edit: Edit) -> set[RunKey]:
    """The runs that an edit needs."""
    match edit:
        case Added():
            return {edit.key, edit.before}
        case Removed():
            return {edit.key, edit.after}
        case Renamed() | Marked():
            return {edit.key}


def _move(source: list[Edit], target: list[Edit]) -> Edit | None:
    if not source:
        return None
    target.append(source.pop())
    return target[-1]
