"""Training of the regression head alone, on cached outputs of the rest of the network.

The head needs a thousandth of the network's arithmetic. With cached inputs it sees every image a
hundred times in minutes; training the whole network sees it a few times in an hour.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from core.nbv.volume import NeuralBodyVolume
from core.nets.network import PoseNetwork
from core.nets.regressor import PartRegressor, PooledFeatures
from core.train.batches.batch import Batch, trunk_output
from core.train.batches.truth import BodyTruth
from core.train.descent import Descent
from core.train.losses.body import body_losses
from core.train.losses.joint_estimate import joint_estimate_loss, joint_truth
from core.train.losses.regression import RegressionWeights


@dataclass(frozen=True)
class HeadSettings:
    """Length and step size of the training.

    Attributes:
        dropout: probability with which all features of a body part are set to 0.
    """

    steps: int = 3000
    batch_size: int = 128
    rate: float = 3e-4
    weight_decay: float = 1e-2
    dropout: float = 0.1
    seed: int = 0
    weights: RegressionWeights = field(default_factory=RegressionWeights)


@dataclass(frozen=True)
class HeadData:
    """Inputs of the head and ground truth of many crops."""

    pooled: PooledFeatures
    truth: BodyTruth

    def __len__(self) -> int:
        return len(self.pooled.parts)

    def select(self, index: Tensor) -> HeadData:
        """The crops at ``index``, in single precision."""
        return HeadData(self.pooled.map(lambda v: v[index].float()), self.truth.select(index))


@torch.no_grad()
def collect_head_data(network: PoseNetwork, batches: Iterable[Batch]) -> HeadData:
    """The inputs of the network's head on these batches, in half precision, on the CPU."""
    network.eval()
    rows: list[PooledFeatures] = []
    truths: list[BodyTruth] = []
    for batch in batches:
        trunk = trunk_output(network, batch)
        fine, coarse, *_ = network.decoder(trunk.maps)
        pooled = network.regressor.pool(fine, coarse, trunk.landmarks)[2]
        rows.append(pooled.map(lambda values: values.half().cpu()))
        truths.append(BodyTruth.of(batch))
    return HeadData(PooledFeatures.concatenate(rows), BodyTruth.concatenate(truths))


def tune_head(
    head: PartRegressor,
    data: HeadData,
    volume: NeuralBodyVolume,
    settings: HeadSettings,
    report: Callable[[int, float], None] | None = None,
) -> None:
    """Train the head's regression layers in place.

    Segmentation, attention and joint heatmaps are fixed, because their outputs are cached.

    Args:
        report: called with the index and the loss of each step.
    """
    generator = torch.Generator().manual_seed(settings.seed)
    fixed = {
        *head.segment.parameters(),
        *head.describe.parameters(),
        *head.joints.heat.parameters(),
    }
    parameters = [p.requires_grad_() for p in head.parameters() if p not in fixed]

    def loss() -> Tensor:
        chosen = torch.randint(len(data), (settings.batch_size,), generator=generator)
        return head_loss(head, data.select(chosen), volume, settings, generator)

    descent = Descent(settings.steps, settings.rate, settings.weight_decay, warmup=50, clip=10.0)
    descent.run(parameters, loss, report)


def head_loss(
    head: PartRegressor,
    data: HeadData,
    volume: NeuralBodyVolume,
    settings: HeadSettings,
    generator: torch.Generator,
) -> Tensor:
    """Sum of the weighted regression losses, with random body parts dropped from the input."""
    shape = data.pooled.parts.shape[:2]
    kept = (torch.rand(shape, generator=generator) >= settings.dropout)[..., None]
    dropped = replace(data.pooled, parts=data.pooled.parts * kept)
    predicted = head.regress(dropped)
    body = (predicted.rotations, predicted.betas, predicted.camera)
    losses = body_losses(*body, data.truth, volume, settings.weights)
    estimates = joint_estimate_loss(predicted.joint_estimate, joint_truth(data.truth, volume))
    return torch.stack([*losses.values(), settings.weights.estimates * estimates]).sum()
