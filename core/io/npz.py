"""Reading arrays that a tool of ours wrote into the cache."""

from __future__ import annotations

import zlib
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from core.errors import UserError


def read_npz(path: Path, what: str) -> dict[str, np.ndarray]:
    """All arrays of an npz file, none of them pickled.

    Raises:
        UserError: the file is missing or damaged; ``what`` says what it is.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, EOFError, ValueError, AttributeError, BadZipFile, zlib.error) as error:
        raise UserError(f"{what} {path} is missing or damaged ({error}); build it again") from error
