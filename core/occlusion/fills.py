"""What is inside an occluder's outline."""

from __future__ import annotations

import base64
import io
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import cv2
import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image

from core.errors import UserError
from core.io.images import load_layer
from core.occlusion.place import Place
from core.pictures.patterns import pattern

TILE = 256  # pixels of a noise or texture, which repeats
LONGEST = 1024
"""Longest side of a pasted picture: networks see the person in 256 or 512 pixels."""
MAX_BLUR, MAX_CELL = 500.0, 4096
_COARSE = 4.0  # standard deviation in pixels from which a blur is computed on a smaller picture

Pixels = UInt8[np.ndarray, "height width 3"]
Colors = UInt8[np.ndarray, "rows columns 3"]
Tile = UInt8[np.ndarray, "side side 3"]
Alpha = Float32[np.ndarray, "rows columns"]


class _Opaque:
    """A fill without holes."""

    def alpha(self, place: Place) -> Alpha:
        """Opacity at each pixel of the place, 0..1."""
        return np.ones((place.height, place.width), np.float32)


@dataclass(frozen=True)
class Color(_Opaque):
    """One colour, 0 to 255."""

    rgb: tuple[int, int, int] = (96, 96, 96)
    kind: Literal["color"] = "color"

    def __post_init__(self) -> None:
        if not all(0 <= value <= 255 for value in self.rgb):
            raise UserError(f"the colour of an occluder is three numbers of 0 to 255: {self.rgb}")

    def colors(self, _below: Pixels, place: Place) -> Colors:
        """Colours at the pixels of the place, over the photo with the occluders below."""
        return np.full((place.height, place.width, 3), self.rgb, np.uint8)


@dataclass(frozen=True)
class Noise(_Opaque):
    """Independent uniform noise in each pixel and channel; it moves with the occluder."""

    seed: int = 0
    kind: Literal["noise"] = "noise"

    def __post_init__(self) -> None:
        _check_seed(self.seed)

    def colors(self, _below: Pixels, place: Place) -> Colors:
        """Colours at the pixels of the place."""
        return _tiled(_noise_tile(self.seed), place, cv2.INTER_NEAREST)


@dataclass(frozen=True)
class Texture(_Opaque):
    """A procedural texture of a seed (`core.pictures.patterns`); it moves with the occluder."""

    seed: int = 0
    kind: Literal["texture"] = "texture"

    def __post_init__(self) -> None:
        _check_seed(self.seed)

    def colors(self, _below: Pixels, place: Place) -> Colors:
        """Colours at the pixels of the place."""
        return _tiled(_texture_tile(self.seed), place, cv2.INTER_LINEAR)


@dataclass(frozen=True)
class Blur(_Opaque):
    """The photo, blurred by a Gaussian with this standard deviation in pixels."""

    sigma: float = 12.0
    kind: Literal["blur"] = "blur"

    def __post_init__(self) -> None:
        if not 0 < self.sigma <= MAX_BLUR:
            raise UserError(f"a blur has a sigma of 0 to {MAX_BLUR:g} pixels, not {self.sigma:g}")

    def colors(self, below: Pixels, place: Place) -> Colors:
        """Colours at the pixels of the place."""
        margin = math.ceil(3 * self.sigma)
        top, left = max(place.top - margin, 0), max(place.left - margin, 0)
        bottom, right = place.top + place.height + margin, place.left + place.width + margin
        around = below[top:bottom, left:right]
        blurred = _blurred(around, self.sigma)
        rows, columns = place.top - top, place.left - left
        return blurred[rows : rows + place.height, columns : columns + place.width]


@dataclass(frozen=True)
class Mosaic(_Opaque):
    """The photo in squares of this side in pixels, each of one colour."""

    cell: int = 16
    kind: Literal["mosaic"] = "mosaic"

    def __post_init__(self) -> None:
        if not 2 <= self.cell <= MAX_CELL:
            raise UserError(f"the squares of a mosaic have 2 to {MAX_CELL} pixels: {self.cell}")

    def colors(self, below: Pixels, place: Place) -> Colors:
        """Colours at the pixels of the place: the grid is the photo's, not the occluder's."""
        side = self.cell
        top, left = place.top // side * side, place.left // side * side
        rows = -(-(place.top + place.height - top) // side)
        columns = -(-(place.left + place.width - left) // side)
        around = below[top : top + rows * side, left : left + columns * side]
        short = rows * side - around.shape[0], columns * side - around.shape[1]
        around = cv2.copyMakeBorder(around, 0, short[0], 0, short[1], cv2.BORDER_REPLICATE)
        cells = cv2.resize(around, (columns, rows), interpolation=cv2.INTER_AREA)
        squares = cells.repeat(side, 0).repeat(side, 1)[place.top - top :, place.left - left :]
        return np.ascontiguousarray(squares[: place.height, : place.width])


@dataclass(frozen=True)
class Picture:
    """A picture stretched over the outline's box; where it is transparent it hides nothing.

    Attributes:
        png: an image file's bytes in base64, so that a set of occluders needs no other file.
        name: of the file it came from.

    Raises:
        UserError: it is no picture, or has more pixels than a square of `LONGEST`.
    """

    png: str
    name: str = ""
    kind: Literal["picture"] = "picture"

    def __post_init__(self) -> None:
        _layer(self.png, self.name)

    @staticmethod
    def of(layer: UInt8[np.ndarray, "height width 4"], name: str = "") -> Picture:
        """A fill of an RGBA picture, which is scaled down to `LONGEST`."""
        small, buffer = Image.fromarray(layer), io.BytesIO()
        small.thumbnail((LONGEST, LONGEST))
        small.save(buffer, "PNG")
        return Picture(base64.b64encode(buffer.getvalue()).decode("ascii"), name)

    def colors(self, _below: Pixels, place: Place) -> Colors:
        """Colours at the pixels of the place."""
        drawn = self._drawn(place)
        opacity = np.maximum(drawn[..., 3:], 1e-3)
        return (drawn[..., :3] / opacity).clip(0, 255).astype(np.uint8)

    def alpha(self, place: Place) -> Alpha:
        """Opacity at each pixel of the place, 0..1."""
        return np.ascontiguousarray(self._drawn(place)[..., 3]).clip(0, 1)

    def _drawn(self, place: Place) -> Float32[np.ndarray, "rows columns 4"]:
        """The picture where it lies; colours are multiplied by the opacity, against fringes."""
        layer: np.ndarray = _layer(self.png, self.name).astype(np.float32)
        layer[..., 3] /= 255
        layer[..., :3] *= layer[..., 3:]
        (left, top), (right, bottom) = place.bounds
        spread = np.array([right - left, bottom - top]).clip(1e-3)  # a polygon may be a line
        size = np.hypot(*place.matrix[:, :2]) * spread  # width and height in pixels of the photo
        small = np.minimum(layer.shape[1::-1], np.ceil(size).clip(1)).astype(int)
        layer = cv2.resize(layer, tuple(small.tolist()), interpolation=cv2.INTER_AREA)
        own = np.array([[spread[0] / small[0], 0, left], [0, spread[1] / small[1], top]])
        drawn: np.ndarray = cv2.warpAffine(
            layer,
            place.from_own(own),
            (place.width, place.height),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,  # the outline ends it
        )
        return drawn


Fill = Color | Noise | Blur | Mosaic | Texture | Picture
GREY = Color()


def _check_seed(seed: int) -> None:
    if not 0 <= seed < 2**32:
        raise UserError(f"the seed of an occluder is 0 to 4294967295, not {seed}")


@lru_cache(maxsize=32)
def _noise_tile(seed: int) -> Tile:
    return np.random.default_rng(seed).integers(0, 256, (TILE, TILE, 3), np.uint8)


@lru_cache(maxsize=32)
def _texture_tile(seed: int) -> Tile:
    return pattern(TILE, np.random.default_rng(seed))


def _tiled(tile: Tile, place: Place, method: int) -> Colors:
    """A tile that repeats, with its middle at the occluder's."""
    own = np.array([[1.0, 0, -TILE / 2], [0, 1, -TILE / 2]])
    size = place.width, place.height
    matrix, wrapped = place.from_own(own), cv2.BORDER_WRAP
    drawn: np.ndarray = cv2.warpAffine(tile, matrix, size, flags=method, borderMode=wrapped)
    return drawn


def _blurred(picture: Pixels, sigma: float) -> Colors:
    """A Gaussian blur; a strong one of a smaller copy, which shows nothing finer anyway."""
    height, width = picture.shape[:2]
    factor = max(sigma / _COARSE, 1.0)
    small = max(round(width / factor), 1), max(round(height / factor), 1)
    coarse = cv2.resize(picture, small, interpolation=cv2.INTER_AREA)
    coarse = cv2.GaussianBlur(coarse, (0, 0), sigma / factor, borderType=cv2.BORDER_REPLICATE)
    blurred: np.ndarray = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    return blurred


@lru_cache(maxsize=32)
def _layer(png: str, name: str) -> UInt8[np.ndarray, "height width 4"]:
    """The pixels of a pasted picture."""
    try:
        content = base64.b64decode(png, validate=True)
    except ValueError as error:
        raise UserError(f"the picture {name!r:.80} of an occluder is not base64") from error
    return load_layer(content, LONGEST**2)
