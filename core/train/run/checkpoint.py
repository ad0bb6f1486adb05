"""Checkpoints that survive a kill at any moment, and are refused by name when they are damaged.

The file is PyTorch's: a zip archive in which every record carries a CRC-32, which PyTorch does not
look at and we do. The checkpoint before the last is kept beside it.
"""

from __future__ import annotations

import os
import pickle
import sys
import zipfile
from pathlib import Path
from typing import Any

import torch

from core.errors import UserError
from core.io.atomic import write_atomic

LAST, PREVIOUS = "checkpoint.pt", "checkpoint.previous.pt"

State = dict[str, Any]


def save_checkpoint(folder: Path, state: State) -> None:
    """Write the folder's checkpoint and keep the one before it, unless that one is damaged.

    At every moment the folder holds a whole checkpoint under one of the two names.
    """
    last = folder / LAST
    write_atomic(folder / ".checkpoint.next.pt", lambda path: _write(path, state))
    if last.is_file() and damage(last, last.stat().st_size) is None:
        last.replace(folder / PREVIOUS)
    (folder / ".checkpoint.next.pt").replace(last)


def _write(path: Path, state: State) -> None:
    with path.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())  # the name must not outlive a power cut that the bytes do not


def load_checkpoint(folder: Path, keys: set[str], most_bytes: int) -> tuple[Path, State]:
    """The last good checkpoint of a folder, and where it lies.

    A damaged one is named on standard error and passed over.

    Args:
        keys: what a checkpoint must hold.
        most_bytes: files larger than this are refused unread.

    Raises:
        UserError: there is no checkpoint, or none is good.
    """
    found = [path for path in (folder / LAST, folder / PREVIOUS) if path.is_file()]
    if not found:
        raise UserError(f"nothing to resume in {folder}; leave out --resume")
    for path in found:
        reason = damage(path, most_bytes)
        state = None if reason else _read(path)
        if isinstance(state, dict) and keys <= state.keys():
            return path, state
        print(f"nbf: {path} is refused: {reason or 'it is no checkpoint'}", file=sys.stderr)
    raise UserError(f"no checkpoint in {folder} is good; start anew without --resume")


def damage(path: Path, most_bytes: int) -> str | None:
    """What is wrong with a checkpoint file, as far as its bytes tell; None if nothing is."""
    size = path.stat().st_size
    if size > most_bytes:
        return f"it has {size} bytes, where this run's has no more than {most_bytes}"
    try:
        with zipfile.ZipFile(path) as archive:
            if any(record.compress_type != zipfile.ZIP_STORED for record in archive.infolist()):
                return "it is compressed, which no checkpoint is"
            broken = archive.testzip()
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError, RuntimeError):
        return "it is cut off or overwritten"
    return None if broken is None else f"its record {broken!r} is damaged"


def _read(path: Path) -> object:
    """The file's content, or None where PyTorch cannot make sense of it."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, ValueError, KeyError, EOFError, OSError):
        return None
