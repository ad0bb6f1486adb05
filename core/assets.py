"""Where files live: the shipped assets, the user's cache and settings, the data folder."""

from __future__ import annotations

import os
from pathlib import Path

from core.errors import UserError

_PACKAGE = Path(__file__).resolve().parent
_INSTALLED = _PACKAGE / "_wheel" / "assets"
ASSETS = _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parent / "assets"
"""Folder of the shipped assets: inside the package in a wheel, beside it in a checkout."""


def asset_path(name: str) -> Path:
    """Path of a shipped asset such as ``"body/freebody.npz"``.

    Raises:
        UserError: the file is not there (an incomplete checkout or wheel).
    """
    path = ASSETS / name
    if not path.is_file():
        raise UserError(f"asset {name} is missing from {ASSETS}; reinstall or restore the checkout")
    return path


def cache_dir() -> Path:
    """The project's folder for things that can be made again (created if missing)."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    path = Path(base) / "nbf"
    path.mkdir(parents=True, exist_ok=True)
    return path


def config_dir() -> Path:
    """The project's folder for what the user has chosen (it may be missing)."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "nbf"


def data_dir(argument: str | Path | None = None) -> Path | None:
    """The folder of training material: the argument, else ``$NBF_DATA``, else None.

    Raises:
        UserError: a folder was named but does not exist.
    """
    named = argument or os.environ.get("NBF_DATA")
    if not named:
        return None
    path = Path(named).expanduser()
    if not path.is_dir():
        raise UserError(f"data folder {path} does not exist; pass --data DIR or unset NBF_DATA")
    return path
