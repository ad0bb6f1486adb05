"""The native mesh renderer (``cuda/raster``), call for call as `core.render.mesh_twin`.

Float32 goes in and out; between, native code computes in doubles. The same input gives the same
bits, whatever the number of threads.
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
from core.render.mesh_scene import MeshSettings, Softness, check_mesh


class MeshStruct(ctypes.Structure):
    """NbfMesh of cuda/raster/raster.h."""

    _fields_ = (
        ("vertices", c_void_p),
        ("faces", c_void_p),
        ("focal", c_void_p),
        ("center", c_void_p),
        ("batch", c_int64),
        ("vertex_count", c_int64),
        ("face_count", c_int64),
        ("face_sets", c_int64),
        ("height", c_int32),
        ("width", c_int32),
        ("near", c_float),
        ("cull", c_int32),
        ("threads", c_int32),
    )


@dataclass(frozen=True)
class MeshScene:
    """What a native call is about; keeps the tensors alive whose addresses it hands over.

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
        lens = Camera(dense(camera.focal), dense(camera.center))
        return MeshScene(dense(vertices), _indices(faces), lens, size, settings)

    def struct(self) -> MeshStruct:
        """The C struct; valid as long as the scene lives."""
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
    library().nbf_mesh_rasterize(scene.struct(), *_addresses(face_ids, barycentric, depth))
    return barycentric, depth, face_ids


def rasterize_backward(
    scene: MeshScene, face_ids: Tensor, grad_barycentric: Tensor, grad_depth: Tensor
) -> Float[Tensor, "batch vertices 3"]:
    """Gradient of the vertices."""
    given = _indices(face_ids), dense(grad_barycentric), dense(grad_depth)
    grad = torch.empty_like(scene.vertices)
    library().nbf_mesh_rasterize_backward(scene.struct(), *_addresses(*given, grad))
    return grad


def silhouette(scene: MeshScene, soft: Softness) -> Float[Tensor, "batch height width"]:
    """Optical depth of the soft silhouette."""
    depth = scene.map()
    library().nbf_mesh_silhouette(scene.struct(), soft.sigma, soft.reach, depth.data_ptr())
    return depth


def silhouette_backward(
    scene: MeshScene, soft: Softness, depth: Tensor, grad_depth: Tensor
) -> Float[Tensor, "batch vertices 3"]:
    """Gradient of the vertices."""
    given = dense(depth), dense(grad_depth)
    grad = torch.empty_like(scene.vertices)
    library().nbf_mesh_silhouette_backward(
        scene.struct(), soft.sigma, soft.reach, *_addresses(*given, grad)
    )
    return grad


@dataclass(frozen=True)
class Surface:
    """Attributes of a rendered mesh, dense and detached.

    Attributes:
        attributes: of each image's vertices, or one set for all images.
    """

    face_ids: Int[Tensor, "batch height width"]
    barycentric: Float[Tensor, "batch height width 3"]
    faces: Int[Tensor, "*batch faces 3"]
    attributes: Float[Tensor, "sets vertices dim"]

    @staticmethod
    def of(face_ids: Tensor, barycentric: Tensor, faces: Tensor, attributes: Tensor) -> Surface:
        """A surface of dense, detached tensors."""
        ids, triangles = _indices(face_ids), _indices(faces)
        return Surface(ids, dense(barycentric), triangles, dense(attributes))

    def struct(self) -> MeshStruct:
        """The C struct: sizes and faces alone."""
        batch, height, width = self.face_ids.shape
        counts = batch, self.attributes.shape[1], self.faces.shape[-2]
        sets = 1 if self.faces.ndim == 2 else batch
        threads = torch.get_num_threads()
        return MeshStruct(
            None, self.faces.data_ptr(), None, None, *counts, sets, height, width, 0, 0, threads
        )

    def arguments(self) -> tuple[Any, ...]:
        """What both native calls begin with."""
        sets, _, dim = self.attributes.shape
        given = _addresses(self.face_ids, self.barycentric, self.attributes)
        return self.struct(), *given, sets, dim


def interpolate(surface: Surface) -> Float[Tensor, "batch height width dim"]:
    """Attributes at pixels."""
    attributes = surface.attributes
    values = attributes.new_empty(*surface.face_ids.shape, attributes.shape[2])
    library().nbf_mesh_interpolate(*surface.arguments(), values.data_ptr())
    return values


def interpolate_backward(
    surface: Surface, grad: Tensor, with_attributes: bool
) -> tuple[Tensor, Tensor]:
    """Gradients of barycentrics and attributes; the second is empty unless it is wanted."""
    grad = dense(grad)
    grad_barycentric = torch.empty_like(surface.barycentric)
    grad_attributes = (
        torch.empty_like(surface.attributes) if with_attributes else surface.attributes.new_empty(0)
    )
    library().nbf_mesh_interpolate_backward(
        *surface.arguments(),
        *_addresses(grad, grad_barycentric),
        grad_attributes.data_ptr() if with_attributes else None,
    )
    return grad_barycentric, grad_attributes


@cache
def library() -> Any:
    """The native library with the types of its functions declared."""
    native = load_native()
    if native is None:
        raise RuntimeError("the native library is not built")
    mesh, address, number = ctypes.POINTER(MeshStruct), c_void_p, c_int64
    attributes: list[Any] = [mesh, address, address, address, number, number]
    native.nbf_mesh_rasterize.argtypes = [mesh, *[address] * 3]
    native.nbf_mesh_rasterize_backward.argtypes = [mesh, *[address] * 4]
    native.nbf_mesh_silhouette.argtypes = [mesh, c_float, c_float, address]
    native.nbf_mesh_silhouette_backward.argtypes = [mesh, c_float, c_float, *[address] * 3]
    native.nbf_mesh_interpolate.argtypes = [*attributes, address]
    native.nbf_mesh_interpolate_backward.argtypes = [*attributes, *[address] * 3]
    return native


def _indices(tensor: Tensor) -> Tensor:
    """Whole numbers as native code wants them."""
    return tensor.detach().to(torch.int32).contiguous()


def _addresses(*tensors: Tensor) -> tuple[int, ...]:
    """Where tensors begin."""
    return tuple(tensor.data_ptr() for tensor in tensors)
