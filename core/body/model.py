"""An SMPL-format body: shape and pose to a mesh."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.body.kinematics import blend, forward_kinematics


@dataclass(frozen=True)
class Posed:
    """A posed body: metres, in the frame of its translation."""

    vertices: Float[Tensor, "batch vertices 3"]
    joints: Float[Tensor, "batch 24 3"]


@dataclass(frozen=True)
class Body:
    """The tables of an SMPL-format body.

    Attributes:
        v_template: rest vertices of the mean shape, metres, T-pose, y up, facing +z.
        shapedirs: displacement per shape coefficient, metres.
        posedirs: displacement per entry of (R - I) of joints 1..23, metres, or None.
        joint_regressor: maps rest vertices to rest joints.
        weights: blend weights of each vertex to the 24 joints.
        faces: counter-clockwise seen from outside.
        uv, uv_faces: texture coordinates, or None.
        mirror: the vertex on the other side of each vertex, or None.
        topology: name of the vertex numbering ("freebody-1", "smpl"), since bodies with equally
            many vertices may number them differently.
    """

    v_template: Float[Tensor, "vertices 3"]
    shapedirs: Float[Tensor, "vertices 3 10"]
    posedirs: Float[Tensor, "vertices 3 207"] | None
    joint_regressor: Float[Tensor, "24 vertices"]
    weights: Float[Tensor, "vertices 24"]
    faces: Int[Tensor, "faces 3"]
    uv: Float[Tensor, "uvs 2"] | None
    uv_faces: Int[Tensor, "faces 3"] | None
    mirror: Int[Tensor, " vertices"] | None
    topology: str

    def rest_vertices(self, betas: Float[Tensor, "batch 10"]) -> Float[Tensor, "batch vertices 3"]:
        """Vertices of the shaped body in the rest pose, metres."""
        return self.v_template + torch.einsum("vcl,bl->bvc", self.shapedirs, betas)

    def rest_joints(self, betas: Float[Tensor, "batch 10"]) -> Float[Tensor, "batch 24 3"]:
        """Joints of the shaped body in the rest pose, metres."""
        return self.joint_regressor @ self.rest_vertices(betas)

    def pose(
        self,
        rotations: Float[Tensor, "batch 24 3 3"],
        betas: Float[Tensor, "batch 10"],
        transl: Float[Tensor, "batch 3"],
        surface: Body | None = None,
    ) -> Posed:
        """Pose the shaped body by linear blend skinning, with pose correctives if it has any.

        Args:
            rotations: of each joint relative to its parent; the root's is in the frame of
                ``transl``.
            transl: metres, added to all vertices and joints.
            surface: another rest surface with the same vertices, which is posed by this body's
                joints.
        """
        shaped = self.rest_vertices(betas)
        kinematics = forward_kinematics(rotations, self.joint_regressor @ shaped)
        if surface is not None:
            shaped = surface.rest_vertices(betas)
        if self.posedirs is not None:
            identity = torch.eye(3, dtype=rotations.dtype, device=rotations.device)
            pose_feature = (rotations[:, 1:] - identity).flatten(1)
            shaped = shaped + torch.einsum("vcp,bp->bvc", self.posedirs, pose_feature)
        linear, offset = blend(kinematics, self.weights)
        vertices = (linear @ shaped[..., None])[..., 0] + offset + transl[:, None]
        return Posed(vertices, kinematics.joints + transl[:, None])

    @property
    def vertex_part(self) -> Int[Tensor, " vertices"]:
        """The joint with the largest blend weight of each vertex."""
        return self.weights.argmax(1)

    @property
    def face_part(self) -> Int[Tensor, " faces"]:
        """The joint with the largest summed blend weight of each face."""
        return self.weights[self.faces].sum(1).argmax(1)

    def to(self, like: Tensor) -> Body:
        """The same body with the device and floating type of ``like``."""
        moved = {}
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                value = value.to(like) if value.is_floating_point() else value.to(like.device)
            moved[name] = value
        return Body(**moved)
