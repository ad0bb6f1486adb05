"""Train the lifter on joints alone, before it meets a network's."""

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
    """How long, how hard, and how unlike true joints a network's may be.

    Attributes:
        hidden: up to this share of a body's joints is hidden.
        sigma: range of the standard deviation of a body's seen joints, half crops.
        sigma_foreshortening: the same of how bones foreshortening.
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
    """Train in place, by `Descent`."""
    generator = torch.Generator().manual_seed(settings.seed)
    truth = body_truth(bodies)

    def loss() -> Tensor:
        chosen = torch.randint(len(bodies), (settings.batch_size,), generator=generator)
        people = truth.select(chosen)
        estimate = doubtful(joint_truth(people, volume), settings, generator)
        pose, rest = lifter(estimate)
        rotations, betas, camera = rotation_from_6d(pose), rest[:, :10], rest[:, 10:]
        losses = body_losses(rotations, betas, camera, people, volume, settings.weights)
        return torch.stack(list(losses.values())).sum()

    descent = Descent(settings.steps, settings.rate, settings.weight_decay, warmup=100, clip=1.0)
    descent.run(lifter.parameters(), loss, report)


def body_truth(bodies: Bodies) -> BodyTruth:
    """Bodies as the losses want them."""
    return BodyTruth(
        size=int(bodies.size),
        focal=torch.from_numpy(bodies.focal),
        rotations=rotation_from_axis_angle(torch.from_numpy(bodies.pose)),
        betas=torch.from_numpy(bodies.betas),
        transl=torch.from_numpy(bodies.transl),
    )


def doubtful(
    truth: JointTruth, settings: LifterSettings, generator: torch.Generator
) -> JointEstimate:
    """Readings of true joints (`core.nets.joint_estimate`) that know how wrong they are.

    Bodies differ in how well they are seen, joints of a body do as well, and some are hidden.
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
    sigma = torch.where(truth.near, sigma, 0.0).clamp(-4.5, -0.5)
    sigma_foreshortening = between(*settings.sigma_foreshortening, *joints)
    noise = torch.randn(*joints, 3, generator=generator)
    xy = truth.xy.clamp(-1.5, 1.5) + sigma.exp()[..., None] * noise[..., :2]
    foreshortening = truth.foreshortening + sigma_foreshortening.exp() * noise[..., 2]
    return JointEstimate(xy, sigma, foreshortening, sigma_foreshortening)
