"""Which joints of a fitted body the photo shows, and how far each may be off.

A joint is seen with the probability

    p = sigmoid(a logit(z) + b log(s / S) + c),

with the mean posterior z of the pixels that its part of the body explains, the standard deviation s
of the best point that detectors found on it, and the side S of the crop. Without a point only z
counts. A joint outside the photo is not seen. What is not seen comes from the prior.

The spread is the root mean square of the 3D error, with the middle of the hips in place. It is a
model of that error, not a Hessian of the objective (docs/decisions.md):

    hypot(base, k s d / f),

with a base of the joint's kind, the joint's depth d and the focal length f. Joints that are not
seen have another base, and no point that counts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from core.body.names import JOINT_NAMES, LIMB_OF_JOINT, LIMBS, PARENTS
from core.body.points import CARRIERS, HAND_POINTS, POINTS
from core.fit.comparison import Comparison
from core.fit.evidence import BodyPoints, FeatureMap
from core.fit.problem import Problem
from core.geometry.camera import project
from core.nbv.volume import NeuralBodyVolume

PART_RADIUS = 0.15
"""Standard deviation in metres of the Gaussian around a joint whose kernels are its part."""
LEAST_PIXELS = 1.0
"""A part that makes less than this of the map is hidden by the body itself."""
SEEN_FROM = 0.65
"""Probability from which a joint is called seen."""
WITH_POINT, WITHOUT_POINT = (1.0, -1.15, -3.7), (1.55, 0.0, 0.15)
"""a, b and c of the module's docstring."""
SIGMA_WEIGHT = 2.0
"""k of the module's docstring."""
BASES_MM = {
    "pelvis": (14, 21),
    "hip": (5, 38),
    "spine1": (48, 82),
    "knee": (94, 253),
    "spine2": (66, 129),
    "ankle": (212, 384),
    "spine3": (83, 188),
    "foot": (142, 435),
    "neck": (130, 298),
    "collar": (116, 252),
    "head": (133, 374),
    "shoulder": (106, 273),
    "elbow": (133, 243),
    "wrist": (187, 296),
    "hand": (196, 314),
}
"""Bases of each kind of joint where it is seen, and where not, in millimetres."""
_POINTS_OF_JOINT = [[p for p, own in enumerate(CARRIERS) if own == j] for j in range(24)]
for _side in "lr":  # knuckles are fixed to the wrist, but speak for the hand, too
    _hand = [p for p, name in enumerate(POINTS) if name in HAND_POINTS and name[0] == _side]
    _POINTS_OF_JOINT[JOINT_NAMES.index(f"{_side}_hand")] = _hand


@dataclass(frozen=True)
class JointCertainty:
    """What is known of one joint's place.

    Attributes:
        inside: whether it is inside the photo.
        visible: mean posterior of z over the pixels that its part of the body explains, None if
            there are none: the body itself hides it, or it is outside.
        sigma: standard deviation of its best detected point, pixels of the crop; None without one.
        seen: whether the photo shows it; if not, its place comes from the prior.
        spread_mm: root mean square of the 3D error to be expected, with the hips in place.
    """

    joint: str
    inside: bool
    visible: float | None
    sigma: float | None
    seen: bool
    spread_mm: float


@torch.no_grad()
def joint_certainties(
    problem: Problem, seen: Comparison, volume: NeuralBodyVolume
) -> tuple[JointCertainty, ...]:
    """What is known of the places of all joints of one person, in SMPL's order.

    Args:
        seen: the person's body compared with the observation.
    """
    joints = seen.posed.joints
    inside = _inside(problem, joints)[0].tolist()
    visible, sigma = _visible(problem, seen, volume), best_sigmas(problem)
    side = problem.get(FeatureMap).size[0] * problem.get(FeatureMap).stride
    meters = (joints[0, :, 2] / problem.camera.focal[0]).tolist()
    told = []
    for j, name in enumerate(JOINT_NAMES):
        shown = inside[j] and seen_probability(visible[j], sigma[j], side) >= SEEN_FROM
        off = (sigma[j] or 0.0) * meters[j]
        spread = spread_mm(name, shown, off)
        told.append(JointCertainty(name, inside[j], visible[j], sigma[j], shown, spread))
    return tuple(told)


def seen_probability(visible: float | None, sigma: float | None, side: int) -> float:
    """The probability that the photo shows a joint inside it.

    Args:
        visible, sigma: as in `JointCertainty`.
        side: of the crop in pixels.
    """
    z = min(max(0.5 if visible is None else visible, 0.01), 0.99)
    a, b, c = WITHOUT_POINT if sigma is None else WITH_POINT
    score = a * math.log(z / (1 - z)) + b * math.log((sigma or side) / side) + c
    return 1 / (1 + math.exp(-score))


def spread_mm(joint: str, seen: bool, off: float) -> float:
    """The error to be expected of a joint.

    Args:
        off: standard deviation of its point in metres at the joint's depth, 0 without a point.
    """
    kind = joint.split("_")[-1]
    known, unknown = BASES_MM[kind]
    return math.hypot(known, SIGMA_WEIGHT * 1000 * off) if seen else float(unknown)


def best_sigmas(problem: Problem) -> tuple[float | None, ...]:
    """Standard deviation of each joint's best detected point in pixels of the crop, if any."""
    points = problem.find(BodyPoints)
    if points is None:
        return (None,) * len(JOINT_NAMES)
    sigmas = points.sigma[0].tolist()
    best = (min((sigmas[p] for p in own), default=math.inf) for own in _POINTS_OF_JOINT)
    return tuple(sigma if math.isfinite(sigma) else None for sigma in best)


def _inside(problem: Problem, joints: Float[Tensor, "batch 24 3"]) -> Tensor:
    """Whether joints are where the crop shows the photo."""
    observed = problem.get(FeatureMap)
    height, width = observed.size
    column, row = (project(problem.camera, joints) / observed.stride).floor().long().unbind(-1)
    on_map = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    place = row.clamp(0, height - 1) * width + column.clamp(0, width - 1)
    return on_map & (observed.inside.gather(1, place) >= 0.5)


def _visible(
    problem: Problem, seen: Comparison, volume: NeuralBodyVolume
) -> tuple[float | None, ...]:
    """Mean posterior of z over the pixels inside the photo that each joint's part explains."""
    ids, place = seen.render.assignment.kernels, seen.render.assignment.pixel
    weights = seen.render.weights.masked_fill(ids < 0, 0)
    weights = weights * problem.get(FeatureMap).inside[0, place][:, None]
    part, flat = _parts(seen, volume), ids.clamp_min(0).flatten()
    of_kernel = weights.new_zeros(2, len(part))  # pixels, and those where the body is seen
    of_kernel[0].index_add_(0, flat, weights.flatten())
    of_kernel[1].index_add_(0, flat, (weights * seen.evidence.posterior[:, None]).flatten())
    total, visible = of_kernel @ part
    pairs = zip((visible / total).tolist(), total.tolist(), strict=True)
    return tuple(z if count >= LEAST_PIXELS else None for z, count in pairs)


def _parts(seen: Comparison, volume: NeuralBodyVolume) -> Float[Tensor, "kernels 24"]:
    """How much each kernel belongs to each joint's part: near it, on the limbs that meet there."""
    distance = torch.cdist(seen.posed.means[0], seen.posed.joints[0])
    meets = torch.zeros(len(LIMBS), len(JOINT_NAMES), device=distance.device)
    for joint, parent in enumerate(PARENTS):
        meets[LIMB_OF_JOINT[joint], joint] = meets[LIMB_OF_JOINT[max(parent, 0)], joint] = 1
    return (-distance.square() / (2 * PART_RADIUS**2)).exp() * meets[volume.limb]
