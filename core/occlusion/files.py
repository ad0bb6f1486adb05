"""Files of occluders: JSON that people may write by hand, and hand on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.errors import UserError
from core.io.files import read_json, readable
from core.io.images import load_layer
from core.io.records import from_plain, save_record
from core.occlusion.fills import Picture
from core.occlusion.occluder import MAX_PICTURES, Occluders, check_occluders

FORMAT = "nbf-occluders"
VERSION = 1
MAX_BYTES = 4 * MAX_PICTURES
_WHAT = "set of occluders"
_FIX = "docs/occluders.md says what is in one"


@dataclass(frozen=True)
class OccluderSet:
    """The content of a file.

    Attributes:
        occluders: in pixels of the photo they are for, the first at the bottom.

    Raises:
        UserError: there are too many, see `check_occluders`.
    """

    format: str
    version: int
    occluders: Occluders

    def __post_init__(self) -> None:
        check_occluders(self.occluders)


def save_occluders(path: Path, occluders: Occluders) -> None:
    """Write a set of occluders; pasted pictures are in it.

    Raises:
        UserError: the folder cannot be written to.
    """
    save_record(path, OccluderSet(FORMAT, VERSION, occluders))


def load_occluders(path: Path) -> Occluders:
    """Read a set of occluders.

    In place of a picture's bytes a fill may have ``file``: a picture below the set's own folder.

    Raises:
        UserError: the file is missing, damaged, no such set, or of a newer version; or a number in
            it makes no sense, or a picture cannot be read.
    """
    path = Path(path)
    with readable(path, _WHAT, _FIX):
        document = read_json(path, MAX_BYTES)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise UserError(f"{path} is not a {_WHAT}; {_FIX}")
    version = document.get("version")
    if isinstance(version, int) and version > VERSION:
        raise UserError(f"{path} has format {version}; this version reads {VERSION}: update nbf")
    try:
        _take_in_pictures(document, path.parent)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    return from_plain(OccluderSet, document, str(path)).occluders


def load_picture(path: Path) -> Picture:
    """A fill of an image file, which may be transparent in parts.

    Raises:
        UserError: see `core.io.images.load_layer`.
    """
    return Picture.of(load_layer(path), path.name)


def _take_in_pictures(document: dict[str, Any], folder: Path) -> None:
    """Put the pictures that a document names by their files into it."""
    listed = document.get("occluders")
    for entry in listed if isinstance(listed, list) else []:
        fill = entry.get("fill") if isinstance(entry, dict) else None
        if isinstance(fill, dict) and isinstance(name := fill.pop("file", None), str):
            inside = folder.resolve()
            file = (inside / name).resolve()
            if not file.is_relative_to(inside):  # a set of others must not reach all our files
                raise UserError(f"picture {name!r:.80} is not below the folder of the set")
            entry["fill"] = replace(load_picture(file), name=name).__dict__ | fill
