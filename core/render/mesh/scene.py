"""Settings and results of the mesh renderer, shared by all backends."""

from __future__ import annotations

import math
from dataclasses import dataclass

from jaxtyping import Bool, Float, Int
from torch import Tensor

from core.geometry.camera import Camera
from core.render.backends import is_native

FULL = 20.0
"""Optical depth at which a pixel counts as opaque: 1 - exp(-20) is 1 in float32."""


@dataclass(frozen=True)
class MeshSettings:
    """How meshes are drawn.

    Attributes:
        near: metres; a triangle with a corner at this depth or nearer is not drawn.
        cull: drop faces seen from behind (corners run counter-clockwise seen from outside).
        backend: one of `core.render.backends.BACKENDS`. Results agree up to rounding; float64 is
            left to the twin.
    """

    near: float = 0.05
    cull: bool = False
    backend: str = "auto"

    def native(self, like: Tensor) -> bool:
        """Whether native code draws tensors such as ``like``."""
        return is_native(self.backend, like)


@dataclass(frozen=True)
class MeshRender:
    """What each pixel centre sees of a mesh.

    Attributes:
        face_ids: the nearest face, -1 where there is none.
        barycentric: perspective-correct weights of the face's corners; zeros where there is none.
        depth: camera-frame z in metres, +inf where there is none.
    """

    face_ids: Int[Tensor, "batch height width"]
    barycentric: Float[Tensor, "batch height width 3"]
    depth: Float[Tensor, "batch height width"]

    @property
    def mask(self) -> Bool[Tensor, "batch height width"]:
        """Pixels that see the mesh."""
        return self.face_ids >= 0


@dataclass(frozen=True)
class Softness:
    """How soft a silhouette's edge is.

    Attributes:
        sigma: pixels^2; at the distance sqrt(sigma) from its edge a face covers 0.27 or 0.73.
        reach: pixels; a face is ignored at pixels farther outside.
    """

    sigma: float
    reach: float

    @staticmethod
    def of(sigma: float, least: float = 1e-4) -> Softness:
        """The softness whose reach ends where a face covers ``least`` of a pixel.

        Raises:
            ValueError: ``sigma`` is not positive, or ``least`` not in (0, 1/2).
        """
        if not 0 < sigma < math.inf or not 0 < least < 0.5:
            raise ValueError(f"softness must be positive, not sigma {sigma} with least {least}")
        return Softness(sigma, math.sqrt(sigma * math.log(1 / least - 1)))


def check_mesh(
    vertices: Float[Tensor, "batch vertices 3"],
    faces: Int[Tensor, "*batch faces 3"],
    camera: Camera,
    size: tuple[int, int],
    settings: MeshSettings,
) -> None:
    """Refuse what cannot be drawn: native code would silently read outside the tensors.

    Raises:
        ValueError: a shape or an index is wrong.
    """
    if vertices.ndim != 3 or vertices.shape[2] != 3:
        raise ValueError(f"vertices must be (B, V, 3), not {tuple(vertices.shape)}")
    batch = len(vertices)
    check_faces(faces, batch, vertices.shape[1])
    if camera.focal.shape != (batch,) or camera.center.shape != (batch, 2):
        raise ValueError(f"a camera for each of {batch} meshes, not {tuple(camera.focal.shape)}")
    if min(size) < 1:
        raise ValueError(f"image size must be positive, not {size[0]} x {size[1]}")
    if not 0 <= settings.near < math.inf:
        raise ValueError(f"near must be a distance in front of the camera, not {settings.near}")


def check_faces(faces: Int[Tensor, "*batch faces 3"], batch: int, vertices: int) -> None:
    """Faces are shared by the batch, (F, 3), or given for each of its meshes, (B, F, 3)."""
    if faces.shape[-1:] != (3,) or faces.ndim not in (2, 3) or faces.is_floating_point():
        raise ValueError(f"faces must be whole numbers (F, 3) or (B, F, 3), not {faces.shape}")
    if faces.ndim == 3 and len(faces) != batch:
        raise ValueError(f"faces for each of {batch} meshes, not {len(faces)}")
    if faces.numel():
        low, high = faces.aminmax()
        if int(low) < 0 or int(high) >= vertices:
            raise ValueError(f"faces index vertices outside 0..{vertices - 1}")


def check_attributes(
    render: MeshRender,
    faces: Int[Tensor, "*batch faces 3"],
    attributes: Float[Tensor, "sets vertices dim"],
) -> None:
    """Refuse attributes that do not fit the mesh."""
    batch = len(render.face_ids)
    if attributes.ndim != 3 or len(attributes) not in (1, batch):
        shape = tuple(attributes.shape)
        raise ValueError(f"attributes must be ({batch}, V, D) or (1, V, D), not {shape}")
    check_faces(faces, batch, attributes.shape[1])
