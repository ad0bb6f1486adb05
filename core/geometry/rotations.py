"""Conversions between representations of rotations, by roma."""

from __future__ import annotations

import roma
import torch
from jaxtyping import Float
from torch import Tensor


def rotation_from_axis_angle(rotvec: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3 3"]:
    """Rotation matrices of axis-angle vectors (radians); smooth at zero."""
    return roma.rotvec_to_rotmat(rotvec)


def axis_angle_from_rotation(rotation: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3"]:
    """Axis-angle vectors (radians, at most pi long) of rotation matrices."""
    return roma.rotmat_to_rotvec(rotation)


def rotation_from_6d(columns: Float[Tensor, "*batch 6"]) -> Float[Tensor, "*batch 3 3"]:
    """Gram-Schmidt of two stacked columns: the continuous form of Zhou et al. (CVPR 2019).

    The first three numbers are the first column, the last three the second.
    """
    return roma.special_gramschmidt(columns.unflatten(-1, (2, 3)).transpose(-1, -2))


def mean_rotation(rotations: Float[Tensor, "n *batch 3 3"]) -> Float[Tensor, "*batch 3 3"]:
    """The rotations nearest to the arithmetic means over the first axis (chordal means)."""
    return roma.special_procrustes(rotations.mean(0))


def rotate_180_about_y(rotation: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 3 3"]:
    """The body's rotation after a turn by 180 degrees about its own vertical axis: R R_y(180)."""
    return rotation * torch.tensor([-1.0, 1.0, -1.0], dtype=rotation.dtype, device=rotation.device)


def rotation_between(
    source: Float[Tensor, "*batch 3"], target: Float[Tensor, "*batch 3"]
) -> Float[Tensor, "*batch 3 3"]:
    """The smallest rotation from ``source`` to ``target`` (unit vectors).

    R = I + [v] + [v]^2 / (1 + c) for v = source x target and c = source . target. Opposite vectors
    have no smallest rotation; the result is then not finite.
    """
    axis = torch.cross(source, target, dim=-1)
    x, y, z = axis.unbind(-1)
    zero = torch.zeros_like(x)
    skew = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).unflatten(-1, (3, 3))
    cosine = (source * target).sum(-1)[..., None, None]
    identity = torch.eye(3, dtype=axis.dtype, device=axis.device)
    return identity + skew + skew @ skew / (1 + cosine)
