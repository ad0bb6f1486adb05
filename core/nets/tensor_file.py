"""Tensors of foreign files, checked: nothing in a file runs, and its numbers are finite."""

from __future__ import annotations

import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from core.io.files import check_file, mebibytes

MAX_BYTES = 2 * 2**30
"""Limit of a file's size; the larger network has 0.2 GiB."""


def read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a safetensors file.

    Raises:
        OSError, ValueError, SafetensorError: the file is missing, not a regular file, too large or
            damaged, or holds numbers that are not finite.
    """
    check_file(path, MAX_BYTES)
    with safe_open(path, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = dict(file.metadata() or {})
    check_finite(tensors)
    return tensors, metadata


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """The weights of a PyTorch checkpoint, such as Lightning's with its callbacks and settings.

    Raises:
        Exception: any, as PyTorch's readers do; the file is missing, not a regular file, too
            large, compressed or damaged, or names something that cannot be left out.
    """
    check_file(path, MAX_BYTES)
    _check_archive(path)
    with torch.serialization.safe_globals(_stand_ins(path)):
        stored = torch.load(path, map_location="cpu", weights_only=True)
    state = stored.get("state_dict", stored) if isinstance(stored, dict) else {}
    if not isinstance(state, dict):
        raise ValueError("its state_dict is no table")
    return {str(k): v for k, v in state.items() if isinstance(v, Tensor)}


def check_finite(tensors: Mapping[str, Tensor]) -> None:
    """Refuse numbers that are not finite.

    Raises:
        ValueError: there are such numbers; or what should be numbers is not.
    """
    for name, value in tensors.items():
        if value.layout != torch.strided or value.is_quantized:
            raise ValueError(f"{name:.80} is no table of numbers")
        if not bool(value.isfinite().all()):
            raise ValueError(f"{name:.80} holds values that are not finite")


def _check_archive(path: Path) -> None:
    """Refuse what PyTorch would inflate, and a claim of more bytes than the file has."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise ValueError("it is compressed, which PyTorch's checkpoints never are")
    if sum(member.file_size for member in members) > MAX_BYTES:
        raise ValueError(f"it unpacks to more than the {mebibytes(MAX_BYTES)} allowed")


class _InertValue:
    """Placeholder for a NumPy value of a checkpoint; takes any arguments and does nothing."""

    def __init__(self, *args: object) -> None: ...

    def __setstate__(self, state: object) -> None: ...


class _InertRecord:
    """Placeholder for any other object: an empty dict, which takes items and attributes."""

    def __new__(cls, *_: object) -> OrderedDict[object, object]:  # type: ignore[misc]
        return OrderedDict()


def _stand_ins(path: Path) -> list[Callable[..., object] | tuple[Callable[..., object], str]]:
    """A placeholder for each class or function that a checkpoint names, apart from tensors.

    Lightning stores callbacks and settings with the weights, so VPoser's files do not load with
    `weights_only` alone. Nothing that a file names is ever imported or called.
    """
    named = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    return [(_InertValue if n.startswith("numpy.") else _InertRecord, n) for n in named]
