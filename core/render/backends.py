"""Which implementation renders."""

from __future__ import annotations

from core.errors import UserError

BACKENDS = ("auto", "torch", "cpu", "cuda")


def choose_backend(name: str) -> str:
    """The volume renderer that ``name`` stands for on this machine.

    Raises:
        UserError: the named backend does not exist or is not built here.
    """
    if name not in BACKENDS:
        raise UserError(f"no backend {name!r}; choose from {', '.join(BACKENDS)}")
    if name in ("cpu", "cuda"):
        raise UserError(f"backend {name} is not built here; use --backend torch")
    return "torch"
