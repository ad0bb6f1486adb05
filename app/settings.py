"""What the window remembers between two starts, in a small file of the user's."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from app.geometry.layout import BUILT_IN, STANDARD, Layout, is_sound
from app.session import Session
from app.state import Level, Message
from app.view import LINKED, SMOOTH
from app.viewing import LONGEST_NAME, MOST_LAYOUTS
from core.errors import UserError
from core.io.files import printable, read_json, readable
from core.io.records import from_plain, save_record

MAX_BYTES = 64 << 10
PATIENCE = 1.0
"""Seconds between a change and the writing, and between two writings."""
ASIDE = "it is put aside when the settings change"
KEPT_LOOKS = (LINKED, SMOOTH)


@dataclass(frozen=True)
class Settings:
    """Layouts, colours, and whether the tour has been seen.

    Raises:
        UserError: a layout cannot be shown, or there are too many.
    """

    layout: Layout = STANDARD
    layout_name: str = "standard"
    own_layouts: dict[str, Layout] = field(default_factory=dict)
    looks: tuple[str, ...] = (LINKED,)
    light: bool = False
    toured: bool = False

    def __post_init__(self) -> None:
        for name, layout in {"layout": self.layout, **self.own_layouts}.items():
            if not is_sound(layout):
                raise UserError(f"the layout {name[:LONGEST_NAME]!r} cannot be shown")
        names = [*self.own_layouts, self.layout_name]
        if len(self.own_layouts) > MOST_LAYOUTS or max(map(len, names)) > LONGEST_NAME:
            raise UserError(f"more than {MOST_LAYOUTS} layouts, or too long a name")
        if set(self.own_layouts) & set(BUILT_IN):
            raise UserError("a layout has the name of a built-in one")

    @staticmethod
    def of(session: Session, toured: bool) -> Settings:
        """The settings of a window."""
        view = session.view
        looks = tuple(name for name in KEPT_LOOKS if name in view.looks)
        own = dict(view.own_layouts)
        return Settings(view.layout, view.layout_name, own, looks, view.light, toured)

    def apply(self, session: Session) -> None:
        """Give a new window these settings."""
        session.restore(self.layout, self.layout_name, self.own_layouts)
        session.view.looks = frozenset(self.looks) & set(KEPT_LOOKS)
        session.view.light = self.light


def load_settings(path: Path) -> Settings:
    """The settings in a file, the standard ones if there is none.

    Raises:
        UserError: the file is damaged; the line names it and says what happens.
    """
    if not path.exists():
        return Settings()
    with readable(path, "file of settings", ASIDE):
        document = read_json(path, MAX_BYTES)
    try:
        return from_plain(Settings, document, printable(path))
    except UserError as error:
        raise UserError(f"{error}; {ASIDE}") from error


@dataclass
class Keeper:
    """Loads the settings of a window when it opens, and writes them when they have changed.

    Attributes:
        toured: the tour has been seen, or has been skipped.
        due: the tour is to be shown: this is the first start.
    """

    path: Path
    session: Session
    toured: bool = False
    due: bool = False
    _written: Settings = field(default_factory=Settings)
    _damaged: bool = False
    _changed: float = 0.0

    def load(self) -> None:
        """Give the window its settings; a damaged file leaves it as it is, and a line says so."""
        try:
            settings = load_settings(self.path)
        except UserError as error:
            self._damaged = True
            self.session.message = Message(str(error), Level.WARNING)
            return
        settings.apply(self.session)
        self._written, self.toured = settings, settings.toured
        self.due = not settings.toured

    def keep(self, now: float | None = None) -> None:
        """Write the settings if they have changed a moment ago.

        Args:
            now: seconds of a clock; None to write at once.
        """
        settings = Settings.of(self.session, self.toured)
        if settings == self._written:
            self._changed = 0.0
            return
        if now is not None and (not self._changed or now - self._changed < PATIENCE):
            self._changed = self._changed or now
            return
        self._written = settings
        try:
            if self._damaged:
                self.path.replace(self.path.with_suffix(".damaged.json"))
                self._damaged = False
            save_record(self.path, settings)
        except (UserError, OSError) as error:
            self.session.message = Message(f"Settings are not kept: {error}", Level.WARNING)

    def tell_of_tour(self) -> None:
        """The tour has been seen, or has been skipped."""
        self.toured = True

    def keep_soon(self) -> None:
        """Write them once they have stayed the same for a moment."""
        self.keep(time.monotonic())
