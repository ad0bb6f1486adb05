"""Pre-training of the lifter on noisy ground-truth joints, without images."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from core.geometry.rotations import rotation_from_6d, rotation_from_axis_angle
from core.nbv.volume import NeuralBodyVolume
from core.nets.joint_estimate import JointEstimate
from core.nets.lifter import BodyLifter
from core.synth.bodies import Bodies
from core.train.batches.truth import BodyTruth
from core.train.descent import Descent
from core.train.losses.body import body_losses
from core.train.losses.joint_estimate import JointTruth, joint_truth
from core.train.losses.regression import RegressionWeights


@dataclass(frozen=True)
class LifterSettings:
    """Length and step size of the training, and the noise of its inputs.

    Attributes:
        hidden: upper limit of the share of a body's joints that are hidden.
        sigma: range of the standard deviation of x and y of visible joints, in half crops.
        sigma_foreshortening: range of the standard deviation of the bones' foreshortening.
    """

    steps: int = 8000
    batch_size: int = 256
    rate: float = 1e-3
    weight_decay: float = 1e-2
    hidden: float = 0.3
    sigma: tuple[float, float] = (0.015, 0.12)
    sigma_foreshortening: tuple[float, float] = (0.1, 0.6)
    seed: int = 0
    weights: RegressionWeights = field(default_factory=RegressionWeights)


def train_lifter(
    lifter: BodyLifter,
    bodies: Bodies,
    volume: NeuralBodyVolume,
    settings: LifterSettings,
    report: Callable[[int, float], None] | None = None,
) -> None:
    """Train in place.

    Args:
        report: called with the index and the loss of each step.
    """
    generator = torch.Generator().manual_seed(settings.seed)
    truth = body_truth(bodies)

    def loss() -> Tensor:
        chosen = torch.randint(len(bodies), (settings.batch_size,), generator=generator)
        people = truth.select(chosen)
        estimate = noisy_joint_estimate(joint_truth(people, volume), settings, generator)
        pose, rest = lifter(estimate)
        rotations, betas, camera = rotation_from_6d(pose), rest[:, :10], rest[:, 10:]
        losses = body_losses(rotations, betas, camera, people, volume, settings.weights)
        return torch.stack(list(losses.values())).sum()

    descent = Descent(settings.steps, settings.rate, settings.weight_decay, warmup=100, clip=1.0)
    descent.run(lifter.parameters(), loss, report)


def body_truth(bodies: Bodies) -> BodyTruth:
    """Convert sampled bodies to `BodyTruth`."""
    return BodyTruth(
        size=int(bodies.size),
        focal=torch.from_numpy(bodies.focal),
        rotations=rotation_from_axis_angle(torch.from_numpy(bodies.pose)),
        betas=torch.from_numpy(bodies.betas),
        transl=torch.from_numpy(bodies.transl),
    )


def noisy_joint_estimate(
    truth: JointTruth, settings: LifterSettings, generator: torch.Generator
) -> JointEstimate:
    """True joints with noise, and the standard deviations from which the noise was drawn.

    Sigmas are log-uniform over bodies, vary between the joints of a body, and are 3 to 12 times as
    large for hidden joints. Joints beyond `JointTruth.reachable` get the largest sigma.
    """
    count = len(truth.xy)

    def between(low: float, high: float, *shape: int) -> Tensor:
        position = torch.rand(shape, generator=generator)
        return math.log(low) + position * math.log(high / low)

    joints = truth.foreshortening.shape
    sigma = between(*settings.sigma, count, 1) + 0.5 * torch.randn(joints, generator=generator)
    share = settings.hidden * torch.rand(count, 1, generator=generator)
    hidden = torch.rand(joints, generator=generator) < share
    sigma = torch.where(hidden, sigma + between(3, 12, *joints), sigma)
    # -4.5: the smallest value that `JointEstimator` can predict
    sigma = torch.where(truth.reachable, sigma, 0.0).clamp(-4.5, -0.5)
    sigma_foreshortening = between(*settings.sigma_foreshortening, *joints)
    noise = torch.randn(*joints, 3, generator=generator)
    xy = truth.xy.clamp(-1.5, 1.5) + sigma.exp()[..., None] * noise[..., :2]
    foreshortening = truth.foreshortening + sigma_foreshortening.exp() * noise[..., 2]
    return JointEstimate(xy, sigma, foreshortening, sigma_foreshortening)
