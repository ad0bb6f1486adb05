"""The native mesh renderer (``cuda/mesh``), with the functions of `core.render.mesh.twin`.

Tensors on the CPU are rendered by the library that `core.native` loads, tensors on a GPU by
`core.render.mesh.cuda`. Inputs and outputs are float32; native code computes in float64. The number
of threads does not change a bit of the result.
"""

from __future__ import annotations

from ctypes import byref
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.geometry.camera import Camera
from core.native import dense, load_native
from core.render.mesh.abi import FUNCTIONS, MeshStruct, addresses
from core.render.mesh.cuda import CudaMesh, cuda_mesh
from core.render.mesh.scene import MeshSettings, Softness, check_mesh


@dataclass(frozen=True)
class MeshScene:
    """The input of native calls; keeps the tensors alive whose addresses are passed.

    Attributes:
        size: height and width of the images.
    """

    vertices: Float[Tensor, "batch vertices 3"]
    faces: Int[Tensor, "*batch faces 3"]
    camera: Camera
    size: tuple[int, int]
    settings: MeshSettings

    @staticmethod
    def of(
        vertices: Float[Tensor, "batch vertices 3"],
        faces: Int[Tensor, "*batch faces 3"],
        camera: Camera,
        size: tuple[int, int],
        settings: MeshSettings,
    ) -> MeshScene:
        """A scene of checked, dense, detached tensors."""
        check_mesh(vertices, faces, camera, size, settings)
        dense_camera = Camera(dense(camera.focal), dense(camera.center))
        return MeshScene(dense(vertices), indices(faces), dense_camera, size, settings)

    def struct(self) -> MeshStruct:
        """The C struct; valid as long as the scene exists."""
        return MeshStruct(
            self.vertices.data_ptr(),
            self.faces.data_ptr(),
            self.camera.focal.data_ptr(),
            self.camera.center.data_ptr(),
            *self.vertices.shape[:2],
            self.faces.shape[-2],
            1 if self.faces.ndim == 2 else len(self.faces),
            *self.size,
            self.settings.near,
            self.settings.cull,
            torch.get_num_threads(),
        )

    def map(self, *dims: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """An uninitialised tensor over the pixels of the batch."""
        return self.vertices.new_empty(len(self.vertices), *self.size, *dims, dtype=dtype)


def rasterize(scene: MeshScene) -> tuple[Tensor, Tensor, Tensor]:
    """Barycentrics, depth and face ids."""
    barycentric, depth, face_ids = scene.map(3), scene.map(), scene.map(dtype=torch.int32)
    mesh = byref(scene.struct())
    _run("rasterize", scene.vertices, (mesh, face_ids, barycentric, depth), (mesh,))
    return barycentric, depth, face_ids


def rasterize_backward(
    scene: MeshScene, face_ids: Tensor, grad_barycentric: Tensor, grad_depth: Tensor
) -> Float[Tensor, "batch vertices 3"]:
    """Gradient with respect to the vertices."""
    inputs = indices(face_ids), dense(grad_barycentric), dense(grad_depth)
    grad, mesh = torch.empty_like(scene.vertices), byref(scene.struct())
    _run("rasterize_backward", scene.vertices, (mesh, *inputs, grad), (mesh,))
    return grad


def silhouette(scene: MeshScene, soft: Softness) -> Float[Tensor, "batch height width"]:
    """Optical depth of the soft silhouette."""
    depth, mesh = scene.map(), byref(scene.struct())
    _run("silhouette", scene.vertices, (mesh, soft.sigma, soft.reach, depth), (mesh,))
    return depth


def silhouette_backward(
    scene: MeshScene, soft: Softness, depth: Tensor, grad_depth: Tensor
) -> Float[Tensor, "batch vertices 3"]:
    """Gradient with respect to the vertices."""
    inputs = soft.sigma, soft.reach, dense(depth), dense(grad_depth)
    grad, mesh = torch.empty_like(scene.vertices), byref(scene.struct())
    _run("silhouette_backward", scene.vertices, (mesh, *inputs, grad), (mesh,))
    return grad


@dataclass(frozen=True)
class RenderedAttributes:
    """Vertex attributes of a rendered mesh, dense and detached.

    Attributes:
        attributes: of each image's vertices, or one set for all images.
    """

    face_ids: Int[Tensor, "batch height width"]
    barycentric: Float[Tensor, "batch height width 3"]
    faces: Int[Tensor, "*batch faces 3"]
    attributes: Float[Tensor, "sets vertices dim"]

    @staticmethod
    def of(
        face_ids: Tensor, barycentric: Tensor, faces: Tensor, attributes: Tensor
    ) -> RenderedAttributes:
        """The attributes as dense, detached tensors."""
        ids, triangles = indices(face_ids), indices(faces)
        return RenderedAttributes(ids, dense(barycentric), triangles, dense(attributes))

    def struct(self) -> MeshStruct:
        """The C struct, with sizes and faces only."""
        batch, height, width = self.face_ids.shape
        counts = batch, self.attributes.shape[1], self.faces.shape[-2]
        sets = 1 if self.faces.ndim == 2 else batch
        threads = torch.get_num_threads()
        return MeshStruct(
            None, self.faces.data_ptr(), None, None, *counts, sets, height, width, 0, 0, threads
        )

    def counts(self) -> tuple[int, int]:
        """Number of attribute sets, and of attributes per vertex."""
        return self.attributes.shape[0], self.attributes.shape[2]


def interpolate(surface: RenderedAttributes) -> Float[Tensor, "batch height width dim"]:
    """Attributes at pixels."""
    attributes = surface.attributes
    values = attributes.new_empty(*surface.face_ids.shape, attributes.shape[2])
    inputs = surface.face_ids, surface.barycentric, attributes, *surface.counts()
    _run("interpolate", attributes, (byref(surface.struct()), *inputs, values), None)
    return values


def interpolate_backward(
    surface: RenderedAttributes, grad: Tensor, with_attributes: bool
) -> tuple[Tensor, Tensor]:
    """Gradients of barycentrics and attributes; the second is empty without ``with_attributes``."""
    attributes, mesh = surface.attributes, byref(surface.struct())
    grads = torch.empty_like(surface.barycentric), attributes.new_empty(0)
    if with_attributes:
        grads = grads[0], torch.empty_like(attributes)
    inputs = surface.face_ids, surface.barycentric, attributes, *surface.counts(), dense(grad)
    wanted = (grads[0], grads[1] if with_attributes else None)
    _run("interpolate_backward", attributes, (mesh, *inputs, *wanted), (mesh, *surface.counts()))
    return grads


@cache
def library() -> Any:
    """The native library with the types of its functions declared."""
    native = load_native()
    if native is None:
        raise RuntimeError("the native library is not built")
    for name, types in FUNCTIONS.items():
        getattr(native, f"nbf_mesh_{name}").argtypes = types
    return native


def cuda_for(like: Tensor) -> CudaMesh | None:
    """The CUDA renderer for tensors on a GPU, None for others."""
    return cuda_mesh() if like.is_cuda else None


def indices(tensor: Tensor) -> Tensor:
    """Indices as dense int32 tensors, which native code takes."""
    return tensor.detach().to(torch.int32).contiguous()


def _run(
    name: str, like: Tensor, arguments: tuple[Any, ...], scratch_arguments: tuple[Any, ...] | None
) -> None:
    """Call a function on the device of its tensors.

    Args:
        like: any of the tensors.
        scratch_arguments: what the size of a GPU's scratch memory depends on, None if the function
            needs none.
    """
    cuda = cuda_for(like)
    if cuda is None:
        getattr(library(), f"nbf_mesh_{name}")(*addresses(arguments))
    else:
        cuda.draw(name, like, arguments, scratch_arguments)
