"""Training of the pose prior on a bank of real poses: ``python -m core.train.heads.prior``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import tyro
from jaxtyping import Float
from safetensors.torch import save_file
from torch import Tensor

from core.assets import cache_dir
from core.body.kinematics import forward_kinematics
from core.body.load import load_body
from core.body.names import JOINT_FLIP
from core.geometry.rotations import rotation_from_axis_angle
from core.io.atomic import write_atomic
from core.mocap.pose_bank import load_poses
from core.nets.pose_prior import PosePrior
from core.synth.sampling.poses import LEGS, PoseBank

_MIRROR = torch.tensor([1.0, -1.0, -1.0])
BODY_JOINTS = slice(1, 22)


@dataclass(frozen=True)
class PriorSettings:
    """Length of the training, loss weights and data augmentation.

    Attributes:
        divergence: weight of the Kullback-Leibler term; VPoser uses 0.005.
        noise: standard deviation of the noise on each axis-angle value of the input, radians.
        everyday: number of blended everyday poses (sitting, standing and others) added to the
            bank, as a share of it: motion capture has few seated poses.
        other_legs: share of samples that get the legs of another sample.
    """

    steps: int = 8_000
    batch_size: int = 256
    rate: float = 1e-3
    divergence: float = 5e-3
    noise: float = 0.03
    everyday: float = 0.1
    other_legs: float = 0.15
    seed: int = 0


def train_prior(
    poses: Float[Tensor, "poses 24 3"],
    rest_joints: Float[Tensor, "24 3"],
    settings: PriorSettings,
) -> PosePrior:
    """Train the auto-encoder; half of all samples are mirrored.

    Args:
        poses: axis-angle.
        rest_joints: metres; rest joints of the body on which joint errors are measured.
    """
    torch.manual_seed(settings.seed)
    generator = torch.Generator().manual_seed(settings.seed)
    bank = torch.cat([poses, everyday_poses(int(settings.everyday * len(poses)), generator)])
    prior = PosePrior().train()
    optimizer = torch.optim.AdamW(prior.parameters(), settings.rate, weight_decay=1e-5)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.steps)
    for _ in range(settings.steps):
        batch = _sample(bank, settings, generator)
        loss = prior_loss(prior, batch, rest_joints, settings.divergence)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        decay.step()
    return prior.eval()


def prior_loss(
    prior: PosePrior,
    rotations: Float[Tensor, "batch 21 3 3"],
    rest_joints: Float[Tensor, "24 3"],
    divergence: float,
) -> Float[Tensor, ""]:
    """VPoser's loss, with joints in place of vertices.

    ``4 E|dx| + 2 E|dR|_F + divergence * KL(q(latent) || N(0, 1))``, positions in metres.
    """
    latent = prior.encode(rotations)
    again = prior.decode(latent.rsample())
    places = body_joints(again, rest_joints) - body_joints(rotations, rest_joints)
    turns = (again - rotations).square().sum((-1, -2)).add(1e-8).sqrt()
    normal = torch.distributions.Normal(torch.zeros(()), torch.ones(()))
    spread = torch.distributions.kl_divergence(latent, normal).sum(1).mean()
    return 4 * places.norm(dim=-1).mean() + 2 * turns.mean() + divergence * spread


def body_joints(
    rotations: Float[Tensor, "batch 21 3 3"], rest_joints: Float[Tensor, "24 3"]
) -> Float[Tensor, "batch 24 3"]:
    """Joints in metres with the root and the hands at rest."""
    return forward_kinematics(
        with_root_and_hands(rotations), rest_joints.expand(len(rotations), -1, -1)
    ).joints


def with_root_and_hands(
    rotations: Float[Tensor, "batch 21 3 3"],
) -> Float[Tensor, "batch 24 3 3"]:
    """All 24 rotations; root and hands, which the prior does not model, are at rest."""
    identity = torch.eye(3).expand(len(rotations), 1, 3, 3)
    return torch.cat([identity, rotations, identity, identity], 1)


def everyday_poses(count: int, generator: torch.Generator) -> Float[Tensor, "count 24 3"]:
    """Linear blends of two canonical poses each, with noise of 0.1 rad."""
    canonical = torch.from_numpy(PoseBank.canonical().poses)
    pair = torch.randint(len(canonical), (2, count), generator=generator)
    share = torch.rand(count, 1, 1, generator=generator)
    blend = torch.lerp(canonical[pair[0]], canonical[pair[1]], share)
    return blend + 0.1 * torch.randn(blend.shape, generator=generator)


def _sample(
    bank: Float[Tensor, "poses 24 3"], settings: PriorSettings, generator: torch.Generator
) -> Float[Tensor, "batch 21 3 3"]:
    """Random poses: some with another sample's legs, half of them mirrored, all with noise."""
    size = settings.batch_size
    pose = bank[torch.randint(len(bank), (size,), generator=generator)]
    swapped = int(settings.other_legs * size)
    pose[:swapped, LEGS] = pose[size - swapped :, LEGS]
    mirrored = torch.rand(size, 1, 1, generator=generator) < 0.5
    pose = torch.where(mirrored, pose[:, list(JOINT_FLIP)] * _MIRROR, pose)
    noise = torch.randn(pose.shape, generator=generator)
    return rotation_from_axis_angle((pose + settings.noise * noise)[:, BODY_JOINTS])


def main(out: Path, bank: Path | None = None, steps: int = PriorSettings.steps) -> None:
    """Train on the training split of a bank of poses and write the prior in half precision.

    Args:
        out: where to write, a .safetensors file.
        bank: file that `python -m core.mocap` writes; by default poses.npz in the cache.
        steps: number of optimiser steps.
    """
    poses = torch.from_numpy(load_poses(bank or cache_dir() / "poses.npz", held_out=False))
    body = load_body()
    rest_joints = body.joint_regressor @ body.v_template
    prior = train_prior(poses, rest_joints, PriorSettings(steps=steps))
    state = prior.state_dict()
    half = {n: (v.half() if v.is_floating_point() else v) for n, v in state.items()}
    write_atomic(out, lambda path: save_file({n: v.contiguous() for n, v in half.items()}, path))


if __name__ == "__main__":
    tyro.cli(main)
