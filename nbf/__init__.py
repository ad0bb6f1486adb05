"""3D-aware neural body fitting: ``import nbf``.

    import nbf

    fitted = nbf.fit("photo.jpg")
    fitted.vertices                     # metres, in the photo's camera

All names come from `core.api`, which documents them; they are imported when they are first used.
"""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.api import (
        TERMS,
        BodyParams,
        Box,
        Engine,
        FitRecord,
        Fitted,
        Keypoints,
        NobodyFoundError,
        Observation,
        Photo,
        Schedule,
        Stage,
        StepMaps,
        StepRecord,
        Term,
        Trace,
        UserError,
        fit,
        load,
        observe,
        open_record,
        read_photo,
        render,
    )

__all__ = [
    "TERMS",
    "BodyParams",
    "Box",
    "Engine",
    "FitRecord",
    "Fitted",
    "Keypoints",
    "NobodyFoundError",
    "Observation",
    "Photo",
    "Schedule",
    "Stage",
    "StepMaps",
    "StepRecord",
    "Term",
    "Trace",
    "UserError",
    "fit",
    "load",
    "observe",
    "open_record",
    "read_photo",
    "render",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: PyTorch takes seconds."""
    if name not in __all__:
        raise AttributeError(f"module 'nbf' has no attribute {name!r}")
    check_not_hidden("core")
    value = globals()[name] = getattr(importlib.import_module("core.api"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def check_not_hidden(package: str) -> None:
    """Refuse another package that has the name of one of ours.

    ``core`` and ``app`` are common names: a folder of that name in the working directory, or
    earlier in PYTHONPATH, hides ours.

    Raises:
        ImportError: Python finds another package of this name first.
    """
    ours = Path(__file__).resolve().parent.parent / package
    spec = importlib.util.find_spec(package)
    found = [Path(place).resolve() for place in (spec and spec.submodule_search_locations) or ()]
    if ours not in found:
        other = found[0] if found else spec and spec.origin
        raise ImportError(
            f"nbf needs its package {package!r} in {ours.parent}, but Python finds {other} first: "
            "start Python in another folder, or rename that one"
        )
