"""Shading in NumPy: the reference implementation, and the fallback without native code."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, UInt8

from core.render.mesh.raster_result import Raster
from core.render.shade.scene import Lighting, Material, ShadowMap, TexturedMesh

HIGHLIGHT_POWER = 24


def vertex_normals_twin(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """`core.render.shade.render.vertex_normals` without native code."""
    a, b, c = (points[faces[:, k]] for k in range(3))
    face_normals = np.cross(b - a, c - a)
    normals = np.zeros_like(points)
    for k in range(3):
        np.add.at(normals, faces[:, k], face_normals)
    return _unit(normals)


def shade_twin(
    raster: Raster,
    mesh: TexturedMesh,
    normals: np.ndarray,
    materials: list[Material],
    lighting: Lighting,
) -> np.ndarray:
    """`core.render.shade.render.shade` without native code: all seen pixels at once."""
    seen = raster.mask
    ids, weights = raster.face_ids[seen], raster.barycentric[seen]  # (P,), (P, 3)
    faces, material = mesh.faces[ids], mesh.face_material[ids]
    position = np.einsum("pk,pkc->pc", weights, mesh.vertices[faces])
    normal = _unit(np.einsum("pk,pkc->pc", weights, normals[faces]))
    uv = np.einsum("pk,pkc->pc", weights, mesh.corner_uv[ids])
    albedo, gloss = _surface(materials, material, uv)
    rgba = np.zeros((*seen.shape, 4), np.float32)
    rgba[seen, :3] = _radiance(lighting, albedo, gloss, position, normal)
    rgba[seen, 3] = 1
    return rgba


def average_cells(
    rgba: Float32[np.ndarray, "height width 4"], cell: int, white: float
) -> Float32[np.ndarray, "rows columns 4"]:
    """Means over cells of ``cell`` by ``cell`` pixels, colours clipped at ``white``."""
    return _cells(np.minimum(rgba, np.float32(white)), cell).mean(0)


def label_cells(
    raster: Raster, face_label: UInt8[np.ndarray, " faces"], cell: int
) -> UInt8[np.ndarray, "rows columns"]:
    """The largest label in each cell of which at least half of the pixels have one, else 0."""
    seen = _cells(np.where(raster.mask, face_label[raster.face_ids], 0).astype(np.uint8), cell)
    return np.where(2 * (seen > 0).sum(0) >= cell * cell, seen.max(0), 0).astype(np.uint8)


def _cells(picture: np.ndarray, cell: int) -> np.ndarray:
    """The pixels of each cell along a first axis of their own."""
    rows, columns = (side // cell for side in picture.shape[:2])
    split = picture.reshape(rows, cell, columns, cell, *picture.shape[2:]).swapaxes(1, 2)
    merged = split.reshape(rows, columns, cell * cell, *picture.shape[2:])
    return np.moveaxis(merged, 2, 0)


def _surface(
    materials: list[Material], material: np.ndarray, uv: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Albedo (P, 3) and gloss (P,) of pixels."""
    albedo = np.zeros((len(material), 3), np.float32)
    for index, entry in enumerate(materials):
        chosen = material == index
        albedo[chosen] = np.array(entry.tint, np.float32) * _sample(entry.texture, uv[chosen])
    gloss = np.array([m.gloss for m in materials], np.float32)[material]
    return albedo, gloss


def _sample(texture: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """Bilinear, repeating lookup of linear colour; texel centres are at +0.5, row 0 is at v = 1."""
    rows, columns = texture.shape[:2]
    x = (uv[:, 0] % 1) * columns - 0.5
    y = (1 - uv[:, 1] % 1) * rows - 0.5
    x0, y0 = np.floor(x).astype(int), np.floor(y).astype(int)
    fx, fy = (x - x0)[:, None], (y - y0)[:, None]

    def texel(row: np.ndarray, column: np.ndarray) -> np.ndarray:
        return np.square(texture[row % rows, column % columns] / np.float32(255))

    above = (1 - fx) * texel(y0, x0) + fx * texel(y0, x0 + 1)
    below = (1 - fx) * texel(y0 + 1, x0) + fx * texel(y0 + 1, x0 + 1)
    return (1 - fy) * above + fy * below


def _radiance(
    lighting: Lighting,
    albedo: np.ndarray,
    gloss: np.ndarray,
    position: np.ndarray,
    normal: np.ndarray,
) -> np.ndarray:
    """Radiance towards the camera, (P, 3): diffuse and Blinn-Phong terms of all lights."""
    view = _unit(-position)
    normal = np.where((normal * view).sum(1, keepdims=True) < 0, -normal, normal)
    diffuse = np.maximum(ambient_basis(normal) @ lighting.ambient, 0)
    specular = np.zeros_like(diffuse)
    for index, (direction, color) in enumerate(
        zip(lighting.directions, lighting.colors, strict=True)
    ):
        cosine = np.maximum(normal @ direction, 0)
        shadow = lighting.shadow if index == 0 else None
        light = color * (_lit_share(shadow, position) if shadow else 1.0)
        along = np.maximum((normal * _unit(direction + view)).sum(1), 0) ** HIGHLIGHT_POWER
        diffuse = diffuse + cosine[:, None] * light
        specular = specular + (gloss * along * (cosine > 0))[:, None] * light
    return albedo * diffuse + specular


def ambient_basis(n: np.ndarray) -> np.ndarray:
    """The nine polynomials of the normal, (P, 9)."""
    x, y, z = n.T
    one = np.ones_like(x)
    return np.stack([one, x, y, z, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y], 1)


def _lit_share(shadow: ShadowMap, position: np.ndarray) -> np.ndarray:
    """Share of the light that reaches positions, (P, 1), by percentage-closer filtering."""
    size = len(shadow.depth)
    local = position @ shadow.rotation.T + shadow.translation
    pixel = shadow.focal * local[:, :2] / local[:, 2:] + size / 2 - 0.5
    first = np.floor(pixel).astype(int)
    fx, fy = (pixel - first).T
    depth = np.pad(shadow.depth, 1, constant_values=np.inf)  # everything outside the map is lit

    def lit(row: np.ndarray, column: np.ndarray) -> np.ndarray:
        stored = depth[(row + 1).clip(0, size + 1), (column + 1).clip(0, size + 1)]
        return (local[:, 2] <= stored + shadow.bias).astype(np.float64)

    x, y = first.T
    above = (1 - fx) * lit(y, x) + fx * lit(y, x + 1)
    below = (1 - fx) * lit(y + 1, x) + fx * lit(y + 1, x + 1)
    return ((1 - fy) * above + fy * below)[:, None]


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Rows scaled to length one; zero stays zero."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(length > 0, length, 1)
