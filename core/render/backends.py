"""Choice of the implementation that renders."""

from __future__ import annotations

import torch
from torch import Tensor

from core.errors import UserError
from core.native import cuda_status, load_cuda, load_native, native_status

BACKENDS = ("auto", "torch", "cpu", "cuda")


def choose_backend(name: str) -> str:
    """The backend that ``name`` selects on this machine.

    "auto" selects CUDA if there is a GPU and the CUDA library is built, else native code on the CPU
    if it is built, else the PyTorch twin.

    Raises:
        UserError: the named backend does not exist or is not built here.
    """
    if name not in BACKENDS:
        raise UserError(f"no backend {name!r}; choose from {', '.join(BACKENDS)}")
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("no GPU for --backend cuda (see nbf doctor); use --backend cpu or torch")
    if name == "cuda" and load_cuda() is None:
        raise UserError(f"no native code for --backend cuda: {cuda_status()}")
    if name == "cpu" and load_native() is None:
        raise UserError(f"no native code for --backend cpu: {native_status()}")
    if name == "auto":
        if torch.cuda.is_available() and load_cuda() is not None:
            return "cuda"
        return "torch" if load_native() is None else "cpu"
    return name


def built_backends() -> tuple[str, ...]:
    """All backends but "auto" that work on this machine."""
    built = ["torch"]
    if load_native() is not None:
        built.append("cpu")
    if torch.cuda.is_available() and load_cuda() is not None:
        built.append("cuda")
    return tuple(built)


def device_of(name: str) -> torch.device:
    """The device of the tensors that backend ``name`` works on."""
    return torch.device("cuda" if choose_backend(name) == "cuda" else "cpu")


def is_native(name: str, like: Tensor) -> bool:
    """Whether native code of backend ``name`` works on tensors such as ``like``.

    On a machine with a GPU, tensors on the CPU are rendered by the CPU's native code. Other types
    than float32 and other devices are left to the twin.
    """
    chosen = choose_backend(name)
    if chosen == "torch" or like.dtype != torch.float32:
        return False
    if like.device.type == "cuda":
        return chosen == "cuda"
    return like.device.type == "cpu" and load_native() is not None
