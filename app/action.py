"""Something that the user can do with a key or a button, and what that needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from app.protocol.commands import Commands
from app.session import Session


class Host(Protocol):
    """What actions need: the session, and what only a window can do."""

    session: Session

    def send(self, commands: Commands) -> None:
        """Send commands to the worker."""

    def ask_for_file(self) -> None:
        """Show the file dialog."""

    def choose(self) -> None:
        """Open what is chosen in the file dialog."""

    def choose_next(self, count: int) -> None:
        """Choose another file in the file dialog."""

    def paste(self) -> None:
        """Open what the clipboard holds."""

    def restart(self) -> None:
        """Start the fit again, or a dead engine."""

    def show_whole_photo(self) -> None:
        """Undo zooming and panning."""

    def edit(self) -> None:
        """Show or hide the dialog of weights and steps."""

    def pose(self) -> None:
        """Take the body's joints in hand, with their dialog, or put both away."""

    def search(self) -> None:
        """Show or hide the dialog of sweeps and searches."""

    def occlude(self) -> None:
        """Show or hide the dialog of occluders."""

    def save_occluders(self) -> None:
        """Save the occluders on screen as a set."""

    def ask_for_truth(self) -> None:
        """Show the file dialog, to choose a true body."""

    def ask_for_picture(self) -> None:
        """Show the file dialog, to fill an occluder with a picture."""

    def show_time(self) -> None:
        """Show or hide the dialog of speed, jumps and bookmarks."""

    def show_exports(self) -> None:
        """Show or hide the dialog of what can be written."""

    def toggle_help(self) -> None:
        """Show or hide the help sheet."""

    def cancel(self) -> None:
        """Hide the help sheet and the file dialog, give up a drag."""

    def show_palette(self) -> None:
        """Show or hide the list of all commands."""

    def ask_for_layout(self) -> None:
        """Ask under which name to keep the layout."""

    def enlarge(self) -> None:
        """Give the panel under the mouse the place of all, or take it away again."""

    def show_person(self) -> None:
        """Zoom to the person."""

    def toggle_tour(self) -> None:
        """Begin the tour, or end it."""

    def stride(self) -> int:
        """Steps that an arrow key goes: more with Shift."""


def _always(_session: Session) -> bool:
    return True


def _never(_session: Session) -> bool:
    return False


@dataclass(frozen=True)
class Action:
    """Something that the user can do.

    Attributes:
        label: a word or two for a button or a menu.
        keys: any of these does it; a key of the keyboard, perhaps behind "Ctrl+" or "Ctrl+Shift+".
        hint: one line for the help sheet; neighbours with the same hint share a line.
        do: does it. Doing what is not enabled sends no command.
        enabled: whether it would do something.
        tip: the button's tooltip in place of the hint.
        more: another sentence for the tooltip.
        on: whether it is switched on, for one that switches.
        label_on: the label while it is on, if that differs.
        in_dialogs: whether its key also works while the file dialog has the keyboard.
    """

    name: str
    label: str
    keys: tuple[str, ...]
    hint: str
    do: Callable[[Host], None]
    enabled: Callable[[Session], bool] = _always
    tip: str = ""
    more: str = ""
    on: Callable[[Session], bool] = _never
    label_on: str = ""
    in_dialogs: bool = False

    def label_in(self, session: Session) -> str:
        """The label in the current state."""
        return self.label_on if self.label_on and self.on(session) else self.label

    @property
    def keys_text(self) -> str:
        """The keys in words."""
        return " or ".join(self.keys)

    @property
    def tooltip(self) -> str:
        """What it does, and its keys."""
        text = self.tip or self.hint[:1].upper() + self.hint[1:]
        text = f"{text} ({self.keys_text})" if self.keys else text
        return f"{text}. {self.more}" if self.more else text
