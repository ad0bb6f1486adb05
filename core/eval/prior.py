"""Evaluation of a pose prior: figures on held-out poses, and a sheet of samples.

``python -m core.eval.prior`` measures the shipped prior, or the file of ``--prior``.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
import tyro
from jaxtyping import Float, UInt8
from torch import Tensor

from core.assets import cache_dir
from core.body.joint_limits import joint_limit_cost
from core.body.load import load_body
from core.body.model import Body
from core.geometry.rotations import rotation_from_axis_angle
from core.io.atomic import write_atomic
from core.mocap.pose_bank import load_poses
from core.nets.pose_prior import JOINTS, LATENT, PosePrior, load_prior
from core.occlusion.scores import auroc
from core.pictures.overlay import body_layer, lay_over
from core.train.heads.prior import BODY_JOINTS, body_joints, with_root_and_hands

NOISE = (0.1, 0.2, 0.3)
BACKGROUND, SKIN = 40, (0.78, 0.72, 0.66)


@dataclass(frozen=True)
class PriorFigures:
    """Figures of a prior on held-out poses.

    Attributes:
        joint_mm, degrees: mean reconstruction error of joint positions and rotations.
        latent_length: median squared length of the encoding's mean.
        noise_auroc: AUROC of the energy for real poses against the same poses with normal noise
            of 0.1, 0.2 and 0.3 rad about every axis of every joint.
        mixed_auroc: AUROC for real poses against poses whose joints come from different poses.
        bad_samples: share of random samples with a joint-limit cost above 0.1 squared rad.
    """

    joint_mm: float
    degrees: float
    latent_length: float
    noise_auroc: tuple[float, ...]
    mixed_auroc: float
    bad_samples: float


@torch.no_grad()
def measure_prior(
    prior: PosePrior,
    rotations: Float[Tensor, "poses 21 3 3"],
    rest_joints: Float[Tensor, "24 3"],
    seed: int = 0,
) -> PriorFigures:
    """All figures on real poses that the prior was not trained on.

    Args:
        rest_joints: metres.
    """
    generator = torch.Generator().manual_seed(seed)
    latent = prior.encode(rotations).mean
    again = prior.decode(latent)
    distance = body_joints(again, rest_joints) - body_joints(rotations, rest_joints)
    cosine = ((again * rotations).sum((-1, -2)) - 1) / 2
    energy = prior.energy(rotations)
    noisy = tuple(_auroc(energy, prior.energy(_disturbed(rotations, s, generator))) for s in NOISE)
    samples = with_root_and_hands(draw_poses(prior, 1000, seed))
    return PriorFigures(
        joint_mm=1e3 * distance[:, BODY_JOINTS].norm(dim=-1).mean().item(),
        degrees=torch.rad2deg(torch.arccos(cosine.clamp(-1, 1))).mean().item(),
        latent_length=latent.square().sum(1).median().item(),
        noise_auroc=noisy,
        mixed_auroc=_auroc(energy, prior.energy(_mixed(rotations, generator))),
        bad_samples=(joint_limit_cost(samples) > 0.1).float().mean().item(),
    )


@torch.no_grad()
def draw_poses(prior: PosePrior, count: int, seed: int) -> Float[Tensor, "count 21 3 3"]:
    """Random poses of the prior."""
    generator = torch.Generator().manual_seed(seed)
    return prior.decode(torch.randn(count, LATENT, generator=generator))


def sample_sheet(
    rotations: Float[Tensor, "poses 21 3 3"], body: Body, columns: int = 16, size: int = 150
) -> UInt8[np.ndarray, "height width 3"]:
    """Bodies of mean shape in these poses, seen slightly from their left."""
    turn = rotation_from_axis_angle(torch.tensor([0.0, 0.4, 0.0]))
    facing = torch.diag(torch.tensor([1.0, -1.0, -1.0])) @ turn  # upright, towards the camera
    whole = with_root_and_hands(rotations)
    whole[:, 0] = facing
    still = torch.zeros(len(whole), 10), torch.zeros(len(whole), 3)
    vertices = body.pose(whole, *still).vertices.numpy()
    middle = (vertices.max(1, keepdims=True) + vertices.min(1, keepdims=True)) / 2
    tiles = [_draw(v, body.faces.numpy(), size) for v in vertices - middle]
    return np.concatenate(
        [np.concatenate(tiles[i : i + columns], 1) for i in range(0, len(tiles), columns)]
    )


def _draw(vertices: np.ndarray, faces: np.ndarray, size: int) -> UInt8[np.ndarray, "size size 3"]:
    """Draw a body that is centred at the origin from 8 m away; a tile spans 1.9 m."""
    far = vertices + np.array([0, 0, 8], np.float32)
    empty = np.full((size, size, 3), BACKGROUND, np.uint8)
    middle = (size / 2, size / 2)
    return lay_over(empty, body_layer(far, faces, 8 * size / 1.9, middle, size, size, SKIN), 1.0)


def _auroc(real: Tensor, corrupted: Tensor) -> float:
    """Probability that a corrupted pose has a higher energy than a real one."""
    truth = np.repeat([False, True], [len(real), len(corrupted)])
    return float(auroc(torch.cat([real, corrupted]).numpy(), truth))


def _disturbed(rotations: Tensor, sigma: float, generator: torch.Generator) -> Tensor:
    """Poses with normal noise of ``sigma`` rad on every axis of every joint."""
    noise = torch.randn(len(rotations), JOINTS, 3, generator=generator)
    return rotations @ rotation_from_axis_angle(sigma * noise)


def _mixed(rotations: Tensor, generator: torch.Generator) -> Tensor:
    """Poses whose joints come from different poses."""
    order = torch.rand(rotations.shape[:2], generator=generator).argsort(0)
    return rotations[order, torch.arange(JOINTS)]


def main(prior: Path | None = None, bank: Path | None = None, sheet: Path | None = None) -> None:
    """Print the figures on the held-out poses of a bank, and draw 64 samples.

    Args:
        prior: file of a prior; by default the shipped one.
        bank: file that `python -m core.mocap` writes; by default poses.npz in the cache.
        sheet: file for the picture of the samples.
    """
    poses = torch.from_numpy(load_poses(bank or cache_dir() / "poses.npz", held_out=True))
    body, trained = load_body(), load_prior(prior)
    rotations = rotation_from_axis_angle(poses[:, BODY_JOINTS])
    figures = measure_prior(trained, rotations, body.joint_regressor @ body.v_template)
    for name, value in asdict(figures).items():
        print(name, value)
    if sheet:
        picture = sample_sheet(draw_poses(trained, 64, seed=0), body)
        write_atomic(sheet, lambda path: cv2.imwrite(str(path), picture[..., ::-1]))


if __name__ == "__main__":
    tyro.cli(main)
