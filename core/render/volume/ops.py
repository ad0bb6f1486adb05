"""The native volume renderer as operators of PyTorch, ``torch.ops.nbf.volume_*``.

Operators take only tensors, numbers and text, so that PyTorch can trace, compile and check them
(`torch.library.opcheck`). Other modules use `render_sparse_native`.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from core.geometry.camera import Camera
from core.render.operators import operator
from core.render.volume import native as volume_native
from core.render.volume.cuda import CudaVolume, cuda_volume
from core.render.volume.native import VolumeScene
from core.render.volume.sparse import Assignment, RenderSettings, SparseRender

# Arguments that operators share, in PyTorch's schema language.
SCENE = (
    "Tensor means, Tensor precisions, Tensor focal, Tensor center, int height, int width, "
    "float density, float threshold, int nearest, str occlusion, int isa"
)
IDS = "Tensor batch, Tensor pixel, Tensor kernels"
SCENE_ARGUMENTS = 11
DEVICES = ("cpu", "cuda")


@dataclass(frozen=True)
class NativeRender(SparseRender):
    """A rendering whose features are composited by native code, too.

    Attributes:
        scene: what `scene_arguments` returns, without gradients.
    """

    scene: tuple[Any, ...]

    def composite(
        self, features: Float[Tensor, "batch kernels dim"]
    ) -> Float[Tensor, "pixels dim"]:
        """Sum of the kernels' features by weight; divide by the opacity for their mean."""
        return volume_composite(self.weights, features, *_ids(self.assignment), *self.scene)


def render_sparse_native(
    means: Float[Tensor, "batch kernels 3"],
    precisions: Float[Tensor, "batch kernels 3 3"],
    camera: Camera,
    size: tuple[int, int],
    settings: RenderSettings,
    isa: int = 0,
) -> SparseRender:
    """`core.render.volume.render.render_sparse` by native code."""
    fixed = scene_arguments(means.detach(), precisions.detach(), camera, size, settings, isa)
    assignment = Assignment(*volume_assign(*fixed))
    weights, opacity, depth = volume_weigh(means, precisions, *_ids(assignment), *fixed[2:])
    return NativeRender(assignment, weights, opacity, depth, fixed)


def scene_arguments(
    means: Float[Tensor, "batch kernels 3"],
    precisions: Float[Tensor, "batch kernels 3 3"],
    camera: Camera,
    size: tuple[int, int],
    settings: RenderSettings,
    isa: int = 0,
) -> tuple[Any, ...]:
    """The arguments of a scene in the order of `SCENE`."""
    options = (settings.density, settings.threshold, settings.nearest, settings.occlusion, isa)
    return (means, precisions, camera.focal, camera.center, *size, *options)


def scene_of(
    means: Tensor,
    precisions: Tensor,
    focal: Tensor,
    center: Tensor,
    height: int,
    width: int,
    density: float,
    threshold: float,
    nearest: int,
    occlusion: str,
    isa: int,
) -> VolumeScene:
    """The checked scene of an operator's arguments."""
    settings = RenderSettings(density, nearest, threshold, occlusion)
    return VolumeScene.of(means, precisions, Camera(focal, center), (height, width), settings, isa)


def calls_on(device: torch.device) -> ModuleType | CudaVolume:
    """The native calls for tensors of a device."""
    return cuda_volume() if device.type == "cuda" else volume_native


# --- assignment ---


@operator(
    "nbf::volume_assign",
    devices=DEVICES,
    schema=f"({SCENE}) -> (Tensor, Tensor, Tensor)",
)
def volume_assign(*scene: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Batch, pixel and kernels of `core.render.volume.sparse.Assignment`."""
    checked = scene_of(*scene)
    return _ids(calls_on(checked.means.device).assign(checked))


@volume_assign.register_fake
def _assign_fake(means: Tensor, *_rest: Any) -> tuple[Tensor, Tensor, Tensor]:
    context = torch.library.get_ctx()
    rows, nearest = context.new_dynamic_size(), context.new_dynamic_size()
    ids = means.new_empty(rows, dtype=torch.long)
    return ids, torch.empty_like(ids), means.new_empty(rows, nearest, dtype=torch.long)


# --- weights ---


@operator(
    "nbf::volume_weigh",
    devices=DEVICES,
    schema=f"(Tensor means, Tensor precisions, {IDS}, {SCENE.partition('precisions, ')[2]})"
    " -> (Tensor, Tensor, Tensor)",
)
def volume_weigh(
    means: Tensor, precisions: Tensor, batch: Tensor, pixel: Tensor, kernels: Tensor, *options: Any
) -> tuple[Tensor, Tensor, Tensor]:
    """Weights, opacity and depth; differentiable in means and precisions."""
    scene = scene_of(means, precisions, *options)
    return calls_on(means.device).weigh(scene, Assignment(batch, pixel, kernels))


@volume_weigh.register_fake
def _weigh_fake(*inputs: Any) -> tuple[Tensor, Tensor, Tensor]:
    means, _precisions, batch, _pixel, kernels = inputs[:5]
    weights = means.new_empty(kernels.shape)
    return weights, means.new_empty(batch.shape), torch.empty_like(weights)


@operator(
    "nbf::volume_weigh_backward",
    devices=DEVICES,
    schema=f"(Tensor weights, Tensor opacity, Tensor depth, {IDS}, {SCENE}) -> (Tensor, Tensor)",
)
def volume_weigh_backward(
    weights: Tensor,
    opacity: Tensor,
    depth: Tensor,
    batch: Tensor,
    pixel: Tensor,
    kernels: Tensor,
    *scene: Any,
) -> tuple[Tensor, Tensor]:
    """Gradients of means and precisions from those of weights, opacity and depth."""
    ids = Assignment(batch, pixel, kernels)
    calls = calls_on(weights.device)
    return calls.weigh_backward(scene_of(*scene), ids, weights, opacity, depth)


@volume_weigh_backward.register_fake
def _weigh_backward_fake(*inputs: Any) -> tuple[Tensor, Tensor]:
    means, precisions = inputs[6:8]
    return torch.empty_like(means), torch.empty_like(precisions)


def _weigh_setup(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:  # noqa: ARG001
    means, precisions, *ids = inputs[:5]
    ctx.save_for_backward(means, precisions, *ids, *inputs[5:7])
    ctx.options = inputs[7:]


def _weigh_autograd(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
    means, precisions, batch, pixel, kernels, focal, center = ctx.saved_tensors
    scene = (means, precisions, focal, center, *ctx.options)
    outputs = volume_weigh_backward(*grads, batch, pixel, kernels, *scene)
    return *outputs, *[None] * (3 + SCENE_ARGUMENTS - 2)


volume_weigh.register_autograd(_weigh_autograd, setup_context=_weigh_setup)


# --- features ---


@operator(
    "nbf::volume_composite",
    devices=DEVICES,
    schema=f"(Tensor weights, Tensor features, {IDS}, {SCENE}) -> Tensor",
)
def volume_composite(
    weights: Tensor, features: Tensor, batch: Tensor, pixel: Tensor, kernels: Tensor, *scene: Any
) -> Tensor:
    """Sum of the kernels' features by weight; differentiable in weights and features."""
    ids = Assignment(batch, pixel, kernels)
    return calls_on(weights.device).composite(scene_of(*scene), ids, weights, features)


@volume_composite.register_fake
def _composite_fake(weights: Tensor, features: Tensor, *_rest: Any) -> Tensor:
    return features.new_empty(len(weights), features.shape[2])


@operator(
    "nbf::volume_composite_backward",
    devices=DEVICES,
    schema=f"(Tensor grad, bool with_features, Tensor weights, Tensor features, {IDS}, {SCENE})"
    " -> (Tensor, Tensor)",
)
def volume_composite_backward(
    grad: Tensor,
    with_features: bool,
    weights: Tensor,
    features: Tensor,
    batch: Tensor,
    pixel: Tensor,
    kernels: Tensor,
    *scene: Any,
) -> tuple[Tensor, Tensor]:
    """Gradients of weights and features; the second is empty without ``with_features``."""
    ids = Assignment(batch, pixel, kernels)
    calls = calls_on(grad.device)
    return calls.composite_backward(scene_of(*scene), ids, weights, features, grad, with_features)


@volume_composite_backward.register_fake
def _composite_backward_fake(
    _grad: Tensor, with_features: bool, weights: Tensor, features: Tensor, *_rest: Any
) -> tuple[Tensor, Tensor]:
    empty = features.new_empty(0)
    return torch.empty_like(weights), torch.empty_like(features) if with_features else empty


def _composite_setup(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:  # noqa: ARG001
    ctx.save_for_backward(*(item for item in inputs if isinstance(item, Tensor)))
    ctx.options = tuple(item for item in inputs if not isinstance(item, Tensor))


def _composite_autograd(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    wanted = ctx.needs_input_grad[1]
    weights, features = volume_composite_backward(grad, wanted, *ctx.saved_tensors, *ctx.options)
    return weights, features if wanted else None, *[None] * (3 + SCENE_ARGUMENTS)


volume_composite.register_autograd(_composite_autograd, setup_context=_composite_setup)


def _ids(assignment: Assignment) -> tuple[Tensor, Tensor, Tensor]:
    """The tensors of an assignment."""
    return assignment.batch, assignment.pixel, assignment.kernels
