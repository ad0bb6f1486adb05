"""Calls of the native volume renderer (``cuda/volume``): structs, checks, one function per call.

Everything is float32. On one machine the number of threads does not change a bit of the result;
between machines, and compared with the twin, results agree up to rounding. PyTorch does not
differentiate these calls: `core.render.volume.ops` makes differentiable operators of them.
"""

from __future__ import annotations

import ctypes
from ctypes import c_float, c_int32, c_int64, c_void_p
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.geometry.camera import Camera
from core.native import dense, load_native
from core.render.volume.sparse import OCCLUSION_FORMS, Assignment, RenderSettings


class VolumeSceneStruct(ctypes.Structure):
    """NbfVolumeScene of cuda/volume/volume.h."""

    _fields_ = (
        ("means", c_void_p),
        ("precisions", c_void_p),
        ("focal", c_void_p),
        ("center", c_void_p),
        ("batch", c_int64),
        ("kernels", c_int64),
        ("height", c_int32),
        ("width", c_int32),
        ("density", c_float),
        ("threshold", c_float),
        ("nearest", c_int32),
        ("form", c_int32),
        ("threads", c_int32),
        ("isa", c_int32),
    )


class RowsStruct(ctypes.Structure):
    """NbfVolumeRows of cuda/volume/volume.h."""

    _fields_ = (
        ("rows", c_int64),
        ("nearest", c_int64),
        ("batch", c_void_p),
        ("pixel", c_void_p),
        ("kernels", c_void_p),
    )


class LikelihoodStruct(ctypes.Structure):
    """NbfLikelihood of cuda/volume/volume.h."""

    _fields_ = (
        ("observed", c_void_p),
        ("inside", c_void_p),
        ("phi", c_void_p),
        ("background", c_void_p),
        ("limb", c_void_p),
        ("orientation", c_void_p),
        ("limbs", c_int64),
        ("bins", c_int64),
        ("dim", c_int64),
        ("variance_foreground", c_float),
        ("variance_background", c_float),
        ("temper", c_float),
        ("visible", c_float),
        ("background_cap", c_float),
        ("use_occlusion", c_int32),
    )


@dataclass(frozen=True)
class VolumeScene:
    """The input of native calls; keeps the tensors alive whose addresses are passed.

    Attributes:
        size: height and width of the map.
        isa: instruction set: 1 baseline, 2 AVX2, 3 AVX-512; 0 the best available.
    """

    means: Float[Tensor, "batch kernels 3"]
    precisions: Float[Tensor, "batch kernels 3 3"]
    camera: Camera
    size: tuple[int, int]
    settings: RenderSettings
    isa: int = 0

    @staticmethod
    def of(
        means: Float[Tensor, "batch kernels 3"],
        precisions: Float[Tensor, "batch kernels 3 3"],
        camera: Camera,
        size: tuple[int, int],
        settings: RenderSettings,
        isa: int = 0,
    ) -> VolumeScene:
        """A scene of checked, dense, detached tensors.

        Raises:
            ValueError: shapes, devices or settings are wrong.
        """
        batch, kernels = means.shape[:2]
        if means.shape != (batch, kernels, 3) or precisions.shape != (batch, kernels, 3, 3):
            raise ValueError(f"means {means.shape} and precisions {precisions.shape} do not fit")
        if camera.focal.shape != (batch,) or camera.center.shape != (batch, 2):
            raise ValueError(f"a camera for each of {batch} scenes, not {camera.focal.shape}")
        if min(size) < 1 or settings.nearest < 1 or not 0 < settings.threshold < 1:
            raise ValueError(f"map size or settings are out of range: {size}, {settings}")
        if any(t.device != means.device for t in (precisions, camera.focal, camera.center)):
            raise ValueError("the tensors of a scene are on different devices")
        camera = Camera(dense(camera.focal), dense(camera.center))
        return VolumeScene(dense(means), dense(precisions), camera, size, settings, isa)

    def struct(self) -> VolumeSceneStruct:
        """The C struct; valid as long as the scene exists."""
        return VolumeSceneStruct(
            self.means.data_ptr(),
            self.precisions.data_ptr(),
            self.camera.focal.data_ptr(),
            self.camera.center.data_ptr(),
            *self.means.shape[:2],
            *self.size,
            self.settings.density,
            self.settings.threshold,
            self.settings.nearest,
            tuple(OCCLUSION_FORMS).index(self.settings.occlusion),
            torch.get_num_threads(),
            self.isa,
        )


def assign(scene: VolumeScene) -> Assignment:
    """`core.render.volume.twin.assign`."""
    rows, nearest = c_int64(), c_int64()
    taken = library().nbf_volume_assign(scene.struct(), ctypes.byref(rows), ctypes.byref(nearest))
    batch = torch.empty(rows.value, dtype=torch.long)
    pixel = torch.empty_like(batch)
    kernels = torch.empty(rows.value, nearest.value, dtype=torch.long)
    library().nbf_volume_take(taken, batch.data_ptr(), pixel.data_ptr(), kernels.data_ptr())
    return Assignment(batch, pixel, kernels)


def weigh(scene: VolumeScene, assignment: Assignment) -> tuple[Tensor, Tensor, Tensor]:
    """Weights, opacity and depth of `core.render.volume.twin.weigh`."""
    weights = scene.means.new_empty(assignment.kernels.shape)
    opacity, depth = weights.new_empty(len(weights)), torch.empty_like(weights)
    outputs = (tensor.data_ptr() for tensor in (weights, opacity, depth))
    library().nbf_volume_weigh(scene.struct(), rows_struct(assignment), *outputs)
    return weights, opacity, depth


def weigh_backward(
    scene: VolumeScene, assignment: Assignment, weights: Tensor, opacity: Tensor, depth: Tensor
) -> tuple[Float[Tensor, "batch kernels 3"], Float[Tensor, "batch kernels 3 3"]]:
    """Gradients of means and precisions from those of weights, opacity and depth."""
    inputs = [dense(grad) for grad in (weights, opacity, depth)]
    grads = torch.empty_like(scene.means), torch.empty_like(scene.precisions)
    addresses = (tensor.data_ptr() for tensor in (*inputs, *grads))
    library().nbf_volume_weigh_backward(scene.struct(), rows_struct(assignment), *addresses)
    return grads


def composite(
    scene: VolumeScene,
    assignment: Assignment,
    weights: Float[Tensor, "pixels nearest"],
    features: Float[Tensor, "batch kernels dim"],
) -> Float[Tensor, "pixels dim"]:
    """Sum of the kernels' features by weight."""
    check_features(scene, features)
    weights, features, dim = dense(weights), dense(features), features.shape[2]
    out = weights.new_empty(len(weights), dim)
    library().nbf_volume_composite(
        scene.struct(),
        rows_struct(assignment),
        weights.data_ptr(),
        features.data_ptr(),
        dim,
        out.data_ptr(),
    )
    return out


def composite_backward(
    scene: VolumeScene,
    assignment: Assignment,
    weights: Float[Tensor, "pixels nearest"],
    features: Float[Tensor, "batch kernels dim"],
    grad: Float[Tensor, "pixels dim"],
    with_features: bool,
) -> tuple[Float[Tensor, "pixels nearest"], Float[Tensor, "..."]]:
    """Gradients of weights and features; the second is empty without ``with_features``."""
    weights, features, grad = dense(weights), dense(features), dense(grad)
    grad_weights = torch.empty_like(weights)
    grad_features = torch.empty_like(features) if with_features else features.new_empty(0)
    library().nbf_volume_composite_backward(
        scene.struct(),
        rows_struct(assignment),
        weights.data_ptr(),
        features.data_ptr(),
        features.shape[2],
        grad.data_ptr(),
        grad_weights.data_ptr(),
        grad_features.data_ptr() if with_features else None,
    )
    return grad_weights, grad_features


def nll(
    scene: VolumeScene,
    likelihood: LikelihoodStruct,
    orientation: Float[Tensor, "batch limbs bins"],
    with_gradient: bool = True,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Negative log-likelihood of each person, and its gradients (empty if not requested).

    Args:
        likelihood: its pointers are to tensors on the scene's device, including ``orientation``.

    Returns:
        The value, and the gradients of means, precisions and orientation weights.
    """
    value = scene.means.new_empty(len(scene.means))
    like = scene.means, scene.precisions, orientation
    grads = [torch.empty_like(t) if with_gradient else t.new_empty(0) for t in like]
    addresses = (grad.data_ptr() if with_gradient else None for grad in grads)
    library().nbf_volume_nll(scene.struct(), likelihood, value.data_ptr(), *addresses)
    return value, grads[0], grads[1], grads[2]


def check_features(scene: VolumeScene, features: Tensor) -> None:
    """Raise ValueError unless the features are those of the scene's kernels."""
    if features.shape[:2] != scene.means.shape[:2]:
        raise ValueError(f"features {features.shape} for kernels {scene.means.shape}")


def instruction_set(isa: int = 0) -> str | None:
    """Name of an instruction set, or None if this machine lacks it."""
    name = library().nbf_volume_isa(isa)
    return name.decode() if name else None


@cache
def library() -> Any:
    """The native library with the types of its functions declared."""
    native = load_native()
    if native is None:
        raise RuntimeError("the native library is not built")
    pointer = ctypes.POINTER
    scene, rows = pointer(VolumeSceneStruct), pointer(RowsStruct)
    number, address = c_int64, c_void_p
    native.nbf_volume_isa.restype = ctypes.c_char_p
    native.nbf_volume_assign.restype = address
    native.nbf_volume_assign.argtypes = [scene, pointer(number), pointer(number)]
    native.nbf_volume_take.argtypes = [address] * 4
    native.nbf_volume_weigh.argtypes = [scene, rows, *[address] * 3]
    native.nbf_volume_weigh_backward.argtypes = [scene, rows, *[address] * 5]
    native.nbf_volume_composite.argtypes = [scene, rows, address, address, number, address]
    native.nbf_volume_composite_backward.argtypes = [
        *(scene, rows, address, address, number),
        *[address] * 3,
    ]
    likelihood = pointer(LikelihoodStruct)
    native.nbf_volume_nll.argtypes = [scene, likelihood, *[address] * 4]
    return native


def rows_struct(assignment: Assignment) -> RowsStruct:
    """The C struct of an assignment.

    Raises:
        ValueError: the ids are not dense int64 tensors.
    """
    ids: tuple[Int[Tensor, "..."], ...] = (
        assignment.batch,
        assignment.pixel,
        assignment.kernels,
    )
    if not all(tensor.is_contiguous() and tensor.dtype == torch.int64 for tensor in ids):
        raise ValueError("the ids of an assignment must be dense int64 tensors")
    return RowsStruct(*assignment.kernels.shape, *(tensor.data_ptr() for tensor in ids))
