"""Deferred shading of a raster: textures, directional lights, ambient light and one shadow map."""

from __future__ import annotations

import ctypes

import numpy as np
from jaxtyping import Float, Float32, Int, UInt8

from core.native import load_native
from core.render.mesh.raster import pointer
from core.render.mesh.raster_result import Raster
from core.render.shade.scene import Lighting, Material, ShadowMap, TexturedMesh
from core.render.shade.twin import average_cells, label_cells, shade_twin, vertex_normals_twin

__all__ = [
    "Lighting",
    "Material",
    "ShadowMap",
    "TexturedMesh",
    "shade",
    "shade_cells",
    "vertex_normals",
]

_WHITE = 1.0  # each sample of a cell saturates at this colour, as in a sensor


class _Surface(ctypes.Structure):
    """`NbfSurface` of cuda/shade/shade.h."""

    _fields_ = [
        (name, ctypes.c_void_p)
        for name in (
            *("face_ids", "barycentric", "vertices", "normals", "faces", "corner_uv"),
            *("face_material", "textures", "texture_sizes", "materials"),
        )
    ]


class _Light(ctypes.Structure):
    """`NbfLight` of cuda/shade/shade.h."""

    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("lights", "ambient", "shadow_depth", "shadow_view")),
        *(("light_count", ctypes.c_int32), ("shadow_size", ctypes.c_int32)),
        ("shadow_bias", ctypes.c_float),
    ]


def vertex_normals(
    vertices: Float[np.ndarray, "vertices 3"],
    faces: Int[np.ndarray, "faces 3"],
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
    raster: Raster,
    mesh: TexturedMesh,
    materials: list[Material],
    lighting: Lighting,
    backend: str = "auto",
) -> Float32[np.ndarray, "height width 4"]:
    """Linear colour and coverage of each pixel of ``raster``, zeros where it sees nothing.

    `cuda/shade/shade.h` states the formula. Both sides of a surface are lit.
    """
    normals = vertex_normals(mesh.vertices, mesh.faces, backend)
    if backend == "twin" or load_native() is None:
        return shade_twin(raster, mesh, normals, materials, lighting)
    return _Call(raster, mesh, normals, materials, lighting).run(1, np.inf, None)[0]


def shade_cells(
    raster: Raster,
    mesh: TexturedMesh,
    materials: list[Material],
    lighting: Lighting,
    cell: int,
    face_label: UInt8[np.ndarray, " faces"],
    backend: str = "auto",
) -> tuple[Float32[np.ndarray, "rows columns 4"], UInt8[np.ndarray, "rows columns"]]:
    """A supersampled picture: means over cells of ``cell`` by ``cell`` pixels of ``raster``.

    Colours saturate at white in each pixel of the raster, as in a sensor.

    Args:
        face_label: label of each face, 0 for none.

    Returns:
        Premultiplied linear colour with coverage; and the largest label in each cell of which at
        least half of the pixels have one, else 0.
    """
    normals = vertex_normals(mesh.vertices, mesh.faces, backend)
    if backend == "twin" or load_native() is None:
        rgba = shade_twin(raster, mesh, normals, materials, lighting)
        return average_cells(rgba, cell, _WHITE), label_cells(raster, face_label, cell)
    rgba, label = _Call(raster, mesh, normals, materials, lighting).run(cell, _WHITE, face_label)
    return rgba, label


class _Call:
    """A call of native code; keeps the arrays alive whose addresses are passed."""

    def __init__(
        self,
        raster: Raster,
        mesh: TexturedMesh,
        normals: np.ndarray,
        materials: list[Material],
        lighting: Lighting,
    ) -> None:
        textures = [np.ascontiguousarray(m.texture, dtype=np.uint8) for m in materials]
        shadow = lighting.shadow
        lights = np.concatenate([lighting.directions, lighting.colors], 1)
        self.shape = raster.face_ids.shape
        self.addresses = (ctypes.c_void_p * len(textures))(*[t.ctypes.data for t in textures])
        self.surface_arrays = (
            *(raster.face_ids, raster.barycentric, _floats(mesh.vertices), normals),
            *(_integers(mesh.faces), _floats(mesh.corner_uv), _integers(mesh.face_material)),
        )
        self.material_arrays = (
            np.array([t.shape[:2] for t in textures], np.int32),
            _floats([[*m.tint, m.gloss] for m in materials]),
        )
        self.light_arrays = _floats(lights), _floats(lighting.ambient)
        self.shadow_arrays = (_floats(shadow.depth), shadow.view) if shadow else ()
        self.light_numbers = (
            *(len(lights), len(shadow.depth) if shadow else 0, shadow.bias if shadow else 0.0),
        )
        self.textures = textures

    def run(
        self, cell: int, white: float, face_label: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The picture and its labels (empty without ``face_label``)."""
        height, width = self.shape
        if height % cell or width % cell:
            raise ValueError(f"{height} x {width} pixels do not fall into cells of {cell}")
        rows, columns = height // cell, width // cell
        rgba = np.empty((rows, columns, 4), np.float32)
        label = np.empty((rows, columns) if face_label is not None else 0, np.uint8)
        labels = None if face_label is None else np.ascontiguousarray(face_label, np.uint8)
        surface = _Surface(
            *map(pointer, self.surface_arrays),
            ctypes.cast(self.addresses, ctypes.c_void_p),
            *map(pointer, self.material_arrays),
        )
        nothing = [ctypes.c_void_p()] * 2
        shadow = [pointer(array) for array in self.shadow_arrays] or nothing
        light = _Light(*map(pointer, self.light_arrays), *shadow, *self.light_numbers)
        library = load_native()
        assert library is not None
        library.nbf_shade(
            *(ctypes.byref(surface), ctypes.byref(light)),
            *(ctypes.c_int32(number) for number in (height, width, cell)),
            ctypes.c_float(white),
            None if labels is None else pointer(labels),
            pointer(rgba),
            None if labels is None else pointer(label),
        )
        return rgba, label


def _floats(values: object) -> np.ndarray:
    return np.ascontiguousarray(values, dtype=np.float32)


def _integers(values: object) -> np.ndarray:
    return np.ascontiguousarray(values, dtype=np.int32)
