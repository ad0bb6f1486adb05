"""Atomic writes: a file is either complete or absent."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from core.errors import UserError


def write_atomic(path: Path, write: Callable[[Path], object]) -> None:
    """Call ``write(temporary)`` and rename the result to ``path``.

    The temporary file is in the same folder, so that the rename is atomic, and keeps the suffix,
    by which some writers (imageio, trimesh) choose the format. After an error it is removed, and
    an existing file at ``path`` is unchanged.

    Raises:
        UserError: the folder cannot be made or written to, or the disk is full.
    """
    path = Path(path)
    temporary = path.with_name(f".{secrets.token_hex(8)}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch(exist_ok=False)
        write(temporary)
        temporary.chmod(0o666 & ~_umask())  # safetensors makes files private
        temporary.replace(path)
    except OSError as error:
        _discard(temporary)
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error
    except BaseException:
        _discard(temporary)
        raise


def _umask() -> int:
    """The process's file mode mask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _discard(temporary: Path) -> None:
    """Remove the unfinished file if it was created."""
    if temporary.exists():
        temporary.unlink()
