"""A folder to choose a photo from, without a window."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app.protocol.run import RECORD_SUFFIX

SUFFIXES = (
    RECORD_SUFFIX,
    ".jpg",
    ".jpeg",
    ".png",
    ".webp",
    ".tif",
    ".tiff",
    ".bmp",
    ".occluders.json",
)
"""What can be opened, in small letters."""
BESIDE = (".json", ".npz")
"""What can be opened beside a photo: occluders, keypoints, and bodies to start from."""
TABLE = ".csv"
"""What can be opened if it is named: a table of people. Folders are full of other tables."""
MOST = 5000
"""Entries that are listed."""
RECORD = f"fit{RECORD_SUFFIX}"
"""The name of the record in a folder with the results of a fit."""
UP = ".."
DOUBLE = 0.8
"""Seconds between two clicks that are one: frames may be slow, and the toolkit allows 0.3."""


@dataclass(frozen=True)
class Entry:
    """A line of the list: a folder, or a file that can be opened."""

    name: str
    is_folder: bool

    @property
    def label(self) -> str:
        """The name; folders end in a slash."""
        return f"{self.name}/" if self.is_folder else self.name


@dataclass
class Chooser:
    """The folder on screen and the chosen entry.

    Attributes:
        complaint: why the folder could not be read; empty if it could.
    """

    folder: Path = field(default_factory=Path.cwd)
    chosen: int = 0
    entries: list[Entry] = field(default_factory=list)
    complaint: str = ""
    _clicked: tuple[int, float] = (-1, 0.0)

    def look(self) -> None:
        """Read the folder; the chosen entry stays if it is still there."""
        name = self.entries[self.chosen].name if self.entries else ""
        found, self.complaint = listed(self.folder)
        up = [] if self.folder.parent == self.folder else [Entry(UP, True)]
        self.entries = [*up, *found]
        names = [entry.name for entry in self.entries]
        self.chosen = names.index(name) if name in names else min(len(up), len(names) - 1)

    def move(self, count: int) -> None:
        """Choose another entry."""
        self.chosen = min(max(self.chosen + count, 0), max(len(self.entries) - 1, 0))

    def click(self, number: int, now: float) -> bool:
        """Choose an entry; whether it is the second click on it within `DOUBLE`.

        Args:
            now: seconds of any clock.
        """
        again = (number, True) == (self._clicked[0], now - self._clicked[1] < DOUBLE)
        self.chosen, self._clicked = number, (-1, now) if again else (number, now)
        return again

    def enter(self) -> str | None:
        """The path of the chosen file; None after going into the chosen folder."""
        if not 0 <= self.chosen < len(self.entries):
            return None
        entry = self.entries[self.chosen]
        if not entry.is_folder:
            return str(self.folder / entry.name)
        left = self.folder.name if entry.name == UP else ""
        self.folder = self.folder.parent if entry.name == UP else self.folder / entry.name
        self._clicked = -1, 0.0
        self.entries, self.chosen = [Entry(left, True)] if left else [], 0
        self.look()
        return None


def to_open(paths: Sequence[str]) -> tuple[list[str], list[str]]:
    """The photos and records that paths name, those in named folders too, and empty folders."""
    files: list[str] = []
    empty = []
    for path in paths:
        found = files_in(Path(path)) if Path(path).is_dir() else [path]
        files += found
        if not found:
            empty.append(path)
    return files, empty


def files_in(folder: Path) -> list[str]:
    """What can be opened in a folder, and the records in the folders in it.

    Beside a record lie pictures of its fit, which are no photos: where there are records, they
    alone are taken.
    """
    entries, _ = listed(folder)
    files = [e.name for e in entries if not e.is_folder and e.name.lower().endswith(SUFFIXES)]
    files = [name for name in files if name.endswith(RECORD_SUFFIX)] or files
    below = [folder / entry.name / RECORD for entry in entries if entry.is_folder]
    paths = [*(folder / name for name in files), *(path for path in below if path.is_file())]
    return [str(path) for path in paths]


def listed(folder: Path) -> tuple[list[Entry], str]:
    """Folders, then what can be opened, each from A to Z with numbers by size; and a complaint."""
    entries = []
    try:
        with os.scandir(folder) as scan:
            for item in scan:
                is_folder = item.is_dir()
                if item.name.startswith(".") or not (
                    is_folder or item.name.lower().endswith((*SUFFIXES, *BESIDE, TABLE))
                ):
                    continue
                entries.append(Entry(item.name, is_folder))
    except OSError as error:
        return [], f"{folder} cannot be read: {error.strerror}"
    entries.sort(key=lambda entry: (not entry.is_folder, _order(entry.name), entry.name))
    complaint = f"the first {MOST} of {len(entries)} are listed" if len(entries) > MOST else ""
    return entries[:MOST], complaint


def _order(name: str) -> list[tuple[int, int, str]]:
    """Sorts "photo 9" before "Photo 10"."""
    parts = re.findall(r"\d+|\D+", name.casefold())
    return [(0, int(p), "") if p.isdecimal() else (1, 0, p) for p in parts]
