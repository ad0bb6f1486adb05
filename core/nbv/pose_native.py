"""Posing a volume by native code (``cuda/pose``): `NeuralBodyVolume.pose` and its gradient."""

from __future__ import annotations

import ctypes
from ctypes import c_int32, c_int64, c_void_p
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from core.body.names import PARENTS
from core.native import dense, load_native

if TYPE_CHECKING:
    from core.nbv.volume import NeuralBodyVolume

_TENSORS = (
    *("means", "shapedirs", "axis", "isotropic", "along", "weights"),
    *("joint_template", "joint_shapedirs"),
)


class VolumeStruct(ctypes.Structure):
    """NbfBodyVolume of cuda/pose/pose.h."""

    _fields_ = (
        *((name, c_void_p) for name in _TENSORS),
        ("parents", c_void_p),
        ("kernels", c_int64),
        ("joints", c_int64),
        ("shapes", c_int64),
    )


def pose_native(
    volume: NeuralBodyVolume,
    rotations: Float[Tensor, "batch 24 3 3"],
    betas: Float[Tensor, "batch 10"],
    transl: Float[Tensor, "batch 3"],
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Means, precisions, axes and joints of `core.nbv.volume.PosedKernels`."""
    batch, shapes = len(rotations), volume.shapedirs.shape[2]
    if rotations.shape != (batch, len(PARENTS), 3, 3):
        raise ValueError(f"rotations must be (batch, {len(PARENTS)}, 3, 3), not {rotations.shape}")
    if betas.shape != (batch, shapes) or transl.shape != (batch, 3):
        raise ValueError(f"no shape and place of {batch}: {betas.shape}, {transl.shape}")
    return _Pose.apply(rotations, betas, transl, volume)


@cache
def _library() -> Any:
    """The native library with the types of its functions declared."""
    native = load_native()
    if native is None:
        raise RuntimeError("the native library is not built")
    volume, address = ctypes.POINTER(VolumeStruct), c_void_p
    native.nbf_pose.argtypes = [volume, c_int64, *[address] * 3, c_int32, *[address] * 4]
    native.nbf_pose_backward.argtypes = [
        *(volume, c_int64, address, address, c_int32),
        *[address] * 7,
    ]
    return native


@cache
def _parents() -> Tensor:
    """The tree of joints."""
    return torch.tensor(PARENTS)


def _struct(volume: NeuralBodyVolume) -> tuple[VolumeStruct, list[Tensor]]:
    """The C struct, and the tensors that have to outlive it."""
    tensors = [dense(getattr(volume, name)) for name in _TENSORS] + [_parents()]
    sizes = (volume.kernels, len(PARENTS), volume.shapedirs.shape[2])
    return VolumeStruct(*(tensor.data_ptr() for tensor in tensors), *sizes), tensors


class _Pose(torch.autograd.Function):
    """Differentiable in rotations, shape and place; the volume is fixed."""

    @staticmethod
    def forward(
        ctx: Any, rotations: Tensor, betas: Tensor, transl: Tensor, volume: NeuralBodyVolume
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        rotations, betas, transl = dense(rotations), dense(betas), dense(transl)
        struct, _alive = _struct(volume)
        batch, kernels = len(rotations), volume.kernels
        means = rotations.new_empty(batch, kernels, 3)
        precisions = rotations.new_empty(batch, kernels, 3, 3)
        axes, joints = torch.empty_like(means), rotations.new_empty(batch, len(PARENTS), 3)
        given = (tensor.data_ptr() for tensor in (rotations, betas, transl))
        made = (tensor.data_ptr() for tensor in (means, precisions, axes, joints))
        _library().nbf_pose(struct, batch, *given, torch.get_num_threads(), *made)
        ctx.save_for_backward(rotations, betas)
        ctx.volume = volume
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
        struct, _alive = _struct(ctx.volume)
        batch, kernels = len(rotations), ctx.volume.kernels
        sizes = ((kernels, 3), (kernels, 3, 3), (len(PARENTS), 3))
        given = [
            rotations.new_zeros(batch, *size) if grad is None else dense(grad)
            for grad, size in zip((means, precisions, joints), sizes, strict=True)
        ]
        turned = None if axes is None else dense(axes)
        made = (torch.empty_like(rotations), torch.empty_like(betas), rotations.new_empty(batch, 3))
        _library().nbf_pose_backward(
            struct,
            batch,
            rotations.data_ptr(),
            betas.data_ptr(),
            torch.get_num_threads(),
            given[0].data_ptr(),
            given[1].data_ptr(),
            None if turned is None else turned.data_ptr(),
            given[2].data_ptr(),
            *(tensor.data_ptr() for tensor in made),
        )
        return *made, None
