"""Gaussian kernels along the bones of a body: the layout of Volumetric Neural Human, appendix A.3.

N kernels are evenly spaced along each of L = 18 bones, and one is at each of J = 25 joints (SMPL's
and the top of the head): 439 kernels for N = 23. Their width follows the body's thickness. The
paper states neither its bones nor the widths; both were chosen for this project.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.body.model import Body
from core.body.names import JOINT_NAMES

HEAD_TOP = len(JOINT_NAMES)  # index of an additional joint, the top of the head
_CHAINS = (
    ("pelvis", "spine1", "spine2", "spine3", "neck", "head", "top"),
    *(
        tuple(f"{side}_{name}" for name in chain)
        for chain in (("collar", "shoulder", "elbow", "wrist"), ("hip", "knee", "ankle", "foot"))
        for side in "lr"
    ),
)
BONES: tuple[tuple[int, int], ...] = tuple(
    ((*JOINT_NAMES, "top").index(start), (*JOINT_NAMES, "top").index(end))
    for chain in _CHAINS
    for start, end in pairwise(chain)
)
LN2 = math.log(2)
NEAREST = 24  # surface vertices over which the distance from a bone to the surface is averaged


@dataclass(frozen=True)
class SkeletonLayout:
    """Axisymmetric Gaussian ellipsoids on a body's bones and joints, rest pose.

    Attributes:
        vertices: the surface vertex nearest to each kernel.
        owner: the joint with which each kernel rotates.
        means: centres in metres, mean shape.
        shapedirs: their displacement per shape coefficient, metres.
        axis: unit vector along the bone.
        thickness: metres from the bone to the surface.
        sigma_across: standard deviation in metres perpendicular to the bone.
        sigma_along: along the bone; as across it for the kernels at joints.
    """

    vertices: Int[Tensor, " kernels"]
    owner: Int[Tensor, " kernels"]
    means: Float[Tensor, "kernels 3"]
    shapedirs: Float[Tensor, "kernels 3 10"]
    axis: Float[Tensor, "kernels 3"]
    thickness: Float[Tensor, " kernels"]
    sigma_across: Float[Tensor, " kernels"]
    sigma_along: Float[Tensor, " kernels"]


def skeleton_layout(body: Body, per_bone: int, overlap: float, density: float) -> SkeletonLayout:
    """Kernels on the bones, so wide that the body's surface is half opaque.

    A ray that crosses a bone at distance r meets kernels of spacing d and standard deviation
    ``overlap d`` along the bone, so its optical depth is about
    ``density sqrt(2 pi) overlap exp(-r^2 / 2 sigma^2)``. The ray is half absorbed where this is
    log 2; sigma is chosen so that it is at r = the body's thickness.

    Args:
        per_bone: kernels between the two joints of a bone.
        overlap: standard deviation along the bone, divided by the spacing.
        density: optical depth through the middle of one kernel.
    """
    points, shapedirs = _points(body)
    share = torch.arange(1, per_bone + 1).to(points) / (per_bone + 1)
    mix = torch.cat([_between(share), torch.eye(HEAD_TOP + 1).to(points)])
    start, end = torch.tensor(BONES, device=points.device).T
    bone = points[end] - points[start]
    length = bone.norm(dim=1)
    direction = bone / length[:, None]
    on_bones = [_thickness(body, points, direction[i], i, share) for i in range(len(BONES))]
    thickness = torch.cat([*on_bones, _joint_thickness(body, points, on_bones)])
    across = thickness / math.sqrt(2 * math.log(density * math.sqrt(2 * math.pi) * overlap / LN2))
    along = (overlap * length / (per_bone + 1)).repeat_interleave(per_bone)
    means = mix @ points
    upward = points.new_tensor([[0.0, 1.0, 0.0]]).expand(HEAD_TOP + 1, 3)
    head = torch.tensor([JOINT_NAMES.index("head")], device=points.device)
    joints = torch.arange(HEAD_TOP, device=points.device)
    return SkeletonLayout(
        vertices=torch.cdist(means, body.v_template).argmin(1),
        owner=torch.cat([start.repeat_interleave(per_bone), joints, head]),
        means=means,
        shapedirs=torch.einsum("kp,pcl->kcl", mix, shapedirs),
        axis=torch.cat([direction.repeat_interleave(per_bone, 0), upward]),
        thickness=thickness,
        sigma_across=across,
        sigma_along=torch.cat([along, across[len(along) :]]),
    )


def _points(body: Body) -> tuple[Float[Tensor, "25 3"], Float[Tensor, "25 3 10"]]:
    """Rest joints and the top of the head, and their displacement per shape coefficient."""
    top = int(body.v_template[:, 1].argmax())
    joints = body.joint_regressor @ body.v_template
    moves = torch.einsum("jv,vcl->jcl", body.joint_regressor, body.shapedirs)
    return (
        torch.cat([joints, body.v_template[top : top + 1]]),
        torch.cat([moves, body.shapedirs[top : top + 1]]),
    )


def _between(share: Float[Tensor, " per_bone"]) -> Float[Tensor, "kernels 25"]:
    """Weights that interpolate the kernels on bones between their joints."""
    mix = share.new_zeros(len(BONES), len(share), HEAD_TOP + 1)
    for bone, (start, end) in enumerate(BONES):
        mix[bone, :, start], mix[bone, :, end] = 1 - share, share
    return mix.flatten(0, 1)


def _thickness(
    body: Body,
    points: Float[Tensor, "25 3"],
    direction: Float[Tensor, "3"],
    bone: int,
    share: Float[Tensor, " per_bone"],
) -> Float[Tensor, " per_bone"]:
    """Metres from a bone to the surface, averaged over the vertices nearest along the bone."""
    start, end = BONES[bone]
    own = (body.vertex_part == start) | (body.vertex_part == end)
    offset = body.v_template[own] - points[start]
    height = offset @ direction
    distance = (offset - height[:, None] * direction).norm(dim=1)
    place = share * (points[end] - points[start]).norm()
    nearest = (height - place[:, None]).abs().topk(NEAREST, largest=False).indices
    return distance[nearest].mean(1)


def _joint_thickness(
    body: Body, points: Float[Tensor, "25 3"], thickness: list[Float[Tensor, " per_bone"]]
) -> Float[Tensor, "25"]:
    """Thickness at joints: the mean over the bones that meet there.

    A joint without bones gets the mean distance to the vertices of its part.
    """
    out = []
    for joint in range(HEAD_TOP + 1):
        meet = [t[0] for t, (start, _) in zip(thickness, BONES, strict=True) if start == joint]
        meet += [t[-1] for t, (_, end) in zip(thickness, BONES, strict=True) if end == joint]
        own = body.v_template[body.vertex_part == joint]
        out.append(torch.stack(meet).mean() if meet else (own - points[joint]).norm(dim=1).mean())
    return torch.stack(out)
