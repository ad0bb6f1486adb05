"""The mesh renderer on a GPU (``cuda/raster/raster_cuda.h``), built by ``make cuda``."""

from __future__ import annotations

import ctypes
from ctypes import c_char_p, c_int64, c_void_p
from functools import cache
from pathlib import Path
from typing import Any

import torch

from core.native import ROOT, source_digest
from core.render.mesh_abi import FUNCTIONS, addresses

LIBRARY = ROOT / "build" / "cuda" / "libnbf_cuda.so"
DIGESTED = ("*/*_cuda.cu", "*/*.cuh", "*/*.h")  # as in CMakeLists.txt


class CudaMesh:
    """Functions of the CUDA library; each puts its work on PyTorch's current stream."""

    def __init__(self, path: Path) -> None:
        self._library = ctypes.CDLL(str(path))
        self._library.nbf_cuda_error.restype = c_char_p
        for name, types in FUNCTIONS.items():
            scratch = [] if name == "interpolate" else [c_void_p]
            function = getattr(self._library, f"nbf_cuda_mesh_{name}")
            function.argtypes = [*types, *scratch, c_void_p]
            if scratch:
                self._measure(name).restype = c_int64
        counts = [c_int64, c_int64]
        self._measure("interpolate_backward").argtypes = [*FUNCTIONS["rasterize"][:1], *counts]

    def run(
        self,
        name: str,
        device: torch.device,
        arguments: tuple[Any, ...],
        measure: tuple[Any, ...] | None,
    ) -> None:
        """Call a function.

        Args:
            device: where its tensors lie.
            measure: what the function's need of scratch memory depends on, None if it needs none.

        Raises:
            RuntimeError: it failed.
        """
        scratch = [] if measure is None else [self.scratch(name, device, measure)]
        function = getattr(self._library, f"nbf_cuda_mesh_{name}")
        given = addresses([*arguments, *scratch])
        if device.type == "cuda":
            with torch.cuda.device(device):
                failed = function(*given, torch.cuda.current_stream().cuda_stream)
        else:  # the same sources, compiled for the CPU by the tests
            failed = function(*given, None)
        if failed:
            raise RuntimeError(self._library.nbf_cuda_error().decode())

    def scratch(self, name: str, device: torch.device, measure: tuple[Any, ...]) -> torch.Tensor:
        """As much memory as a function needs."""
        return torch.empty(self._measure(name)(*measure), dtype=torch.uint8, device=device)

    def _measure(self, name: str) -> Any:
        return getattr(self._library, f"nbf_cuda_mesh_{name}_scratch")


@cache
def load_cuda_mesh(path: Path = LIBRARY) -> CudaMesh | None:
    """The library, None where it is absent or was built from other sources."""
    if not path.is_file():
        return None
    library = ctypes.CDLL(str(path))
    library.nbf_cuda_source_digest.restype = c_char_p
    digest = source_digest(patterns=DIGESTED)
    built_from = library.nbf_cuda_source_digest().decode()
    return CudaMesh(path) if built_from == digest else None
