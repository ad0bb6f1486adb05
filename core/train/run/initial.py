"""Weights that a run begins with: a published trunk, and the layers of another network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from core.nets.blazepose import BlazePose
from core.nets.blocks import ConvUnit, add_batchnorm, fold_batchnorm
from core.nets.model_file import load_model
from core.nets.network import PoseNetwork
from core.nets.trunks import BlazePoseTrunk
from core.train.batches.loader import Loader


@dataclass(frozen=True)
class Given:
    """Another network to start from."""

    path: Path
    """Its file."""
    network: dict[str, Tensor]
    """Parameters and buffers by name."""
    bank: dict[str, Tensor]
    """Those of a `MomentumBank`, or some of them."""


def publish_trunk(
    network: PoseNetwork, trunk_rate: float, frozen_blocks: int, loader: Loader
) -> None:
    """Give a published trunk its weights, and batch-norm if it is trained; else freeze the trunk.

    Args:
        trunk_rate: learning rate of the trunk; 0 freezes it.
        frozen_blocks: number of BlazePose's first blocks that are never trained.
    """
    if isinstance(network.trunk, BlazePoseTrunk):
        network.trunk.load_published()
        if trunk_rate:
            _make_trainable(network.trunk.blazepose, frozen_blocks, loader)
    if not trunk_rate:
        network.trunk.requires_grad_(False)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _make_trainable(blazepose: BlazePose, frozen_blocks: int, loader: Loader) -> None:
    """Add batch-norm again, except to the first blocks, which are frozen."""
    add_batchnorm(blazepose, [loader.batch(step).images for step in range(4)])
    for module in [blazepose.trunk.stem, *blazepose.trunk.blocks][:frozen_blocks]:
        fold_batchnorm(module.requires_grad_(False))
        module.requires_grad_(False)  # again: folding creates new parameters


def weights_of_file(
    path: Path, network: PoseNetwork, images: Iterable[Float[Tensor, "batch 3 s s"]]
) -> Given:
    """Weights of a model file, with batch-norm where ``network`` has it.

    Args:
        images: training crops on which the statistics of batch-norm are measured.

    Raises:
        UserError: the file is missing or damaged.
    """
    model = load_model(path=path)
    normalised = {
        name
        for name, unit in network.named_modules()
        if isinstance(unit, ConvUnit) and isinstance(unit.norm, nn.BatchNorm2d)
    }
    add_batchnorm(model.network, images, only=normalised)
    bank = {name: value for name, value in vars(model.bank).items() if isinstance(value, Tensor)}
    return Given(path, model.network.state_dict(), bank)


def transfer(own: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The given parameters that fit into a network, by name.

    A layer with more inputs than the given one takes the given weights for the first of them, and 0
    for the others: `DetectorTrunk` has `BlazePoseTrunk`'s channels first. Parameters that differ in
    more than that are left out.

    Args:
        own: parameters of the network.
    """
    shared = {}
    for name in own.keys() & given.keys():
        wide, narrow = own[name], given[name]
        if wide.shape == narrow.shape:
            shared[name] = narrow
        elif _fits(wide, narrow):
            shared[name] = torch.zeros_like(wide)
            shared[name][:, : narrow.shape[1]] = narrow
    return shared


def _fits(wide: Tensor, narrow: Tensor) -> bool:
    """Whether two weights differ in the number of inputs alone, and ``wide`` has more."""
    if wide.ndim != narrow.ndim or wide.ndim < 2:
        return False
    same = [side for side in range(wide.ndim) if side != 1]
    return wide.shape[1] > narrow.shape[1] and all(
        wide.shape[side] == narrow.shape[side] for side in same
    )
