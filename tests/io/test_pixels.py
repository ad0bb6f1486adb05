"""Pictures as callers have them become 8-bit RGB."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import UserError
from core.io.pixels import as_rgb, digest

RGB = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)


def frozen(array):
    array = array.copy()
    array.setflags(write=False)
    return array


@pytest.mark.parametrize(
    "picture",
    [
        RGB,
        frozen(RGB),
        np.asfortranarray(RGB),
        np.repeat(RGB, 2, 1)[:, ::2],
        RGB.astype(np.float32) / 255,
        RGB.astype(np.float64) / 255,
        RGB.astype(np.uint16) * 257,
        (RGB.astype(np.uint16) * 257).astype(">u2"),
        np.dstack([RGB, np.full((5, 7), 9, np.uint8)]),
    ],
    ids=[
        "rgb",
        "read-only",
        "fortran",
        "strided",
        "float32",
        "float64",
        "uint16",
        "big-endian",
        "rgba",
    ],
)
def test_the_same_picture_in_other_forms(picture):
    made = as_rgb(picture)
    assert np.array_equal(made, RGB)
    assert made.flags.c_contiguous and made.flags.writeable and made.dtype == np.uint8


def test_grey_becomes_three_equal_channels():
    grey = RGB[..., 0]
    assert np.array_equal(as_rgb(grey), np.stack([grey] * 3, -1))
    assert np.array_equal(as_rgb(grey > 127)[..., 1], np.where(grey > 127, 255, 0))


@pytest.mark.parametrize(
    ("picture", "why"),
    [
        (np.zeros((4, 5, 2), np.uint8), "not \\(4, 5, 2\\)"),
        (np.zeros((0, 5, 3), np.uint8), "height x width"),
        (np.zeros((4, 5, 3), np.int64), "not int64"),
        (np.full((4, 5, 3), 200.0), "divide bytes by 255"),
        (np.full((4, 5), np.nan), "finite"),
        (np.full((4, 5), "x"), "not <U1"),
    ],
)
def test_what_is_no_picture_is_named(picture, why):
    with pytest.raises(UserError, match=why):
        as_rgb(picture)


def test_digests_know_pixels_and_size():
    assert digest(RGB) == digest(frozen(RGB)) != digest(RGB[::-1].copy())
    flat = np.zeros((2, 6, 3), np.uint8)
    assert digest(flat) != digest(flat.reshape(6, 2, 3))
