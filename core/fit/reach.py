"""Bring one joint of a body to a place by turning the limb that it hangs on.

With omega_c a turn of joint c of the limb about axes of its own frame, the turns minimise

    |y(omega) - y*|^2 / (2 s^2) + |omega|^2 / (2 t^2) + w_l limits(omega) + w_p prior(omega),

where y is the joint's pixel, or its place in space, y* where it is to be, and limits and prior are
the terms of the same names with their usual weights. The second term keeps the pose as it was where
the place leaves it free, such as in depth. Gauss-Newton steps with Levenberg's damping; the
gradient is exact, the curvature is that of the first two terms.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from core.body.joint_limits import joint_limit_cost
from core.body.kinematics import Kinematics, forward_kinematics
from core.body.names import JOINT_NAMES, PARENTS
from core.fit.model import GenerativeModel
from core.fit.state import BodyState, rest_pelvis
from core.fit.terms.limits import TERM as LIMITS
from core.fit.terms.prior import TERM as PRIOR
from core.geometry.camera import Camera, project, project_motion
from core.geometry.rotations import axis_angle_from_rotation, rotation_from_axis_angle

LONGEST = 3  # joints of a limb that turn
TRUNK = tuple(JOINT_NAMES.index(name) for name in ("spine1", "spine2", "spine3"))
ARMS = tuple(
    JOINT_NAMES.index(f"{side}_{name}")
    for name in ("shoulder", "elbow", "wrist", "hand")
    for side in "lr"
)
PIXEL, METRE = 0.3, 0.002
"""s: a joint is brought there as exactly."""
REST = 0.6
"""t in radians."""
STEPS = 12
ENOUGH = 0.1  # nats: a smaller gain ends the search


@dataclass(frozen=True)
class Goal:
    """Where a joint is to be.

    Attributes:
        pixel: of the camera; or
        place: metres in the camera's frame.
    """

    joint: int
    pixel: Float[Tensor, " 2"] | None = None
    place: Float[Tensor, " 3"] | None = None


def limb_to(joint: int) -> tuple[int, ...]:
    """The joints that turn to move a joint, nearest first; none if the whole body has to move.

    An arm ends at its collar: the trunk, on which head and other arm hang, stays.
    """
    chain: list[int] = []
    above = PARENTS[joint]
    while above > 0 and len(chain) < LONGEST and not (chain and above in TRUNK and joint in ARMS):
        chain.append(above)
        above = PARENTS[above]
    return tuple(chain)


def reach(body: BodyState, model: GenerativeModel, camera: Camera, goal: Goal) -> BodyState:
    """The body with a joint brought to a place, or as near as its limb reaches; one row.

    Pelvis, hips and lowest spine, which no limb moves, take the whole body with them: across the
    image at the same depth for a pixel.
    """
    chain = limb_to(goal.joint)
    if not chain:
        return _carried(body, model, camera, goal)
    damping, here = 1.0, _at(body, body, model, camera, goal, chain)
    for _ in range(STEPS):
        damped = here.curvature + damping * torch.eye(len(here.gradient)).to(here.gradient)
        step = -torch.linalg.solve(damped, here.gradient)
        tried = _turned(here.body, chain, step.view(-1, 3))
        there = _at(tried, body, model, camera, goal, chain)
        gain = here.cost - there.cost
        if not gain > 0:
            damping *= 8
            continue
        here, damping = there, damping / 8
        if gain < ENOUGH:
            break
    return here.body


def _carried(body: BodyState, model: GenerativeModel, camera: Camera, goal: Goal) -> BodyState:
    """The whole body moved."""
    volume = model.volume
    joint = volume.joints(body.rotations, body.betas, body.transl)[0, goal.joint]
    if goal.place is not None:
        move = goal.place - joint
    else:
        assert goal.pixel is not None
        across = (goal.pixel - camera.center[0]) / camera.focal[0] * joint[2] - joint[:2]
        move = torch.cat([across, across.new_zeros(1)])
    transl = body.transl + move
    depth = (transl + rest_pelvis(volume, body.betas))[0, 2]
    return replace(body, transl=transl) if bool(depth > 0) else body


def _turned(body: BodyState, chain: tuple[int, ...], turns: Float[Tensor, "chain 3"]) -> BodyState:
    rotations = body.rotations.clone()
    joints = list(chain)
    rotations[:, joints] = rotations[:, joints] @ rotation_from_axis_angle(turns)
    return replace(body, rotations=rotations)


@dataclass(frozen=True)
class _Here:
    """A body on the way.

    Attributes:
        cost: what is minimised.
        gradient: by small turns of the limb's joints about their own axes.
        curvature: without that of limits and prior.
    """

    body: BodyState
    cost: float
    gradient: Float[Tensor, " size"]
    curvature: Float[Tensor, "size size"]


def _at(
    body: BodyState,
    start: BodyState,
    model: GenerativeModel,
    camera: Camera,
    goal: Goal,
    chain: tuple[int, ...],
) -> _Here:
    posed = forward_kinematics(body.rotations, model.volume.rest_joints(body.betas))
    at = posed.joints[0, goal.joint] + body.transl[0]
    error, motion = _error(at, camera, goal)
    jacobian = motion(_levers(posed, goal.joint, chain).flatten(0, 1))
    joints = list(chain)
    # The gradient of |omega|^2 / 2 by a small turn on the right of exp(omega) is omega itself.
    turned = axis_angle_from_rotation(start.rotations[0, joints].mT @ body.rotations[0, joints])
    unusual, slope = _unusual(body, model, chain)
    cost = error.square().sum() / 2 + turned.square().sum() / (2 * REST**2) + unusual
    gradient = jacobian @ error + turned.flatten() / REST**2 + slope
    curvature = jacobian @ jacobian.T + torch.eye(len(jacobian)).to(jacobian) / REST**2
    return _Here(body, float(cost), gradient, curvature)


def _unusual(
    body: BodyState, model: GenerativeModel, chain: tuple[int, ...]
) -> tuple[Float[Tensor, ""], Float[Tensor, " size"]]:
    """Limits and prior, and their gradient."""
    leaf = body.transl.new_zeros(len(chain), 3, requires_grad=True)
    with torch.enable_grad():
        rotations = _turned(body, chain, leaf).rotations
        cost = LIMITS.weight * joint_limit_cost(rotations)[0]
        cost = cost + PRIOR.weight * model.prior(rotations[:, 1:22])[0]
        (gradient,) = torch.autograd.grad(cost, leaf)
    return cost.detach(), gradient.flatten()


def _error(
    at: Float[Tensor, " 3"], camera: Camera, goal: Goal
) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """How far a joint is from its goal in units of s, and how motions of it change that."""
    if goal.place is not None:
        return (at - goal.place) / METRE, lambda motion: motion / METRE
    assert goal.pixel is not None
    point = at[None, None]

    def in_image(motion: Float[Tensor, "rows 3"]) -> Float[Tensor, "rows 2"]:
        return project_motion(camera, point.expand(1, len(motion), 3), motion[None])[0] / PIXEL

    return (project(camera, point)[0, 0] - goal.pixel) / PIXEL, in_image


def _levers(posed: Kinematics, joint: int, chain: tuple[int, ...]) -> Float[Tensor, "chain 3 3"]:
    """How a joint moves with small turns of others about their own axes: a row for each axis."""
    above = list(chain)
    axes = posed.rotations[0, above].mT
    arms = posed.joints[0, joint] - posed.joints[0, above]
    return torch.linalg.cross(axes, arms[:, None].expand_as(axes), dim=-1)
