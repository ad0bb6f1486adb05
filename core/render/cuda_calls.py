"""Calls of the CUDA library, which `make cuda` builds, on PyTorch's current stream."""

from __future__ import annotations

import contextlib
import ctypes
from ctypes import byref, c_float, c_int64, c_void_p
from typing import Any

import torch
from torch import Tensor

from core.native import cuda_status, load_cuda


class CudaCalls:
    """Functions ``nbf_cuda_<name>`` of a library, with tensors for addresses.

    The same sources compiled for the CPU do as well, with tensors that lie there.
    """

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        library.nbf_cuda_error.restype = ctypes.c_char_p

    def run(self, name: str, device: torch.device, *arguments: Any) -> None:
        """Put a call on the device's current stream.

        Args:
            device: where its tensors lie.
            arguments: structs, tensors, numbers and references; None is a null pointer.

        Raises:
            RuntimeError: it failed; the library says why.
        """
        function = getattr(self._library, f"nbf_cuda_{name}")
        on_gpu = device.type == "cuda"
        with torch.cuda.device(device) if on_gpu else contextlib.nullcontext():
            stream = torch.cuda.current_stream().cuda_stream if on_gpu else None
            failed = function(*map(_plain, arguments), c_void_p(stream))
        if failed:
            raise RuntimeError(f"{name}: {self._library.nbf_cuda_error().decode()}")

    def new(self, like: Tensor, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """Memory for a result or for scratch, not initialised."""
        return like.new_empty(shape, dtype=dtype)

    def scratch(self, name: str, like: Tensor, *scratch_arguments: Any) -> Tensor:
        """As much memory as a function says it needs.

        Args:
            like: any tensor of the device.
            measure: what the need depends on.
        """
        function = getattr(self._library, f"nbf_cuda_{name}_scratch")
        function.restype = c_int64
        return self.new(like, function(*map(_plain, scratch_arguments)), dtype=torch.uint8)


def cuda_library() -> ctypes.CDLL:
    """The library; RuntimeError where there is none."""
    found = load_cuda()
    if found is None:
        raise RuntimeError(f"no CUDA library: {cuda_status()}")
    return found


def _plain(argument: Any) -> Any:
    """An argument as ctypes passes it on without declared types."""
    if isinstance(argument, Tensor):
        return c_void_p(argument.data_ptr())
    if isinstance(argument, ctypes.Structure):
        return byref(argument)
    if isinstance(argument, float):
        return c_float(argument)
    return c_int64(argument) if isinstance(argument, int) else argument
