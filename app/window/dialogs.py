"""The dialogs that lie beside what they change."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from app.action import Action
from app.geometry.plane import Point
from app.panels.apart import ApartDialog
from app.panels.dialog import SideDialog
from app.panels.edit import EditDialog
from app.panels.occlude import OccludeDialog
from app.panels.pose import PoseDialog
from app.panels.search import SearchDialog
from app.panels.texture import Texture
from app.panels.time import TimeDialog
from app.protocol.commands import Commands
from app.session import Session
from app.theme import Fonts
from app.window.exporting import Exporting


class Dialogs:
    """All of them."""

    def __init__(
        self,
        fonts: Fonts,
        do: Callable[[Action], None],
        act: Callable[[Callable[[Session], Commands]], None],
        photo: Texture,
        exporting: Exporting,
    ) -> None:
        self.editing = EditDialog(fonts, do, act)
        self.occluding = OccludeDialog(fonts, do, act)
        self.posing = PoseDialog(fonts, do, act)
        self.searching = SearchDialog(fonts, act, photo)
        self.time = TimeDialog(fonts, do, act)
        self.apart = ApartDialog(fonts, do, act)
        self.exporting = exporting

    def __iter__(self) -> Iterator[SideDialog]:
        yield from (self.editing, self.occluding, self.posing, self.searching)
        yield from (self.time, self.apart, self.exporting.dialog)

    def build(self) -> None:
        """Create them (once), hidden."""
        for dialog in self:
            dialog.build()

    def hide(self) -> None:
        """Take them away."""
        for dialog in self:
            dialog.hide()

    def cover(self, point: Point) -> bool:
        """Whether one lies over a point of the window."""
        return any(dialog.covers(point) for dialog in self)

    @property
    def typing(self) -> bool:
        """Whether keys are meant for a field of one."""
        return any(dialog.typing for dialog in self)

    def draw(self, session: Session, size: tuple[int, int]) -> None:
        """Show what is there, in a window of this size."""
        if session.view.joint_table != self.apart.shown:
            self.apart.toggle(*size)
        for dialog in self:
            dialog.draw(session)
