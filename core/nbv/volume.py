"""The Neural Body Volume: kernels that move with the body (3DNBF, equations 5 and 6)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.body.kinematics import Kinematics, blend, forward_kinematics
from core.body.model import Body
from core.body.names import LIMB_OF_JOINT, LIMBS
from core.nbv.layout import KernelLayout, even_vertices, surface_layout
from core.nbv.pose_native import RestKernels, pose_native
from core.nbv.skeleton import SkeletonLayout, skeleton_layout


@dataclass(frozen=True)
class PosedKernels:
    """The volume in one pose per batch element, in the camera's frame.

    Attributes:
        means: kernel centres in metres.
        precisions: inverse covariances in 1/metre^2.
        axes: blended, not normalised, axes of symmetry (outward surface normals, or bones).
        joints: posed joints in metres.
        limb_directions: unit vectors along the nine limbs.
    """

    means: Float[Tensor, "batch kernels 3"]
    precisions: Float[Tensor, "batch kernels 3 3"]
    axes: Float[Tensor, "batch kernels 3"]
    joints: Float[Tensor, "batch 24 3"]
    limb_directions: Float[Tensor, "batch limbs 3"]


@dataclass(frozen=True)
class NeuralBodyVolume:
    """Gaussian kernels in the rest pose with their shape basis and blend weights.

    A kernel is axisymmetric: its precision is ``isotropic I + along axis axis^T``, which equation 6
    turns into ``isotropic I + along sum_i w_i (R_i axis)(R_i axis)^T``.

    Attributes:
        vertices: the body vertex at which each kernel is, or the one nearest to it.
        means: rest centres in metres, mean shape.
        shapedirs: displacement of each centre per shape coefficient, metres.
        axis, isotropic, along: the rest precision as above (1/metre^2).
        weights: blend weights to the 24 joints.
        depth_below_surface: metres from each kernel's centre to the body's surface.
        limb: index of the limb that each kernel belongs to, by its largest blend weight.
        joint_template, joint_shapedirs: rest joints and their displacement per coefficient.
    """

    vertices: Int[Tensor, " kernels"]
    means: Float[Tensor, "kernels 3"]
    shapedirs: Float[Tensor, "kernels 3 10"]
    axis: Float[Tensor, "kernels 3"]
    isotropic: Float[Tensor, " kernels"]
    along: Float[Tensor, " kernels"]
    weights: Float[Tensor, "kernels 24"]
    depth_below_surface: Float[Tensor, " kernels"]
    limb: Int[Tensor, " kernels"]
    joint_template: Float[Tensor, "24 3"]
    joint_shapedirs: Float[Tensor, "24 3 10"]

    @staticmethod
    def from_body(
        body: Body,
        kernels: int | Int[np.ndarray, " kernels"] = 858,
        overlap: float = 0.5,
        flatness: float = 0.5,
    ) -> NeuralBodyVolume:
        """The surface layout of a body.

        Args:
            kernels: their number, evenly spread, or the vertices at which they are.
            overlap, flatness: see `surface_layout`.
        """
        chosen = even_vertices(body, kernels) if isinstance(kernels, int) else kernels
        layout = surface_layout(body, chosen, overlap, flatness)
        index = layout.vertices
        return NeuralBodyVolume._of(
            body,
            layout,
            means=body.v_template[index],
            shapedirs=body.shapedirs[index],
            weights=body.weights[index],
            depth_below_surface=torch.zeros_like(layout.sigma_across),
        )

    @staticmethod
    def from_skeleton(
        body: Body, per_bone: int = 23, overlap: float = 1.0, density: float = 1.0
    ) -> NeuralBodyVolume:
        """The skeleton layout of a body, see `skeleton_layout`: 439 kernels with 23 per bone."""
        layout = skeleton_layout(body, per_bone, overlap, density)
        weights = torch.nn.functional.one_hot(layout.owner, body.weights.shape[1]).to(body.weights)
        return NeuralBodyVolume._of(
            body,
            layout,
            means=layout.means,
            shapedirs=layout.shapedirs,
            weights=weights,
            depth_below_surface=layout.thickness,
        )

    @staticmethod
    def from_layout(
        layout: str, body: Body, vertices: Int[np.ndarray, " kernels"] | None = None
    ) -> NeuralBodyVolume:
        """The volume of a layout by name: "surface" or "skeleton".

        Args:
            vertices: those of the surface layout's kernels; by default 858, evenly spread.
        """
        if layout == "skeleton":
            return NeuralBodyVolume.from_skeleton(body)
        return NeuralBodyVolume.from_body(body, 858 if vertices is None else vertices)

    @staticmethod
    def _of(
        body: Body,
        layout: KernelLayout | SkeletonLayout,
        means: Float[Tensor, "kernels 3"],
        shapedirs: Float[Tensor, "kernels 3 10"],
        weights: Float[Tensor, "kernels 24"],
        depth_below_surface: Float[Tensor, " kernels"],
    ) -> NeuralBodyVolume:
        """A volume from a layout and the kernels' tables."""
        isotropic = layout.sigma_across.reciprocal().square()
        limb_of_joint = torch.tensor(LIMB_OF_JOINT, device=weights.device)
        return NeuralBodyVolume(
            vertices=layout.vertices,
            means=means,
            shapedirs=shapedirs,
            axis=layout.axis,
            isotropic=isotropic,
            along=layout.sigma_along.reciprocal().square() - isotropic,
            weights=weights,
            depth_below_surface=depth_below_surface,
            limb=limb_of_joint[weights.argmax(1)],
            joint_template=body.joint_regressor @ body.v_template,
            joint_shapedirs=torch.einsum("jv,vcl->jcl", body.joint_regressor, body.shapedirs),
        )

    @property
    def kernels(self) -> int:
        """Number of kernels."""
        return len(self.means)

    def pose(
        self,
        rotations: Float[Tensor, "batch 24 3 3"],
        betas: Float[Tensor, "batch 10"],
        transl: Float[Tensor, "batch 3"],
        native: bool = False,
    ) -> PosedKernels:
        """Kernels of a pose: equation 5 for the centres, equation 6 for the precisions.

        Args:
            native: use native code (float32 on the CPU); results agree up to rounding.
        """
        if native:
            rest_kernels = RestKernels(*(getattr(self, name) for name in RestKernels._fields))
            means, precisions, axes, joints = pose_native(rest_kernels, rotations, betas, transl)
            return PosedKernels(means, precisions, axes, joints, limb_directions(joints))
        rest = self.means + torch.einsum("kcl,bl->bkc", self.shapedirs, betas)
        kinematics = forward_kinematics(rotations, self.rest_joints(betas))
        linear, offset = blend(kinematics, self.weights)
        joints = kinematics.joints + transl[:, None]
        return PosedKernels(
            means=(linear @ rest[..., None])[..., 0] + offset + transl[:, None],
            precisions=self._precisions(kinematics),
            axes=(linear @ self.axis[..., None])[..., 0],
            joints=joints,
            limb_directions=limb_directions(joints),
        )

    def joints(
        self,
        rotations: Float[Tensor, "batch 24 3 3"],
        betas: Float[Tensor, "batch 10"],
        transl: Float[Tensor, "batch 3"],
    ) -> Float[Tensor, "batch 24 3"]:
        """Joints of a pose in metres, without the kernels."""
        kinematics = forward_kinematics(rotations, self.rest_joints(betas))
        return kinematics.joints + transl[:, None]

    def rest_joints(self, betas: Float[Tensor, "batch 10"]) -> Float[Tensor, "batch 24 3"]:
        """Rest joints of shapes, metres."""
        return self.joint_template + torch.einsum("jcl,bl->bjc", self.joint_shapedirs, betas)

    def _precisions(self, kinematics: Kinematics) -> Float[Tensor, "batch kernels 3 3"]:
        """Equation 6 as R S R^T (the paper prints R^T S R): ellipsoids rotate with the body."""
        rotated = torch.einsum("bjac,kc->bkaj", kinematics.rotations, self.axis)
        weighted = rotated * (self.weights * self.along[:, None])[None, :, None]
        identity = torch.eye(3, dtype=rotated.dtype, device=rotated.device)
        return self.isotropic[:, None, None] * identity + weighted @ rotated.transpose(-1, -2)

    def to(self, like: Tensor) -> NeuralBodyVolume:
        """The same volume with the device and floating type of ``like``."""
        moved = {}
        for name, value in vars(self).items():
            moved[name] = value.to(like) if value.is_floating_point() else value.to(like.device)
        return NeuralBodyVolume(**moved)


def limb_directions(joints: Float[Tensor, "batch 24 3"]) -> Float[Tensor, "batch limbs 3"]:
    """Unit vectors along the limbs, from each limb's start joint(s) to its end."""
    return torch.nn.functional.normalize(_limb_ends(joints.dtype, joints.device) @ joints, dim=-1)


@cache
def _limb_ends(dtype: torch.dtype, device: torch.device) -> Float[Tensor, "limbs 24"]:
    """Maps joints to limb vectors: the mean of the end joints minus that of the start joints."""
    matrix = torch.zeros(len(LIMBS), 24, dtype=dtype, device=device)
    for row, (start, end) in enumerate(LIMBS.values()):
        for joint in start:
            matrix[row, joint] -= 1 / len(start)
        for joint in end:
            matrix[row, joint] += 1 / len(end)
    return matrix
