"""Deferred shading of a raster: textures, directional lights, ambient light and one shadow map."""

from __future__ import annotations

import ctypes

import numpy as np
from jaxtyping import Float, Float32, Int32

from core.native import load_native
from core.render.raster import pointer
from core.render.raster_result import Raster
from core.render.shade_scene import Lighting, Material, Mesh, ShadowMap
from core.render.shade_twin import shade_twin, vertex_normals_twin

__all__ = ["Lighting", "Material", "Mesh", "ShadowMap", "shade", "vertex_normals"]


def vertex_normals(
    vertices: Float[np.ndarray, "vertices 3"],
    faces: Int32[np.ndarray, "faces 3"],
    backend: str = "auto",
) -> Float32[np.ndarray, "vertices 3"]:
    """Area-weighted unit normals (zero for a vertex without faces)."""
    points = np.ascontiguousarray(vertices, dtype=np.float32)
    triangles = np.ascontiguousarray(faces, dtype=np.int32)
    library = None if backend == "twin" else load_native()
    if library is None:
        return vertex_normals_twin(points, triangles)
    normals = np.empty_like(points)
    counts = ctypes.c_int64(len(points)), ctypes.c_int64(len(triangles))
    library.nbf_vertex_normals(
        pointer(points), counts[0], pointer(triangles), counts[1], pointer(normals)
    )
    return normals


def shade(
    raster: Raster, mesh: Mesh, materials: list[Material], lighting: Lighting, backend: str = "auto"
) -> Float32[np.ndarray, "height width 4"]:
    """Linear colour and coverage of each pixel of ``raster``, zeros where it sees nothing.

    The formula stands in `cuda/shade/shade.h`. Surfaces are lit from both sides.
    """
    normals = vertex_normals(mesh.vertices, mesh.faces, backend)
    library = None if backend == "twin" else load_native()
    if library is None:
        return shade_twin(raster, mesh, normals, materials, lighting)
    return _shade_native(library, raster, mesh, normals, materials, lighting)


def _shade_native(
    library: ctypes.CDLL,
    raster: Raster,
    mesh: Mesh,
    normals: np.ndarray,
    materials: list[Material],
    lighting: Lighting,
) -> np.ndarray:
    """Hand everything over as flat arrays; ``keep`` holds them alive during the call."""
    height, width = raster.face_ids.shape
    textures = [np.ascontiguousarray(m.texture, dtype=np.uint8) for m in materials]
    addresses = (ctypes.c_void_p * len(textures))(*[t.ctypes.data for t in textures])
    lights = np.concatenate([lighting.directions, lighting.colors], 1)
    shadow = lighting.shadow
    keep = {
        "vertices": _floats(mesh.vertices),
        "faces": np.ascontiguousarray(mesh.faces, dtype=np.int32),
        "uv": _floats(mesh.corner_uv),
        "material": np.ascontiguousarray(mesh.face_material, dtype=np.int32),
        "sizes": np.array([t.shape[:2] for t in textures], np.int32),
        "materials": _floats([[*m.tint, m.gloss] for m in materials]),
        "lights": _floats(lights),
        "ambient": _floats(lighting.ambient),
        "shadow": _floats(shadow.depth) if shadow else np.zeros(1, np.float32),
        "view": shadow.view if shadow else np.zeros(13, np.float32),
    }
    rgba = np.empty((height, width, 4), np.float32)
    library.nbf_shade(
        pointer(raster.face_ids),
        pointer(raster.barycentric),
        ctypes.c_int32(height),
        ctypes.c_int32(width),
        pointer(keep["vertices"]),
        pointer(normals),
        pointer(keep["faces"]),
        pointer(keep["uv"]),
        pointer(keep["material"]),
        addresses,
        pointer(keep["sizes"]),
        pointer(keep["materials"]),
        pointer(keep["lights"]),
        ctypes.c_int32(len(lights)),
        pointer(keep["ambient"]),
        pointer(keep["shadow"]) if shadow else None,
        ctypes.c_int32(len(keep["shadow"])),
        pointer(keep["view"]),
        ctypes.c_float(shadow.bias if shadow else 0.0),
        pointer(rgba),
    )
    return rgba


def _floats(values: object) -> np.ndarray:
    return np.ascontiguousarray(values, dtype=np.float32)
