"""Posing a volume by native code (``cuda/pose``): `NeuralBodyVolume.pose` and its gradient."""

from __future__ import annotations

import ctypes
from ctypes import c_int32, c_int64, c_void_p
from functools import cache
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from core.body.names import PARENTS
from core.native import dense, load_native


class RestKernels(NamedTuple):
    """The tables of a `core.nbv.volume.NeuralBodyVolume` in the order of the C struct."""

    means: Float[Tensor, "kernels 3"]
    shapedirs: Float[Tensor, "kernels 3 10"]
    axis: Float[Tensor, "kernels 3"]
    isotropic: Float[Tensor, " kernels"]
    along: Float[Tensor, " kernels"]
    weights: Float[Tensor, "kernels 24"]
    joint_template: Float[Tensor, "24 3"]
    joint_shapedirs: Float[Tensor, "24 3 10"]


class BodyVolumeStruct(ctypes.Structure):
    """NbfBodyVolume of cuda/pose/pose.h."""

    _fields_ = (
        *((name, c_void_p) for name in RestKernels._fields),
        ("parents", c_void_p),
        ("kernels", c_int64),
        ("joints", c_int64),
        ("shapes", c_int64),
    )


def pose_native(
    kernels: RestKernels,
    rotations: Float[Tensor, "batch 24 3 3"],
    betas: Float[Tensor, "batch 10"],
    transl: Float[Tensor, "batch 3"],
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Means, precisions, axes and joints of `core.nbv.volume.PosedKernels`.

    Differentiable in rotations, betas and transl; float32 on the CPU.

    Raises:
        ValueError: a shape is wrong.
    """
    batch, shapes = len(rotations), kernels.shapedirs.shape[2]
    if rotations.shape != (batch, len(PARENTS), 3, 3):
        raise ValueError(f"rotations must be (batch, {len(PARENTS)}, 3, 3), not {rotations.shape}")
    if betas.shape != (batch, shapes) or transl.shape != (batch, 3):
        raise ValueError(
            f"betas {betas.shape} and transl {transl.shape} do not fit a batch of {batch}"
        )
    return _Pose.apply(rotations, betas, transl, kernels)


@cache
def _library() -> Any:
    """The native library with the types of its functions declared."""
    native = load_native()
    if native is None:
        raise RuntimeError("the native library is not built")
    volume, address = ctypes.POINTER(BodyVolumeStruct), c_void_p
    native.nbf_pose.argtypes = [volume, c_int64, *[address] * 3, c_int32, *[address] * 4]
    native.nbf_pose_backward.argtypes = [
        *(volume, c_int64, address, address, c_int32),
        *[address] * 7,
    ]
    return native


@cache
def _parents() -> Tensor:
    """Parents of the joints as a tensor."""
    return torch.tensor(PARENTS)


def _struct(kernels: RestKernels) -> tuple[BodyVolumeStruct, list[Tensor]]:
    """The C struct, and the tensors that must outlive it."""
    tensors = [*map(dense, kernels), _parents()]
    sizes = (len(kernels.means), len(PARENTS), kernels.shapedirs.shape[2])
    return BodyVolumeStruct(*(tensor.data_ptr() for tensor in tensors), *sizes), tensors


class _Pose(torch.autograd.Function):
    """Differentiable in rotations, betas and transl; the volume is constant."""

    @staticmethod
    def forward(
        ctx: Any, rotations: Tensor, betas: Tensor, transl: Tensor, kernels: RestKernels
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        rotations, betas, transl = dense(rotations), dense(betas), dense(transl)
        struct, _alive = _struct(kernels)
        batch, count = len(rotations), len(kernels.means)
        means = rotations.new_empty(batch, count, 3)
        precisions = rotations.new_empty(batch, count, 3, 3)
        axes, joints = torch.empty_like(means), rotations.new_empty(batch, len(PARENTS), 3)
        inputs = (tensor.data_ptr() for tensor in (rotations, betas, transl))
        outputs = (tensor.data_ptr() for tensor in (means, precisions, axes, joints))
        _library().nbf_pose(struct, batch, *inputs, torch.get_num_threads(), *outputs)
        ctx.save_for_backward(rotations, betas)
        ctx.kernels = kernels
        ctx.set_materialize_grads(False)
        return means, precisions, axes, joints

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any,
        means: Tensor | None,
        precisions: Tensor | None,
        axes: Tensor | None,
        joints: Tensor | None,
    ) -> tuple[Tensor, Tensor, Tensor, None]:
        rotations, betas = ctx.saved_tensors
        struct, _alive = _struct(ctx.kernels)
        batch, count = len(rotations), len(ctx.kernels.means)
        sizes = ((count, 3), (count, 3, 3), (len(PARENTS), 3))
        inputs = [
            rotations.new_zeros(batch, *size) if grad is None else dense(grad)
            for grad, size in zip((means, precisions, joints), sizes, strict=True)
        ]
        axes_grad = None if axes is None else dense(axes)
        outputs = (
            torch.empty_like(rotations),
            torch.empty_like(betas),
            rotations.new_empty(batch, 3),
        )
        _library().nbf_pose_backward(
            struct,
            batch,
            rotations.data_ptr(),
            betas.data_ptr(),
            torch.get_num_threads(),
            inputs[0].data_ptr(),
            inputs[1].data_ptr(),
            None if axes_grad is None else axes_grad.data_ptr(),
            inputs[2].data_ptr(),
            *(tensor.data_ptr() for tensor in outputs),
        )
        return *outputs, None
