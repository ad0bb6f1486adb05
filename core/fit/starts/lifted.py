"""The regressed body with limbs and feet turned as points are detected.

A limb's bone has the direction that its points have in the picture, and the mean of the
foreshortenings that the detector and the network estimate. Trunk and head stay as they are
regressed, which is nearer to the truth than the detector's 3D points (docs/photographs.md), and so
do limbs whose points are too unsure to tell a direction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from core.body.names import JOINT_NAMES, PARENTS
from core.body.points import (
    LIMB_BONES,
    POINTS,
    global_rotations,
    limb_foreshortening,
    place_points,
)
from core.fit.evidence import BodyPoints, GivenBody, RegressedBody, WorldPoints
from core.fit.limb_directions import LARGEST, image_directions
from core.fit.model import GenerativeModel
from core.fit.problem import Problem
from core.fit.schedule import Schedule
from core.fit.start import Candidate, Start
from core.fit.starts.placed import of_likely_shape, translation_to
from core.fit.state import BodyState
from core.geometry.rotations import rotation_between
from core.nets.joint_estimate import JointEstimate

Points = Float[Tensor, "batch points 3"]

_FEET = {JOINT_NAMES.index(f"{side}_ankle"): (f"{side}_heel", f"{side}_toe") for side in "lr"}
_LIMBS = {JOINT_NAMES.index(bone[0]): bone for bone in LIMB_BONES}
_BONES = {joint: tuple(map(POINTS.index, bone)) for joint, bone in {**_FEET, **_LIMBS}.items()}
"""Points between which the bone of a joint lies."""


def propose(
    problem: Problem, model: GenerativeModel, _schedule: Schedule, _before: Sequence[Candidate]
) -> list[Candidate]:
    """The regressed body with its limbs posed as their points are detected, at their place."""
    regressed, world = problem.find(RegressedBody), problem.find(WorldPoints)
    detected = problem.find(BodyPoints)
    if not (regressed and world and detected) or problem.find(GivenBody):
        return []
    body = of_likely_shape(regressed)
    posed = model.volume.pose(body.rotations, body.betas, body.transl)
    points = place_points(body.rotations, posed.joints)
    aims = directions(detected, world, problem.find(JointEstimate))
    rotations = turned_onto(body.rotations, points, aims)
    posed = model.volume.pose(rotations, body.betas, body.transl)
    points = place_points(rotations, posed.joints)
    moved = translation_to(points, detected, problem.camera)
    return [Candidate("lifted", BodyState(rotations, body.betas, body.transl + moved))]


def directions(
    detected: BodyPoints, world: WorldPoints, estimate: JointEstimate | None
) -> dict[int, Float[Tensor, "batch 3"]]:
    """Unit vectors along the bones of joints; 0 where points do not tell."""
    shortened, _ = fused_foreshortenings(world, estimate)
    across, told = image_directions(detected, world)
    aims = {}
    for joint, (first, last) in _BONES.items():
        aim = world.xyz[:, last] - world.xyz[:, first]
        if bone := _LIMBS.get(joint):
            limb = LIMB_BONES.index(bone)
            away = shortened[:, limb, None].clamp(-LARGEST, LARGEST)
            aim = torch.cat([across[:, limb] * (1 - away.square()).sqrt(), away], 1)
            aim = aim * told[:, limb, None]
        aims[joint] = F.normalize(aim, dim=-1)
    return aims


def fused_foreshortenings(
    world: WorldPoints, estimate: JointEstimate | None
) -> tuple[Float[Tensor, "batch bones"], Float[Tensor, "batch bones"]]:
    """Of `LIMB_BONES`: means of the detector's and the network's, by inverse variance.

    Returns:
        The means, and their standard deviations if the errors of both are independent.
    """
    shortened, sigma = limb_foreshortening(world.xyz), world.foreshortening_sigma
    if estimate is None:
        return shortened, sigma
    ends = [JOINT_NAMES.index(last) for _, last in LIMB_BONES]
    sure = sigma.pow(-2)
    other = torch.exp(-2 * estimate.log_sigma_foreshortening[:, ends])
    both = sure + other
    return (sure * shortened + other * estimate.foreshortening[:, ends]) / both, both.rsqrt()


def turned_onto(
    rotations: Float[Tensor, "batch 24 3 3"],
    points: Points,
    aims: Mapping[int, Float[Tensor, "batch 3"]],
) -> Float[Tensor, "batch 24 3 3"]:
    """Rotations of a body whose bones have other directions.

    Each bone turns by the smallest rotation, since two points do not tell its twist; the joints
    below it turn along, and so do bones without a direction.

    Args:
        rotations: of each joint relative to its parent.
        points: all `POINTS` of the body in this pose.
        aims: unit vectors along the bones of joints, or 0.
    """
    turns = [torch.eye(3).to(points).expand(len(points), 3, 3)]
    for joint in range(1, len(PARENTS)):
        turn = turns[PARENTS[joint]]
        if joint in aims:
            first, last = _BONES[joint]
            now = (turn @ (points[:, last] - points[:, first])[..., None])[..., 0]
            now, aim = F.normalize(now, dim=-1), aims[joint]
            turn = rotation_between(now, torch.where((aim == 0).all(-1, True), now, aim)) @ turn
        turns.append(turn)
    turned = torch.stack(turns, 1) @ global_rotations(rotations)
    local = turned.clone()
    local[:, 1:] = turned[:, list(PARENTS[1:])].mT @ turned[:, 1:]
    return local


START = Start("lifted", 18, propose, "the regression, its limbs turned as detected in 3D")
