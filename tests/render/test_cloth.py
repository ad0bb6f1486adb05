"""Cloth on texels: the tile repeats, regions without cloth stay, both backends agree."""

from __future__ import annotations

import numpy as np
import pytest

from core.native import load_native
from core.render.shade.cloth import Cloth, lay_cloth

NATIVE = pytest.mark.skipif(load_native() is None, reason="no native library")
BACKENDS = ["twin", pytest.param("native", marks=NATIVE)]


@pytest.mark.parametrize("backend", BACKENDS)
def test_tile_repeats_on_its_region_only(backend):
    tile = np.arange(4 * 4 * 3, dtype=np.uint8).reshape(4, 4, 3)
    place = np.array([[0.0, 0.0], [0.1, 0.2], [0.5, -0.1], [0.0, 0.0]], np.float32)
    region = np.array([1, 1, 1, 0], np.uint8)
    texture = np.full((4, 3), 200, np.uint8)
    lay_cloth(texture, region, place, {1: Cloth(tile, 10.0, (0.5, 0.5))}, backend)
    np.testing.assert_array_equal(texture[:3], [tile[0, 0], tile[2, 1], tile[0, 1]])
    assert (texture[3] == 200).all()


@NATIVE
def test_backends_agree():
    rng = np.random.default_rng(0)
    region = rng.integers(0, 5, (30, 20), dtype=np.uint8)
    place = rng.normal(size=(30, 20, 2)).astype(np.float32)
    tiles = rng.integers(0, 255, (3, 16, 16, 3), dtype=np.uint8)
    cloths = {
        k: Cloth(tile, 50.0 * k, (3.3 * k, 7.1)) for k, tile in zip((1, 3, 4), tiles, strict=True)
    }
    native, twin = (rng.integers(0, 9, (30, 20, 3), dtype=np.uint8) for _ in range(2))
    twin[:] = native
    lay_cloth(native, region, place, cloths, "native")
    lay_cloth(twin, region, place, cloths, "twin")
    np.testing.assert_array_equal(native, twin)
    assert (native[region == 2] < 9).all()


def test_tiles_of_two_sizes_are_refused():
    cloths = {k: Cloth(np.zeros((k, k, 3), np.uint8), 1.0, (0.0, 0.0)) for k in (1, 2)}
    with pytest.raises(ValueError, match="differ in size"):
        lay_cloth(
            np.zeros((1, 3), np.uint8), np.ones(1, np.uint8), np.zeros((1, 2), np.float32), cloths
        )
