"""Calls of the CUDA library on PyTorch's current stream."""

from __future__ import annotations

import ctypes
from ctypes import byref, c_int64, c_void_p
from functools import cache
from typing import Any

import torch
from torch import Tensor

from core.native import cuda_status, load_cuda


def call(name: str, *arguments: Any, device: torch.device) -> None:
    """Put ``nbf_cuda_<name>`` on the stream; raises RuntimeError with the library's reason.

    Args:
        arguments: structs (by reference), tensors (their addresses; None is no address), numbers
            and references.
    """
    function = getattr(library(), f"nbf_cuda_{name}")
    stream = c_void_p(torch.cuda.current_stream(device).cuda_stream if _on_gpu(device) else None)
    if function(*map(_plain, arguments), stream):
        raise RuntimeError(f"{name} on {device}: {library().nbf_cuda_error().decode()}")


def scratch(name: str, *structs: ctypes.Structure, device: torch.device) -> Tensor:
    """The memory that ``nbf_cuda_<name>`` says is needed; keep it until the stream has passed."""
    function = getattr(library(), f"nbf_cuda_{name}_scratch")
    function.restype = c_int64
    return torch.empty(function(*map(byref, structs)), dtype=torch.uint8, device=device)


@cache
def library() -> Any:
    """The CUDA library."""
    found = load_cuda()
    if found is None:
        raise RuntimeError(f"no CUDA library: {cuda_status()}")
    found.nbf_cuda_error.restype = ctypes.c_char_p
    return found


def _plain(argument: Any) -> Any:
    """An argument as ctypes takes it without declared types."""
    if isinstance(argument, Tensor):
        return c_void_p(argument.data_ptr())
    if isinstance(argument, ctypes.Structure):
        return byref(argument)
    return c_int64(argument) if isinstance(argument, int) else argument


def _on_gpu(device: torch.device) -> bool:
    """False where the library's sources run on the CPU, as in the tests."""
    return device.type == "cuda"
