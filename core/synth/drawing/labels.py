"""Dense ground truth of the undressed body: texture coordinates, normals, kernel visibility."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int, Int8, UInt8, UInt16

from core.nbv.layout import even_vertices
from core.render.mesh.raster_result import Raster
from core.render.shade.render import vertex_normals
from core.synth.dressing.dressable_body import DressableBody

KERNELS = 858  # of the surface layout, in the order of `NeuralBodyVolume.from_body`
IN_FRAME, NOT_SELF_OCCLUDED, NOT_OCCLUDED = 1, 2, 4  # bits of `Labels.kernels`
VISIBLE = IN_FRAME | NOT_SELF_OCCLUDED | NOT_OCCLUDED
DEPTH_TOLERANCE = 0.01  # metres by which surface may be in front of a kernel's tangent plane


@dataclass(frozen=True)
class Labels:
    """The dense labels; see the fields of the same names in `core.synth.sample.Sample`."""

    iuv: UInt16[np.ndarray, "half half 3"]
    normals: Int8[np.ndarray, "half half 3"]
    kernels: UInt8[np.ndarray, " kernels"]


def kernel_vertices(dressable: DressableBody) -> Int[np.ndarray, " kernels"]:
    """The body vertex at which each kernel is."""
    return np.asarray(even_vertices(dressable.body, KERNELS))


def dense_labels(
    dressable: DressableBody,
    vertices: Float32[np.ndarray, "vertices 3"],
    raster: Raster,
    focal: float,
    occluder: Bool[np.ndarray, "size size"],
    chosen: Int[np.ndarray, " kernels"],
) -> Labels:
    """All dense labels of a body.

    Args:
        vertices: metres, camera frame.
        raster: of the body, at half the picture's resolution.
        focal: pixels of the picture.
        chosen: `kernel_vertices`.
    """
    normals = vertex_normals(vertices, dressable.faces)
    return Labels(
        iuv=_surface_coordinates(dressable, raster),
        normals=_normal_map(normals[dressable.faces], raster),
        kernels=_visibility(vertices[chosen], normals[chosen], raster, focal, occluder),
    )


def _interpolated(corners: Float32[np.ndarray, "faces 3 dim"], raster: Raster) -> np.ndarray:
    """Values at the pixels that see the body, (pixels, dim)."""
    seen = raster.mask
    return np.einsum("pk,pkd->pd", raster.barycentric[seen], corners[raster.face_ids[seen]])


def _surface_coordinates(
    dressable: DressableBody, raster: Raster
) -> UInt16[np.ndarray, "half half 3"]:
    """1 + joint that moves the face most, and 65535 times the texture coordinates."""
    iuv = np.zeros((*raster.mask.shape, 3), np.uint16)
    uv = _interpolated(dressable.corner_uv, raster)
    iuv[raster.mask, 0] = dressable.face_part[raster.face_ids[raster.mask]] + 1
    iuv[raster.mask, 1:] = np.round(65535 * uv.clip(0, 1))
    return iuv


def _normal_map(
    corners: Float32[np.ndarray, "faces 3 3"], raster: Raster
) -> Int8[np.ndarray, "half half 3"]:
    """127 times the unit normals."""
    mean = _interpolated(corners, raster)
    length = np.linalg.norm(mean, axis=1, keepdims=True)
    normals = np.zeros((*raster.mask.shape, 3), np.int8)
    normals[raster.mask] = np.round(127 * mean / np.maximum(length, 1e-9))
    return normals


def _visibility(
    points: Float32[np.ndarray, "kernels 3"],
    normals: Float32[np.ndarray, "kernels 3"],
    raster: Raster,
    focal: float,
    occluder: Bool[np.ndarray, "size size"],
) -> UInt8[np.ndarray, " kernels"]:
    """Visibility bits of each kernel; 0 outside the frame."""
    size = len(occluder)
    x, y = (focal * points[:, :2] / points[:, 2:] + size / 2).T
    inside = (points[:, 2] > 0) & (x >= 0) & (y >= 0) & (x < size) & (y < size)
    column, row = np.where(inside, x, 0).astype(int), np.where(inside, y, 0).astype(int)
    plane_offset = (normals * points).sum(1)
    nearest = raster.depth[row // 2, column // 2]
    not_self_occluded = (plane_offset < 0) & (
        nearest >= _plane_depth(points, normals, plane_offset, raster, focal) - DEPTH_TOLERANCE
    )
    bits = IN_FRAME + NOT_SELF_OCCLUDED * not_self_occluded + NOT_OCCLUDED * ~occluder[row, column]
    return np.where(inside, bits, 0).astype(np.uint8)


def _plane_depth(
    points: np.ndarray, normals: np.ndarray, plane_offset: np.ndarray, raster: Raster, focal: float
) -> np.ndarray:
    """Depth of each kernel's tangent plane at the centre of its pixel, at most the kernel's own.

    The centre of the pixel is up to a centimetre away from the kernel. A slanted surface has
    another depth there, although nothing is in front of the kernel.
    """
    half, middle = focal / 2, len(raster.depth) / 2
    screen = np.floor(half * points[:, :2] / points[:, 2:] + middle) + 0.5
    slope = (normals[:, :2] * (screen - middle)).sum(1) / half + normals[:, 2]
    depth = plane_offset / np.minimum(slope, -1e-6)
    return np.where(depth > 0, np.minimum(depth, points[:, 2]), points[:, 2])
