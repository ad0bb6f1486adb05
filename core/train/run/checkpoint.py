"""Checkpoints that survive a kill at any moment and are checked for damage.

A checkpoint is PyTorch's zip archive. Every record of it has a CRC-32, which PyTorch does not check
and this module does. The previous checkpoint is kept as well.
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path
from typing import Any

import torch

from core.errors import UserError
from core.io.atomic import write_atomic
from core.io.files import check_file, readable

LAST, PREVIOUS = "checkpoint.pt", "checkpoint.previous.pt"

State = dict[str, Any]


def save_checkpoint(folder: Path, state: State) -> None:
    """Write the folder's checkpoint, and keep the previous one unless it is damaged.

    At every moment the folder holds a complete checkpoint under one of the two names.
    """
    last = folder / LAST
    write_atomic(folder / ".checkpoint.next.pt", lambda path: _write(path, state))
    if last.is_file() and find_damage(last, last.stat().st_size) is None:
        last.replace(folder / PREVIOUS)
    (folder / ".checkpoint.next.pt").replace(last)


def _write(path: Path, state: State) -> None:
    with path.open("wb") as file:
        try:
            torch.save(state, file)
        except RuntimeError as error:  # PyTorch's archive writer hides what the system said
            raise OSError(f"PyTorch cannot write it ({error}); is the disk full?") from error


def load_checkpoint(folder: Path, keys: set[str], max_bytes: int) -> tuple[Path, State]:
    """Read a folder's last intact checkpoint; damaged ones are named on standard error.

    Args:
        keys: entries that a checkpoint must have.
        max_bytes: larger files are refused without being read.

    Returns:
        The checkpoint's file and content.

    Raises:
        UserError: there is no checkpoint, or none is intact.
    """
    found = [path for path in (folder / LAST, folder / PREVIOUS) if path.is_file()]
    if not found:
        raise UserError(f"nothing to resume in {folder}; leave out --resume")
    for path in found:
        reason = find_damage(path, max_bytes)
        state = None if reason else _read(path)
        if isinstance(state, dict) and keys <= state.keys():
            return path, state
        print(f"nbf: {path} is refused: {reason or 'it is no checkpoint'}", file=sys.stderr)
    raise UserError(f"no checkpoint in {folder} is intact; start again without --resume")


def find_damage(path: Path, max_bytes: int) -> str | None:
    """A description of the damage of a checkpoint file; None if it is intact."""
    size = check_file(path, 2**63)
    if size > max_bytes:
        return f"it has {size} bytes, but a checkpoint of this run has at most {max_bytes}"
    try:
        with zipfile.ZipFile(path) as archive:
            if any(record.compress_type != zipfile.ZIP_STORED for record in archive.infolist()):
                return "it is compressed, which no checkpoint is"
            broken = archive.testzip()
    except Exception:  # a damaged archive can fail in any way
        return "it is truncated or overwritten"
    return None if broken is None else f"its record {broken!r} is damaged"


def _read(path: Path) -> object:
    """The file's content, or None if PyTorch cannot load it."""
    try:
        with readable(path, "checkpoint", "leave it out"):
            return torch.load(path, map_location="cpu", weights_only=True)
    except UserError:
        return None
