"""What the converters of published networks share: weights, test images, files, digests."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.torch import save_file
from torch import Tensor, nn

from core.io.atomic import write_atomic
from core.io.images import load_image

_SAMPLES = ("skimage:astronaut", "skimage:camera")


@dataclass(frozen=True)
class Convolution:
    """The weights of a convolution in PyTorch's layout."""

    weight: Tensor  # (out, in / groups, k, k)
    bias: Tensor  # (out,)
    stride: int
    groups: int


def convolutions(module: nn.Module) -> list[nn.Conv2d]:
    """All convolutions in the order of their definition."""
    return [m for m in module.modules() if isinstance(m, nn.Conv2d)]


def copy_weights(pairs: list[tuple[nn.Conv2d, Convolution]]) -> None:
    """Copy the weights; any difference in shape, stride or grouping is an error."""
    for conv, op in pairs:
        assert conv.bias is not None
        here = (tuple(conv.weight.shape), conv.stride[0], conv.groups)
        there = (tuple(op.weight.shape), op.stride, op.groups)
        if here != there:
            raise ValueError(f"convolution {here} does not match the file's {there}")
        conv.weight.data.copy_(op.weight)
        conv.bias.data.copy_(op.bias)


def test_images(folder: Path | None) -> dict[str, list[np.ndarray]]:
    """Uniform noise, scikit-image's pictures of people, and the photos of a folder; RGB."""
    noise = np.random.default_rng(0)
    found: list[str | Path] = [*_SAMPLES, *(sorted(folder.rglob("*.jpg")) if folder else [])]
    return {
        "noise": [noise.integers(0, 256, (256, 256, 3), dtype=np.uint8) for _ in range(8)],
        "photos": [load_image(path).pixels for path in found],
    }


def save(network: nn.Module, path: Path, source: str) -> None:
    """Half-precision safetensors."""
    state: dict[str, Tensor] = {
        name: value.half().contiguous() for name, value in network.state_dict().items()
    }
    metadata = {
        "source": f"{source}, Apache-2.0"
    }  # one entry, since the order of several is random
    write_atomic(path, lambda p: save_file(state, p, metadata))


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
