"""Which term of the objective pulls a joint where.

Let x be the coordinates that the optimiser moves (`core.fit.state.Chart`), y_j(x) the 3D position
of joint j, and E_t(x) a term times its weight. A small step down the gradient of that term alone
moves the joint, to first order, by

    p_tj = -h (dy_j / dx) M grad E_t,

with M the projection onto the parameters that the stage moves. This is the term's *pull*. All terms
take steps of one rate h, so the pulls add up to that of the whole objective; where they cancel, the
terms hold the joint in balance. The rate is such that no coordinate moves by more than Adam would
move it, which is about the learning rate, and that one moves as far:

    h = learning rate / max over t and i of |M grad E_t|_i.

A gradient with respect to y_j itself is not defined: other joints would have to move with it, and
it does not say which.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from core.fit.parameters import BODY
from core.fit.visit import Visit
from core.geometry.camera import Camera, project_motion


@dataclass(frozen=True)
class Pulls:
    """The pulls of all terms on all joints, in one camera's frame.

    Attributes:
        terms: those that the stage weighs.
        joints: positions in metres.
        motion: p_tj of the module's docstring, metres.
        rate: h.
    """

    terms: tuple[str, ...]
    joints: Float[Tensor, "24 3"]
    motion: Float[Tensor, "terms 24 3"]
    rate: float

    @property
    def whole(self) -> Float[Tensor, "24 3"]:
        """The pull of the whole objective."""
        return self.motion.sum(0)

    def turned(self, rotation: Float[Tensor, "3 3"]) -> Pulls:
        """The same in the frame of another camera at the same place: every point x becomes R x."""
        turn = rotation.to(self.joints).T
        return replace(self, joints=self.joints @ turn, motion=self.motion @ turn)

    def arrows(self, camera: Camera) -> Float[Tensor, "terms 24 2"]:
        """The pulls in pixels of a camera in whose frame they are; they add up there, too."""
        joints = self.joints.expand_as(self.motion)
        flat = project_motion(camera, joints.reshape(1, -1, 3), self.motion.reshape(1, -1, 3))
        return flat[0].unflatten(0, self.motion.shape[:2])


def joint_pulls(visit: Visit) -> Pulls:
    """The pulls of all terms at a step, in the frame of the crop's camera."""
    mask = BODY.mask(visit.stage.parameters, visit.vector)
    leaf = visit.vector.detach().clone().requires_grad_()
    with torch.enable_grad():
        costs = visit.costs(leaf)
        gradients = [_gradient(cost, leaf) * mask for cost in costs.values()]
    gradient = torch.stack(gradients) if gradients else leaf.new_zeros(0, BODY.size)
    steepest = float(gradient.abs().nan_to_num(0, 0, 0).max()) if gradients else 0.0
    rate = visit.stage.learning_rate / steepest if steepest > 0 else 0.0
    joints, motion = _moved(visit, -rate * gradient)
    return Pulls(tuple(costs), joints, motion, rate)


def _gradient(cost: Float[Tensor, " batch"], leaf: Tensor) -> Float[Tensor, " size"]:
    """Of one row; zero where the term does not depend on the coordinates."""
    if not cost.requires_grad:
        return torch.zeros_like(leaf[0])
    found = torch.autograd.grad(cost.sum(), leaf, retain_graph=True, allow_unused=True)[0]
    return torch.zeros_like(leaf[0]) if found is None else found[0]


def _moved(
    visit: Visit, steps: Float[Tensor, "terms size"]
) -> tuple[Float[Tensor, "24 3"], Float[Tensor, "terms 24 3"]]:
    """The joints, and how they move along steps of the coordinates, to first order."""
    chart, volume = visit.chart(1), visit.model.volume

    def joints(vector: Tensor) -> Tensor:
        body = chart.body(vector)
        return volume.joints(body.rotations, body.betas, body.transl)[0]

    jacobian = torch.autograd.functional.jacobian(joints, visit.vector)[:, :, 0]
    return joints(visit.vector).detach(), torch.einsum("jcp,tp->tjc", jacobian, steps)
