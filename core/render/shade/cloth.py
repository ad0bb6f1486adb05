"""Cloth textures, tiled over the texels of a body's texture (``cuda/shade/cloth.h``)."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt8

from core.native import load_native
from core.render.mesh.raster import pointer


@dataclass(frozen=True)
class Cloth:
    """A tile of cloth and its placement.

    Attributes:
        density: texels of the tile per metre.
        shift: offset in texels.
    """

    tile: UInt8[np.ndarray, "side side 3"]
    density: float
    shift: tuple[float, float]


def lay_cloth(
    texture: UInt8[np.ndarray, "*shape 3"],
    region: UInt8[np.ndarray, "*shape"],
    place: Float32[np.ndarray, "*shape 2"],
    cloths: dict[int, Cloth],
    backend: str = "auto",
) -> None:
    """Colour each texel of ``texture``, in place, with the cloth of its region, if there is one.

    Args:
        place: position of each texel on the plane of the cloth, metres.
        cloths: by region; all tiles have the same size.

    Raises:
        ValueError: tiles differ in size.
    """
    if len({cloth.tile.shape for cloth in cloths.values()}) > 1:
        raise ValueError("tiles of cloth differ in size")
    if not cloths:
        return
    if backend == "twin" or load_native() is None:
        _lay_twin(texture, region, place, cloths)
    else:
        _lay_native(texture, region, place, cloths)


def _lay_twin(
    texture: np.ndarray, region: np.ndarray, place: np.ndarray, cloths: dict[int, Cloth]
) -> None:
    """The reference implementation."""
    for kind, cloth in cloths.items():
        chosen = region == kind
        shift, density = np.array(cloth.shift, np.float32), np.float32(cloth.density)
        u, v = ((place[chosen] * density + shift).astype(np.int32) % len(cloth.tile)).T
        texture[chosen] = cloth.tile[v, u]


def _lay_native(
    texture: np.ndarray, region: np.ndarray, place: np.ndarray, cloths: dict[int, Cloth]
) -> None:
    """By native code, in one pass over the texels."""
    regions = 1 + max(int(region.max(initial=0)), *cloths)
    tiles = {kind: np.ascontiguousarray(cloth.tile) for kind, cloth in cloths.items()}
    addresses = (ctypes.c_void_p * regions)()
    lay = np.zeros((regions, 3), np.float32)
    for kind, cloth in cloths.items():
        addresses[kind] = tiles[kind].ctypes.data
        lay[kind] = cloth.density, *cloth.shift
    library = load_native()
    assert library is not None
    library.nbf_lay_cloth(
        *(pointer(region), pointer(place), ctypes.c_int64(region.size), addresses),
        *(ctypes.c_int32(len(next(iter(tiles.values())))), pointer(lay), pointer(texture)),
    )
