"""The native mesh renderer as operators of PyTorch, ``torch.ops.nbf.mesh_*``.

Operators take only tensors and numbers, so that PyTorch can trace, compile and check them
(`torch.library.opcheck`). Other modules use `core.render.mesh.render`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from core.geometry.camera import Camera
from core.render.mesh import native
from core.render.mesh.native import MeshScene, RenderedAttributes
from core.render.mesh.scene import MeshSettings, Softness
from core.render.operators import operator

# Arguments that operators share, in PyTorch's schema language.
SCENE = (
    "Tensor vertices, Tensor faces, Tensor focal, Tensor center, int height, int width, "
    "float near, bool cull"
)
SURFACE = "Tensor face_ids, Tensor barycentric, Tensor faces, Tensor attributes"
DEVICES = ("cpu", "cuda")


def scene_arguments(
    vertices: Tensor,
    faces: Tensor,
    camera: Camera,
    size: tuple[int, int],
    settings: MeshSettings,
) -> tuple[Any, ...]:
    """The arguments of a scene in the order of `SCENE`."""
    return (vertices, faces, camera.focal, camera.center, *size, settings.near, settings.cull)


def scene_of(
    vertices: Tensor,
    faces: Tensor,
    focal: Tensor,
    center: Tensor,
    height: int,
    width: int,
    near: float,
    cull: bool,
) -> MeshScene:
    """The checked scene of an operator's arguments."""
    settings = MeshSettings(near, cull)
    return MeshScene.of(vertices, faces, Camera(focal, center), (height, width), settings)


def _map_like(vertices: Tensor, height: int, width: int, *dims: int) -> Tensor:
    return vertices.new_empty(len(vertices), height, width, *dims)


# --- the nearest face ---


@operator(
    "nbf::mesh_rasterize",
    devices=DEVICES,
    schema=f"({SCENE}) -> (Tensor, Tensor, Tensor)",
)
def mesh_rasterize(*scene: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Barycentrics, depth and face ids; the first two differentiable in the vertices."""
    return native.rasterize(scene_of(*scene))


@mesh_rasterize.register_fake
def _rasterize_fake(*scene: Any) -> tuple[Tensor, Tensor, Tensor]:
    vertices, height, width = scene[0], *scene[4:6]
    depth = _map_like(vertices, height, width)
    return _map_like(vertices, height, width, 3), depth, depth.to(torch.int32)


@operator(
    "nbf::mesh_rasterize_backward",
    devices=DEVICES,
    schema=f"(Tensor face_ids, Tensor barycentric, Tensor depth, {SCENE}) -> Tensor",
)
def mesh_rasterize_backward(
    face_ids: Tensor, barycentric: Tensor, depth: Tensor, *scene: Any
) -> Tensor:
    """Gradient of the vertices from those of barycentrics and depth."""
    return native.rasterize_backward(scene_of(*scene), face_ids, barycentric, depth)


@mesh_rasterize_backward.register_fake
def _rasterize_backward_fake(*inputs: Any) -> Tensor:
    return torch.empty_like(inputs[3])


def _rasterize_setup(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    ctx.save_for_backward(output[2], *inputs[:4])
    ctx.options = inputs[4:]


def _rasterize_autograd(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
    face_ids, *scene = ctx.saved_tensors
    return mesh_rasterize_backward(face_ids, *grads[:2], *scene, *ctx.options), *[None] * 7


mesh_rasterize.register_autograd(_rasterize_autograd, setup_context=_rasterize_setup)


# --- soft silhouettes ---


@operator(
    "nbf::mesh_silhouette",
    devices=DEVICES,
    schema=f"({SCENE}, float sigma, float reach) -> Tensor",
)
def mesh_silhouette(*inputs: Any) -> Tensor:
    """Optical depth of the soft silhouette; differentiable in the vertices."""
    return native.silhouette(scene_of(*inputs[:8]), Softness(*inputs[8:]))


@mesh_silhouette.register_fake
def _silhouette_fake(*inputs: Any) -> Tensor:
    return _map_like(inputs[0], *inputs[4:6])


@operator(
    "nbf::mesh_silhouette_backward",
    devices=DEVICES,
    schema=f"(Tensor depth, Tensor grad, {SCENE}, float sigma, float reach) -> Tensor",
)
def mesh_silhouette_backward(depth: Tensor, grad: Tensor, *inputs: Any) -> Tensor:
    """Gradient of the vertices from that of the optical depth."""
    soft = Softness(*inputs[8:])
    return native.silhouette_backward(scene_of(*inputs[:8]), soft, depth, grad)


@mesh_silhouette_backward.register_fake
def _silhouette_backward_fake(*inputs: Any) -> Tensor:
    return torch.empty_like(inputs[2])


def _silhouette_setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(output, *inputs[:4])
    ctx.options = inputs[4:]


def _silhouette_autograd(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    depth, *scene = ctx.saved_tensors
    return mesh_silhouette_backward(depth, grad, *scene, *ctx.options), *[None] * 9


mesh_silhouette.register_autograd(_silhouette_autograd, setup_context=_silhouette_setup)


# --- attributes ---


@operator(
    "nbf::mesh_interpolate",
    devices=DEVICES,
    schema=f"({SURFACE}) -> Tensor",
)
def mesh_interpolate(*surface: Tensor) -> Tensor:
    """Attributes at pixels; differentiable in barycentrics and attributes."""
    return native.interpolate(RenderedAttributes.of(*surface))


@mesh_interpolate.register_fake
def _interpolate_fake(
    face_ids: Tensor, _barycentric: Tensor, _faces: Tensor, attributes: Tensor
) -> Tensor:
    return attributes.new_empty(*face_ids.shape, attributes.shape[2])


@operator(
    "nbf::mesh_interpolate_backward",
    devices=DEVICES,
    schema=f"(Tensor grad, bool with_attributes, {SURFACE}) -> (Tensor, Tensor)",
)
def mesh_interpolate_backward(
    grad: Tensor, with_attributes: bool, *surface: Tensor
) -> tuple[Tensor, Tensor]:
    """Gradients of barycentrics and attributes; the second is empty without ``with_attributes``."""
    return native.interpolate_backward(RenderedAttributes.of(*surface), grad, with_attributes)


@mesh_interpolate_backward.register_fake
def _interpolate_backward_fake(
    _grad: Tensor, with_attributes: bool, *surface: Tensor
) -> tuple[Tensor, Tensor]:
    _, barycentric, _, attributes = surface
    wanted = torch.empty_like(attributes) if with_attributes else attributes.new_empty(0)
    return torch.empty_like(barycentric), wanted


def _interpolate_setup(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:  # noqa: ARG001
    ctx.save_for_backward(*inputs)


def _interpolate_autograd(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    wanted = ctx.needs_input_grad[3]
    outputs = mesh_interpolate_backward(grad, wanted, *ctx.saved_tensors)
    return None, outputs[0], None, outputs[1] if wanted else None


mesh_interpolate.register_autograd(_interpolate_autograd, setup_context=_interpolate_setup)
