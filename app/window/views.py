"""What the user does with the window's views, of all that a window can do."""

from __future__ import annotations

from typing import Protocol

from app.actions import BY_NAME
from app.panels.help import Help
from app.panels.palette import Palette
from app.panels.photo import PhotoPanel
from app.panels.tour import TourDialog
from app.protocol.commands import Commands
from app.session import Session
from app.window.desk import Desk
from app.window.mouse import Mouse


class Views(Protocol):
    """Layouts, zoom, the list of commands and the tour."""

    session: Session
    desk: Desk
    mouse: Mouse
    photo: PhotoPanel
    palette: Palette
    help: Help
    tour: TourDialog

    def send(self, commands: Commands) -> None:
        """Send commands to the worker."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the window."""
        return self.desk.size

    def enlarge(self) -> None:
        """Give the panel under the mouse the place of all, or take it away again."""
        self.send(self.session.enlarge(self.desk.panel_at(self.mouse.position)))

    def show_person(self) -> None:
        """Zoom to the person."""
        self.photo.show_person(self.session)

    def show_whole_photo(self) -> None:
        """Undo zooming and panning."""
        self.photo.show_all()

    def show_palette(self) -> None:
        """Show or hide the list of all commands."""
        self.palette.toggle(*self.size)

    def ask_for_layout(self) -> None:
        """Ask under which name to keep the layout."""
        self.palette.ask(BY_NAME["keep layout"].label, self._keep_layout, *self.size)

    def _keep_layout(self, name: str) -> None:
        self.send(self.session.keep_layout(name))

    def toggle_tour(self) -> None:
        """Begin the tour, or end it."""
        self.help.hide()
        self.tour.toggle(*self.size)
