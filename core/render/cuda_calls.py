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
    """Functions ``nbf_cuda_<name>`` of a library, called with tensors instead of addresses.

    The same sources compiled for the CPU work as well, with tensors on the CPU.
    """

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        library.nbf_cuda_error.restype = ctypes.c_char_p

    def run(self, name: str, device: torch.device, *arguments: Any) -> None:
        """Call a function on the device's current stream.

        Args:
            device: that of the tensors.
            arguments: structs, tensors, numbers and references; None is a null pointer.

        Raises:
            RuntimeError: the call failed; the message is the library's.
        """
        function = getattr(self._library, f"nbf_cuda_{name}")
        on_gpu = device.type == "cuda"
        with torch.cuda.device(device) if on_gpu else contextlib.nullcontext():
            stream = torch.cuda.current_stream().cuda_stream if on_gpu else None
            failed = function(*map(_plain, arguments), c_void_p(stream))
        if failed:
            raise RuntimeError(f"{name}: {self._library.nbf_cuda_error().decode()}")

    def new(self, like: Tensor, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """Uninitialised memory for a result or as scratch."""
        return like.new_empty(shape, dtype=dtype)

    def scratch(self, name: str, like: Tensor, *scratch_arguments: Any) -> Tensor:
        """The scratch memory that a function asks for.

        Args:
            like: any tensor of the device.
            scratch_arguments: what the size depends on.
        """
        function = getattr(self._library, f"nbf_cuda_{name}_scratch")
        function.restype = c_int64
        return self.new(like, function(*map(_plain, scratch_arguments)), dtype=torch.uint8)


def cuda_library() -> ctypes.CDLL:
    """The CUDA library.

    Raises:
        RuntimeError: the library is not built.
    """
    found = load_cuda()
    if found is None:
        raise RuntimeError(f"no CUDA library: {cuda_status()}")
    return found


def _plain(argument: Any) -> Any:
    """An argument in a form that ctypes passes without declared types."""
    if isinstance(argument, Tensor):
        return c_void_p(argument.data_ptr())
    if isinstance(argument, ctypes.Structure):
        return byref(argument)
    if isinstance(argument, float):
        return c_float(argument)
    return c_int64(argument) if isinstance(argument, int) else argument
