"""The optional native libraries, refused if they were built from other sources.

`pip install` builds every op's CPU code under ``cuda/`` into one shared library where there is a
compiler (see CMakeLists.txt); `make cuda` builds the CUDA code into another. Callers of an op ask
`load_native` or `load_cuda` and use the Python twin if the result is None.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

PACKAGE = Path(__file__).resolve().parent
ROOT = PACKAGE.parent
SOURCES = ROOT / "cuda"
_SUFFIX = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")


@dataclass(frozen=True)
class Library:
    """One of the two libraries.

    Attributes:
        name: CMake target.
        folder: folder below ``build/`` of a checkout; a wheel has the library in ``core/_wheel/``.
        variable: environment variable that names another file to load, or is "off".
        symbol: function that returns the digest of the sources.
        patterns: glob patterns of the sources below ``cuda/``.
        fix: how to build the library.
    """

    name: str
    folder: str
    variable: str
    symbol: str
    patterns: tuple[str, ...]
    fix: str

    @property
    def file(self) -> str:
        """The file's name on this system."""
        return ("" if sys.platform == "win32" else "lib") + self.name + _SUFFIX

    def paths(self) -> tuple[Path, ...]:
        """Candidate files, in order of preference."""
        named = os.environ.get(self.variable)
        if named:
            return (Path(named),)
        return (ROOT / "build" / self.folder / self.file, PACKAGE / "_wheel" / self.file)

    def digest(self, sources: Path = SOURCES) -> str | None:
        """Digest of the sources as CMake computes it, None where there are none (a wheel)."""
        names = sorted(
            path.relative_to(sources.parent).as_posix()
            for pattern in self.patterns
            for path in sources.glob(pattern)
        )
        lines = [
            f"{name} {hashlib.sha256((sources.parent / name).read_bytes()).hexdigest()}\n"
            for name in names
        ]
        return hashlib.sha256("".join(lines).encode()).hexdigest() if lines else None

    def open(self, path: Path, digest: str | None) -> tuple[ctypes.CDLL | None, str]:
        """Load one file; None and the reason if it cannot be used.

        Args:
            digest: digest that the sources must have, None to accept any.
        """
        try:
            library = ctypes.CDLL(str(path))
            digest_function = getattr(library, self.symbol)
            digest_function.restype = ctypes.c_char_p
            built_from = digest_function().decode()
        except (OSError, AttributeError) as error:
            return None, f"{path} cannot be used ({error}); {self.fix}"
        if digest is not None and built_from != digest:
            return None, f"{path} was built from other sources; {self.fix}"
        return library, f"loaded {path}"


CPU = Library(
    name="nbf_native",
    folder="native",
    variable="NBF_NATIVE",
    symbol="nbf_source_digest",
    patterns=("*/*.cpp", "*/*.h"),
    fix="with a C++ compiler installed, `make native` builds it",
)
CUDA = Library(
    name="nbf_cuda",
    folder="cuda",
    variable="NBF_CUDA",
    symbol="nbf_cuda_source_digest",
    patterns=("*/*_cuda.cu", "*/*.cuh", "*/*.h"),
    fix="with NVIDIA's nvcc installed, `make cuda` builds it",
)


def load_native() -> ctypes.CDLL | None:
    """The CPU's library, or None where it is absent, unusable, or out of date."""
    return _load(CPU)[0]


def native_status() -> str:
    """One line that says which library is in use, or why there is none."""
    return _load(CPU)[1]


def load_cuda() -> ctypes.CDLL | None:
    """The CUDA library, or None where it is absent, unusable, or out of date; needs no GPU."""
    return _load(CUDA)[0]


def cuda_status() -> str:
    """One line that says which CUDA library is in use, or why there is none."""
    return _load(CUDA)[1]


def dense(tensor: Tensor) -> Tensor:
    """A detached, contiguous float32 tensor, which native code takes.

    Raises:
        ValueError: the tensor is not float32.
    """
    import torch

    if tensor.dtype != torch.float32:
        raise ValueError(f"native code takes float32, not {tensor.dtype}")
    return tensor.detach().contiguous()


@cache
def _load(kind: Library) -> tuple[ctypes.CDLL | None, str]:
    """A library and its status; searched once per process."""
    if os.environ.get(kind.variable) == "off":
        return None, f"turned off by {kind.variable}=off"
    status = f"not built; {kind.fix}"
    for path in kind.paths():
        if path.is_file():
            # A wheel's library came with its Python code; what lies in a folder called cuda beside
            # it is NVIDIA's.
            shipped = path.parent == PACKAGE / "_wheel"
            library, status = kind.open(path, None if shipped else kind.digest())
            if library is not None:
                return library, status
    return None, status
