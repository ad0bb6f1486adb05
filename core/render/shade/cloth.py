"""Tiles of cloth laid over the texels of a body's texture (``cuda/shade/cloth.h``)."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt8

from core.native import load_native
from core.render.mesh.raster import pointer


@dataclass(frozen=True)
class Cloth:
    """A tile and how it lies.

    Attributes:
        density: texels of the tile in a metre.
        shift: texels.
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
    """Colour ``texture`` in place with the cloth of each texel's region, if that has one.

    Args:
        place: metres on the plane of the cloth.
        cloths: by region; all tiles are equally large.
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
    """The readable specification."""
    for kind, cloth in cloths.items():
        chosen = region == kind
        shift, density = np.array(cloth.shift, np.float32), np.float32(cloth.density)
        u, v = ((place[chosen] * density + shift).astype(np.int32) % len(cloth.tile)).T
        texture[chosen] = cloth.tile[v, u]


def _lay_native(
    texture: np.ndarray, region: np.ndarray, place: np.ndarray, cloths: dict[int, Cloth]
) -> None:
    """The same in one pass over the texels."""
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
