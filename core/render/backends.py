"""Which implementation renders."""

from __future__ import annotations

from core.errors import UserError
from core.native import load_native, native_status

BACKENDS = ("auto", "torch", "cpu", "cuda")


def choose_backend(name: str) -> str:
    """The volume renderer that ``name`` stands for on this machine.

    "auto" is the native CPU renderer where the native library is in use, else the PyTorch twin.

    Raises:
        UserError: the named backend does not exist or is not built here.
    """
    if name not in BACKENDS:
        raise UserError(f"no backend {name!r}; choose from {', '.join(BACKENDS)}")
    if name == "cuda":
        raise UserError("backend cuda is not built here; use --backend cpu or torch")
    if name == "cpu" and load_native() is None:
        raise UserError(f"no native code for --backend cpu: {native_status()}")
    if name == "auto":
        return "torch" if load_native() is None else "cpu"
    return name
