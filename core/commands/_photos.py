"""Photos of a command that takes several, each by itself."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.io.files import printable

if TYPE_CHECKING:
    from core.errors import UserError

LONGEST_NAME = 200
"""Bytes of a folder's name: systems allow 255, and some are added while it is written."""


@dataclass(frozen=True)
class Failed:
    """A photo that could not be fitted, and why."""

    image: str
    error: str

    @staticmethod
    def of(source: str, error: UserError) -> Failed:
        """Say it at once: the others may take hours."""
        image, text = printable(Path(source)), str(error)
        line = text if image in text else f"{image}: {text}"
        print(f"nbf: {printable(line)}", file=sys.stderr)
        return Failed(image, text)


def folder_names(sources: tuple[str, ...]) -> list[str]:
    """A folder for each photo, visible and below --out; two photos of one name get numbers."""
    from core.io.images import SAMPLES

    names: list[str] = []
    for source in sources:
        stem = Path(source.removeprefix(SAMPLES)).stem.lstrip(".") or "photo"  # of "...png": ".."
        while len(os.fsencode(stem)) > LONGEST_NAME:
            stem = stem[:-1]
        name, count = stem, 2
        while name in names:
            name, count = f"{stem}-{count}", count + 1
        names.append(name)
    return names
