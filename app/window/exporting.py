"""Files that the window writes itself: the curves, and pictures of panels."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import dearpygui.dearpygui as dpg
from PIL import Image

from app.geometry.plane import Rect
from app.panels.export import ExportDialog, proposed
from app.panels.files import FileDialog
from app.panels.items import item_rect
from app.panels.panel import Panel
from app.protocol.commands import Commands, Exported
from app.session import Session
from app.state import Level, Message
from app.theme import Fonts
from core.errors import UserError
from core.io.atomic import check_file_place, write_atomic

BY_WORKER = {kind.value: kind for kind in Exported}
FRAMES = 8
"""Frames until dialogs have faded out."""


def save_curves(session: Session, path: Path) -> None:
    """Write the total and the weighted terms of the run on screen as CSV, a line a step.

    Raises:
        UserError: another suffix, or the file cannot be written.
    """
    if path.suffix.lower() != ".csv":
        raise UserError(f"{path}: the curves are written as .csv")
    curves = session.curves

    def write(temporary: Path) -> None:
        with temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["step", "stage", "total", *curves.terms])
            for step, total in enumerate(curves.total):
                stage = session.stage_at(step)
                terms = (values[step] for values in curves.terms.values())
                name = "" if stage is None else stage.name
                writer.writerow([step, name, repr(total), *map(repr, terms)])

    write_atomic(path, write)


@dataclass
class PanelShot:
    """A picture of a part of the window, as soon as nothing lies over it any more.

    The toolkit writes the whole window a frame or two after it is asked to, into a folder of its
    own; the part is cut out of that.
    """

    path: Path
    rect: Rect
    _folder: tempfile.TemporaryDirectory[str] = field(default_factory=tempfile.TemporaryDirectory)
    _waited: int = 0
    _size: int = -1

    @staticmethod
    def of(path: Path, rect: Rect) -> PanelShot:
        """The picture of a part of the window.

        Raises:
            UserError: another suffix, or the file cannot be written.
        """
        if path.suffix.lower() != ".png":
            raise UserError(f"{path}: a panel is written as .png")
        check_file_place(path)
        return PanelShot(path, rect)

    @property
    def _whole(self) -> Path:
        return Path(self._folder.name) / "window.png"

    def after_frame(self) -> bool:
        """Called after each frame; whether the picture is written.

        Raises:
            UserError: the file cannot be written.
        """
        self._waited += 1
        if self._waited == FRAMES:
            dpg.output_frame_buffer(str(self._whole))
        if self._waited <= FRAMES or not self._whole.is_file():
            return False
        size, before = self._whole.stat().st_size, self._size
        self._size = size
        if size == 0 or size != before:
            return False  # it is still being written
        self._cut()
        return True

    def _cut(self) -> None:
        x, y, right, bottom = (int(v) for v in (*self.rect[:2], self.rect.right, self.rect.bottom))
        with Image.open(self._whole) as whole:
            picture = whole.convert("RGB").crop((x, y, right, bottom))
        self._folder.cleanup()
        write_atomic(self.path, lambda temporary: picture.save(temporary, format="png"))


class Exporting:
    """The dialog of what can be written, the question where, and the writing."""

    def __init__(
        self,
        fonts: Fonts,
        session: Session,
        panels: Mapping[str, Panel],
        files: FileDialog,
        act: Callable[[Callable[[Session], Commands]], None],
    ) -> None:
        titles = {panel.title.capitalize() or name: name for name, panel in panels.items()}
        self.dialog = ExportDialog(fonts, titles, self._ask)
        self._session, self._files, self._act = session, files, act
        self._size = 0, 0
        self._shot: PanelShot | None = None

    def toggle(self, width: int, height: int) -> None:
        """Show or hide the dialog in a window of this size."""
        self._size = width, height
        self.dialog.toggle(width, height)

    def after_frame(self) -> bool:
        """Called after each frame; whether another one is needed."""
        if self._shot is None:
            return False
        try:
            if self._shot.after_frame():
                self._session.message = Message(f"Wrote {self._shot.path}")
                self._shot = None
        except UserError as error:
            self._refuse(error)
            self._shot = None
        return True

    def _ask(self, kind: str, suffix: str) -> None:
        """Ask where to write a kind of file."""
        name = proposed(self._session, self.dialog.panel if kind == "panel" else kind, suffix)
        self.dialog.hide()
        self._files.ask_name(*self._size, name, lambda path: self._write(kind, path))

    def _write(self, kind: str, path: str) -> None:
        try:
            if kind in BY_WORKER:
                self._act(lambda session: session.export(BY_WORKER[kind], path))
            elif kind == "panel":
                self._shot = PanelShot.of(Path(path), self._place(self.dialog.panel))
            else:
                save_curves(self._session, Path(path))
                self._session.message = Message(f"Wrote {path}")
        except UserError as error:
            self._refuse(error)

    def _place(self, panel: str) -> Rect:
        """Where a panel is.

        Raises:
            UserError: it is not on screen.
        """
        if not dpg.is_item_shown(panel):
            raise UserError("that panel is not on screen now: show it first")
        return item_rect(panel)

    def _refuse(self, error: UserError) -> None:
        self._session.message = Message(str(error), Level.ERROR)
