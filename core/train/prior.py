"""Training of the pose prior on a bank of real poses.

``python -m core.train.prior poses.npz pose_prior.safetensors``
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float32
from safetensors.torch import save_file
from torch import Tensor

from core.body.kinematics import forward_kinematics
from core.body.load import load_body
from core.body.model import Body
from core.body.names import JOINT_FLIP
from core.geometry.rotations import rotation_from_axis_angle
from core.io.atomic import write_atomic
from core.nets.pose_prior import PosePrior

_MIRROR = torch.tensor([1.0, -1.0, -1.0])
BODY_JOINTS = slice(1, 22)


@dataclass(frozen=True)
class PriorSettings:
    """Length and weights; joint positions count in metres, rotations in radians.

    Attributes:
        divergence: weight of the Kullback-Leibler term; VPoser uses 0.005.
        noise: radians added to each axis-angle number of the input.
    """

    steps: int = 6000
    batch_size: int = 256
    rate: float = 1e-3
    divergence: float = 5e-3
    noise: float = 0.03
    seed: int = 0


def train_prior(
    poses: Float32[np.ndarray, "poses 24 3"], body: Body, settings: PriorSettings
) -> PosePrior:
    """Fit the auto-encoder; half of all samples are mirrored."""
    torch.manual_seed(settings.seed)
    generator = torch.Generator().manual_seed(settings.seed)
    bank = torch.from_numpy(poses)
    rest = body.joint_regressor @ body.v_template
    prior = PosePrior().train()
    optimizer = torch.optim.AdamW(prior.parameters(), settings.rate, weight_decay=1e-5)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.steps)
    for _ in range(settings.steps):
        batch = _sample(bank, settings, generator)
        loss = prior_loss(prior, batch, rest, settings.divergence)
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
    """VPoser's loss with joints in place of vertices: positions, rotations, divergence."""
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
    identity = torch.eye(3).expand(len(rotations), 1, 3, 3)
    whole = torch.cat([identity, rotations, identity, identity], 1)
    return forward_kinematics(whole, rest_joints.expand(len(whole), -1, -1)).joints


def _sample(
    bank: Float[Tensor, "poses 24 3"], settings: PriorSettings, generator: torch.Generator
) -> Float[Tensor, "batch 21 3 3"]:
    """Random poses, half of them mirrored, all a little disturbed."""
    index = torch.randint(len(bank), (settings.batch_size,), generator=generator)
    pose = bank[index]
    half = settings.batch_size // 2
    pose[:half] = pose[:half][:, list(JOINT_FLIP)] * _MIRROR
    noise = torch.randn(pose.shape, generator=generator)
    return rotation_from_axis_angle((pose + settings.noise * noise)[:, BODY_JOINTS])


def main(bank: Path, out: Path) -> None:
    """Train on the training split of a pose bank and write the prior in half precision."""
    with np.load(bank, allow_pickle=False) as file:
        poses = file["pose"][file["split"] == 0].astype(np.float32)
    prior = train_prior(poses, load_body(), PriorSettings())
    state = prior.state_dict()
    half = {n: (v.half() if v.is_floating_point() else v) for n, v in state.items()}
    write_atomic(out, lambda path: save_file({n: v.contiguous() for n, v in half.items()}, path))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
