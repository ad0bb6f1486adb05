"""The native library: optional, found beside the package, refused if built from other sources.

`pip install` builds every op under ``cuda/`` into one shared library where there is a compiler (see
CMakeLists.txt). It lies in ``build/native/`` of a checkout and in ``core/_wheel/`` of a wheel.
Whoever calls an op asks `load_native` and takes the Python twin when there is None.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

PACKAGE = Path(__file__).resolve().parent
ROOT = PACKAGE.parent
SOURCES = ROOT / "cuda"
MEND = "with a C++ compiler installed, `make native` builds it"

_SUFFIX = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")
_NAME = ("" if sys.platform == "win32" else "lib") + "nbf_native" + _SUFFIX


def load_native() -> ctypes.CDLL | None:
    """The loaded library, or None where it is absent, unusable, or out of date."""
    return _load()[0]


def native_status() -> str:
    """One line that says which library is in use, or why there is none."""
    return _load()[1]


def dense(tensor: Tensor) -> Tensor:
    """A detached float32 tensor without gaps, as native code wants it."""
    import torch

    if tensor.dtype != torch.float32 or tensor.device.type != "cpu":
        raise ValueError(f"native code takes float32 on the CPU, not {tensor.dtype}")
    return tensor.detach().contiguous()


def library_paths() -> tuple[Path, ...]:
    """Where the library is looked for, best first; ``$NBF_NATIVE`` names one file instead.

    ``NBF_NATIVE=off`` turns native code off.
    """
    named = os.environ.get("NBF_NATIVE")
    if named:
        return (Path(named),)
    return (ROOT / "build" / "native" / _NAME, PACKAGE / "_wheel" / _NAME)


def source_digest(
    sources: Path = SOURCES, patterns: tuple[str, ...] = ("*/*.cpp", "*/*.h")
) -> str | None:
    """Digest of the native sources as CMake computes it, None where there are none (a wheel)."""
    names = sorted(
        path.relative_to(sources.parent).as_posix()
        for pattern in patterns
        for path in sources.glob(pattern)
    )
    lines = [
        f"{name} {hashlib.sha256((sources.parent / name).read_bytes()).hexdigest()}\n"
        for name in names
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest() if lines else None


@cache
def _load() -> tuple[ctypes.CDLL | None, str]:
    """The library and its status; looked for once in a process."""
    if os.environ.get("NBF_NATIVE") == "off":
        return None, "turned off by NBF_NATIVE=off"
    status = f"not built; {MEND}"
    for path in library_paths():
        if path.is_file():
            library, status = open_library(path, source_digest())
            if library is not None:
                return library, status
    return None, status


def open_library(path: Path, digest: str | None) -> tuple[ctypes.CDLL | None, str]:
    """Load one file; None and the reason if it cannot be used.

    Args:
        path: the shared library.
        digest: what its sources must hash to, None to take it as it is.
    """
    try:
        library = ctypes.CDLL(str(path))
        library.nbf_source_digest.restype = ctypes.c_char_p
        built_from = library.nbf_source_digest().decode()
    except (OSError, AttributeError) as error:
        return None, f"{path} cannot be used ({error}); {MEND}"
    if digest is not None and built_from != digest:
        return None, f"{path} was built from other sources; {MEND}"
    return library, f"loaded {path}"
