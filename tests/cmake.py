"""CMake out of the tests' environment."""

from __future__ import annotations

import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path


def environment() -> dict[str, str]:
    """In which Ninja is found, too."""
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def cmake(folder: Path) -> str | None:
    """The program, put into ``folder`` where its own path has brackets (see tools/install.sh)."""
    spec = find_spec("cmake")
    data = Path(spec.origin or "").parent / "data" if spec else Path()
    if "[" not in str(data):
        return shutil.which("cmake", path=environment()["PATH"])
    (folder / "bin").mkdir(exist_ok=True)
    if not (folder / "share").exists():
        (folder / "share").symlink_to(data / "share")
    return shutil.copy(data / "bin" / "cmake", folder / "bin")
