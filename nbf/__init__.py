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
    from core.api import *  # noqa: F403
    from core.api import __all__ as __all__


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: PyTorch takes seconds."""
    if name == "__all__" or not name.startswith("__"):  # Python asks for other such names itself
        check_not_hidden("core")
        api = importlib.import_module("core.api")
        if name in ("__all__", *api.__all__):
            value = globals()[name] = getattr(api, name)
            return value
    raise AttributeError(f"module 'nbf' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__getattr__("__all__")})


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
