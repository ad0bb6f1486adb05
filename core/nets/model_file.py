"""A trained model in one file: network, feature bank and training record.

The file is safetensors: the network's parameters in half precision under ``network.``, the feature
bank under ``bank.``, and JSON metadata. It cannot run code. A trunk with published weights is left
out, because the assets hold it already.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from core.assets import ASSETS
from core.errors import UserError
from core.io.atomic import write_atomic
from core.io.files import readable
from core.nbv.features import FeatureBank
from core.nets.blocks import fold_batchnorm
from core.nets.network import PoseNetwork
from core.nets.presets import DEFAULT_PRESET, find_preset
from core.nets.tensor_file import read_safetensors
from core.nets.trunks import BlazePoseTrunk
from core.nets.weights import Unfilled

FORMAT = "nbf-model-1"
LAYOUTS = ("surface", "skeleton")
"""Where kernels sit: entry ``layout`` of the metadata, the first if there is none."""
_MOST_KERNELS = 6890  # one for each vertex of the embedded body
_TRUNK = "trunk."
_BANK = ("phi", "background", "variance_foreground", "variance_background")


@dataclass(frozen=True)
class Model:
    """A network in eval mode, its feature bank, and the record of its training.

    Attributes:
        metadata: at least ``format``, ``preset``, ``body`` (topology tag), ``kernels``, ``bins``
            and ``dim``; training adds steps, data and validation figures.
    """

    network: PoseNetwork
    bank: FeatureBank
    metadata: dict[str, Any]


def save_model(path: Path, network: PoseNetwork, bank: FeatureBank, metadata: dict) -> None:
    """Write a model file. Batch-norm is folded into ``network``'s convolutions, in place.

    Raises:
        ValueError: a value is not finite in half precision.
    """
    fold_batchnorm(network)
    state = network.state_dict()
    if _is_published(network.trunk):
        state = {name: value for name, value in state.items() if not name.startswith(_TRUNK)}
    tensors = {f"network.{name}": value.half() for name, value in state.items()}
    tensors |= {f"bank.{name}": getattr(bank, name).float() for name in _BANK}
    if not all(bool(value.isfinite().all()) for value in tensors.values()):
        raise ValueError("the model holds values that are not finite in half precision")
    kernels, bins, dim = bank.phi.shape
    record = {
        "format": FORMAT,
        "preset": network.preset.name,
        "kernels": kernels,
        "bins": bins,
        "dim": dim,
        **metadata,
    }
    contiguous = {name: value.contiguous() for name, value in tensors.items()}
    text = {"nbf": json.dumps(record)}
    write_atomic(Path(path), lambda p: save_file(contiguous, p, text))


def load_model(preset: str | None = None, path: Path | None = None) -> Model:
    """Read a model: that of a file, the shipped one of a preset, or the shipped default.

    Args:
        preset: that the file must have; None: any.

    Raises:
        UserError: the file is missing, damaged, or of another preset.
    """
    path = Path(path) if path else default_weights(preset or DEFAULT_PRESET)
    if not path.exists():
        wanted = "" if preset is None else f" --preset {preset}"
        raise UserError(f"no weights at {path}; train them with: nbf train{wanted}")
    record, tensors = _read(path)
    found = record.get("preset")
    if preset is None:
        preset = str(found)
    elif found != preset:
        raise UserError(f"{path} holds preset {found!r}, not {preset!r}")
    try:
        with Unfilled():
            network = PoseNetwork(find_preset(preset, record.get("dim")))
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    fold_batchnorm(network)
    parts = {name: value for name, value in tensors.items() if name.startswith("network.")}
    state = {name[8:]: value.float() for name, value in parts.items()}
    if isinstance(network.trunk, BlazePoseTrunk) and not any(n.startswith(_TRUNK) for n in state):
        network.trunk.load_published()
        published = network.trunk.state_dict()
        state |= {f"{_TRUNK}{name}": value for name, value in published.items()}
    try:
        network.load_state_dict(state)
        bank = _bank(tensors, record)
    except (RuntimeError, KeyError, ValueError) as error:
        summary = " ".join(str(error).split())[:160]  # PyTorch lists every parameter
        raise UserError(
            f"{path} does not fit preset {preset!r} of this version; train it again ({summary} ...)"
        ) from error
    return Model(network.eval(), bank, record)


def _bank(tensors: dict[str, Tensor], record: dict[str, Any]) -> FeatureBank:
    """The feature bank, checked against the record."""
    found = {name: tensors[f"bank.{name}"].float() for name in _BANK}
    phi = found["phi"]
    stated = [record.get(name) for name in ("kernels", "bins", "dim")]
    if list(phi.shape) != stated or not phi.numel() or len(phi) > _MOST_KERNELS:
        raise ValueError(f"bank.phi has the shape {tuple(phi.shape)}, not {stated}")
    if found["background"].shape != phi.shape[2:]:
        raise ValueError(f"bank.background does not have {phi.shape[2]} dimensions")
    if any(found[n].shape != () or not found[n] > 0 for n in _BANK if n.startswith("variance")):
        raise ValueError("the variances of the bank are not positive numbers")
    return FeatureBank(**found)


def _is_published(trunk: nn.Module) -> bool:
    """Whether a trunk has the published weights, which the assets hold."""
    if not isinstance(trunk, BlazePoseTrunk):
        return False
    with Unfilled():
        other = type(trunk)()
    other.load_published()
    own, published = trunk.state_dict(), other.state_dict()
    return own.keys() == published.keys() and all(
        torch.equal(own[name].cpu(), value) for name, value in published.items()
    )


def default_weights(preset: str) -> Path:
    """Path of a preset's shipped weights."""
    return ASSETS / "weights" / f"{find_preset(preset).name}.safetensors"


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    with readable(path, "model file", "give one that nbf train wrote"):
        tensors, metadata = read_safetensors(path)
        record = json.loads(metadata.get("nbf", "{}"))
        if not isinstance(record, dict):
            raise ValueError("its metadata is no table")
        if record.get("format") != FORMAT:
            raise ValueError(f"its format is {record.get('format')!r:.40}, not {FORMAT}")
        if record.get("layout", LAYOUTS[0]) not in LAYOUTS:
            raise ValueError(f"its kernels sit on {record['layout']!r:.40}")
    return record, tensors
