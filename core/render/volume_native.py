"""The native volume renderer (``cuda/volume``), call for call as `core.render.volume_twin`.

Everything here is float32 on the CPU. The same input gives the same bits on one machine, whatever
the number of threads; between machines, and against the twin, results agree to rounding.
"""

from __future__ import annotations

import ctypes
from ctypes import c_float, c_int32, c_int64, c_void_p
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from core.geometry.camera import Camera
from core.native import dense, load_native
from core.render.sparse import OCCLUSION_FORMS, Assignment, RenderSettings, SparseRender

INSTRUCTION_SETS = (1, 2, 3)  # baseline, AVX2, AVX-512; 0 stands for the best there is


class SceneStruct(ctypes.Structure):
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


@dataclass(frozen=True)
class Scene:
    """What a native call is about; keeps the tensors alive whose addresses it hands over.

    Attributes:
        size: height and width of the map.
        isa: instruction set, see `INSTRUCTION_SETS`.
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
    ) -> Scene:
        """A scene of checked, dense, detached tensors."""
        batch, kernels = means.shape[:2]
        if means.shape != (batch, kernels, 3) or precisions.shape != (batch, kernels, 3, 3):
            raise ValueError(f"no kernels: means {means.shape}, precisions {precisions.shape}")
        if camera.focal.shape != (batch,) or camera.center.shape != (batch, 2):
            raise ValueError(f"a camera for each of {batch} scenes, not {camera.focal.shape}")
        if min(size) < 1 or settings.nearest < 1 or not 0 < settings.threshold < 1:
            raise ValueError(f"nothing to render: map {size}, {settings}")
        camera = Camera(dense(camera.focal), dense(camera.center))
        return Scene(dense(means), dense(precisions), camera, size, settings, isa)

    def struct(self) -> SceneStruct:
        """The C struct; valid as long as the scene lives."""
        return SceneStruct(
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


@dataclass(frozen=True)
class NativeRender(SparseRender):
    """A rendering whose features are composited by native code as well."""

    scene: Scene

    def composite(
        self, features: Float[Tensor, "batch kernels dim"]
    ) -> Float[Tensor, "pixels dim"]:
        """Sum of the kernels' features by weight; divide by the opacity for their mean."""
        return _Composite.apply(self.weights, features, self.scene, self.assignment)


def render_sparse_native(
    means: Float[Tensor, "batch kernels 3"],
    precisions: Float[Tensor, "batch kernels 3 3"],
    camera: Camera,
    size: tuple[int, int],
    settings: RenderSettings,
    isa: int = 0,
) -> SparseRender:
    """`core.render.volume.render_sparse` by native code."""
    scene = Scene.of(means, precisions, camera, size, settings, isa)
    assignment = assign_native(scene)
    weights, opacity, depth = _Weigh.apply(means, precisions, scene, assignment)
    return NativeRender(assignment, weights, opacity, depth, scene)


def assign_native(scene: Scene) -> Assignment:
    """`core.render.volume_twin.assign` by native code."""
    rows, nearest = c_int64(), c_int64()
    taken = library().nbf_volume_assign(scene.struct(), ctypes.byref(rows), ctypes.byref(nearest))
    batch = torch.empty(rows.value, dtype=torch.long)
    pixel = torch.empty_like(batch)
    kernels = torch.empty(rows.value, nearest.value, dtype=torch.long)
    library().nbf_volume_take(taken, batch.data_ptr(), pixel.data_ptr(), kernels.data_ptr())
    return Assignment(batch, pixel, kernels)


def instruction_set(isa: int = 0) -> str | None:
    """Name of an instruction set that this machine has, None if it has not."""
    name = library().nbf_volume_isa(isa)
    return name.decode() if name else None


@cache
def library() -> Any:
    """The native library with the types of its functions declared."""
    native = load_native()
    if native is None:
        raise RuntimeError("the native library is not built")
    pointer = ctypes.POINTER
    scene, rows, number, address = pointer(SceneStruct), pointer(RowsStruct), c_int64, c_void_p
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
    return native


def _rows(assignment: Assignment) -> RowsStruct:
    """The C struct of an assignment that `assign_native` has made."""
    return RowsStruct(
        *assignment.kernels.shape,
        assignment.batch.data_ptr(),
        assignment.pixel.data_ptr(),
        assignment.kernels.data_ptr(),
    )


class _Weigh(torch.autograd.Function):
    """`core.render.volume_twin.weigh`, differentiable in means and precisions."""

    @staticmethod
    def forward(
        ctx: Any, _means: Tensor, _precisions: Tensor, scene: Scene, assignment: Assignment
    ) -> tuple[Tensor, Tensor, Tensor]:
        weights = scene.means.new_empty(assignment.kernels.shape)
        opacity, depth = weights.new_empty(len(weights)), torch.empty_like(weights)
        library().nbf_volume_weigh(
            scene.struct(),
            _rows(assignment),
            weights.data_ptr(),
            opacity.data_ptr(),
            depth.data_ptr(),
        )
        ctx.scene, ctx.assignment = scene, assignment
        return weights, opacity, depth

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, grad_weights: Tensor, grad_opacity: Tensor, grad_depth: Tensor
    ) -> tuple[Tensor, Tensor, None, None]:
        grads = [dense(grad) for grad in (grad_weights, grad_opacity, grad_depth)]
        grad_means = torch.empty_like(ctx.scene.means)
        grad_precisions = torch.empty_like(ctx.scene.precisions)
        library().nbf_volume_weigh_backward(
            ctx.scene.struct(),
            _rows(ctx.assignment),
            *(grad.data_ptr() for grad in grads),
            grad_means.data_ptr(),
            grad_precisions.data_ptr(),
        )
        return grad_means, grad_precisions, None, None


class _Composite(torch.autograd.Function):
    """`SparseRender.composite`, differentiable in weights and features."""

    @staticmethod
    def forward(
        ctx: Any, weights: Tensor, features: Tensor, scene: Scene, assignment: Assignment
    ) -> Tensor:
        if features.shape[:2] != scene.means.shape[:2]:
            raise ValueError(f"features {features.shape} for kernels {scene.means.shape}")
        weights, features = dense(weights), dense(features)
        dim = features.shape[2]
        out = weights.new_empty(len(weights), dim)
        library().nbf_volume_composite(
            scene.struct(),
            _rows(assignment),
            weights.data_ptr(),
            features.data_ptr(),
            dim,
            out.data_ptr(),
        )
        ctx.save_for_backward(weights, features)
        ctx.scene, ctx.assignment = scene, assignment
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor | None, None, None]:
        weights, features = ctx.saved_tensors
        grad = dense(grad)
        grad_weights = torch.empty_like(weights)
        grad_features = torch.empty_like(features) if ctx.needs_input_grad[1] else None
        library().nbf_volume_composite_backward(
            ctx.scene.struct(),
            _rows(ctx.assignment),
            weights.data_ptr(),
            features.data_ptr(),
            features.shape[2],
            grad.data_ptr(),
            grad_weights.data_ptr(),
            None if grad_features is None else grad_features.data_ptr(),
        )
        return grad_weights, grad_features, None, None
