"""Photos from files, from the scikit-image wheel or from the clipboard, as 8-bit RGB.

For any file that a user names, pastes or drops on the window, the caller gets either an upright RGB
picture of a sensible size or a `UserError` line that says what is wrong with the file.
"""

from __future__ import annotations

import importlib.util
import io
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from jaxtyping import UInt8
from PIL import ExifTags, Image, UnidentifiedImageError

from core.errors import UserError
from core.io.atomic import write_atomic
from core.io.exif import focal_from_exif
from core.io.files import error_reason, open_file, printable
from core.io.pixels import as_rgb

MAX_BYTES = 512 * 2**20
MAX_PIXELS = 120_000_000
"""Largest decoded size that is accepted; the largest phone photos have 108 million pixels."""
MIN_SIDE = 16
BACKDROP = (128, 128, 128)
"""Colour behind transparent pixels: mid-grey contrasts with both dark and light outlines."""
PNG_LEVEL = 3  # of 9
SAMPLES = "skimage:"

_FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "JPEG2000", "AVIF")
_HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation -> transposition that makes the stored picture upright."""


Convert = Callable[[Image.Image], np.ndarray]


@dataclass(frozen=True)
class Photo:
    """A decoded photo.

    Attributes:
        pixels: upright RGB, C-contiguous.
        focal_px: focal length in pixels, None if the file does not state it.
        name: short name for folders and titles, the file's stem.
        source: where it came from, as the user named it.
    """

    pixels: UInt8[np.ndarray, "height width 3"]
    focal_px: float | None
    name: str
    source: str

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]

    @staticmethod
    def of_array(picture: np.ndarray, name: str = "array") -> Photo:
        """A picture that is in memory already, see `core.io.pixels.as_rgb`.

        Raises:
            UserError: the array is no picture, or too small.
        """
        pixels = as_rgb(picture)
        check_side(f"the picture {name}", *pixels.shape[1::-1])
        return Photo(pixels, None, name, name)


def load_image(source: str | Path | bytes) -> Photo:
    """Read a photo.

    Orientation tags are applied, transparent pixels are composited over mid-grey, 16-bit channels
    are reduced to 8 bits, and only the first frame of an animation or page of a file is read.

    Args:
        source: a path, ``skimage:camera`` (or another picture inside the scikit-image wheel), or
            the bytes of an image file (a paste).

    Raises:
        UserError: the file is missing, not accessible, not an image, damaged, too small or too
            large.
    """
    if isinstance(source, bytes):
        if not source:
            raise UserError("the pasted image is empty; copy it again")
        label = "the pasted image"
        return Photo(*_decode(io.BytesIO(source), label, len(source), _to_rgb), "pasted", label)
    if isinstance(source, str) and source.startswith(SAMPLES):
        name = source.removeprefix(SAMPLES)
        return Photo(*_read(sample_path(name), source, _to_rgb), name, source)
    path = Path(source).expanduser()
    return Photo(*_read(path, printable(path), _to_rgb), path.stem, printable(path))


def load_layer(
    source: str | Path | bytes, max_pixels: int = MAX_PIXELS
) -> UInt8[np.ndarray, "height width 4"]:
    """Read a picture with its transparency, as RGBA; the rest is as for `load_image`.

    Args:
        source: a path, or the bytes of an image file.
        max_pixels: largest decoded size that is accepted.

    Raises:
        UserError: see `load_image`.
    """
    label, size = "the pasted picture", max_pixels
    if isinstance(source, bytes):
        return _decode(io.BytesIO(source), label, len(source), _to_rgba, size)[0]
    path = Path(source).expanduser()
    return _read(path, printable(path), _to_rgba, size)[0]


def is_sample(source: str) -> bool:
    """Whether a source names a picture inside the scikit-image wheel."""
    return source.startswith(SAMPLES)


def save_image(path: Path, pixels: UInt8[np.ndarray, "height width 3"]) -> None:
    """Write an RGB picture; the suffix of ``path`` decides the format.

    PNG files are a tenth larger than they could be, and written in half the time.
    """
    picture = Image.fromarray(pixels)
    write_atomic(path, lambda temporary: picture.save(temporary, compress_level=PNG_LEVEL))


def sample_path(name: str) -> Path:
    """File of a picture inside the scikit-image wheel (nothing is downloaded).

    Raises:
        UserError: scikit-image is not installed, or its wheel holds no such picture.
    """
    files = sample_files()
    if name not in files:
        known = ", ".join(sorted(files)) or "none: install scikit-image"
        raise UserError(f"{SAMPLES}{name} is not in the scikit-image wheel; there are {known}")
    return files[name]


def sample_files() -> dict[str, Path]:
    """Pictures inside the installed scikit-image wheel, by name (found without importing it)."""
    package = importlib.util.find_spec("skimage")
    if package is None or package.origin is None:
        return {}
    folder = Path(package.origin).parent / "data"
    suffixes = {".png", ".jpg", ".gif", ".tif"}
    return {path.stem: path for path in folder.glob("*.*") if path.suffix in suffixes}


def _read(
    path: Path, label: str, convert: Convert, max_pixels: int = MAX_PIXELS
) -> tuple[np.ndarray, float | None]:
    """Open and decode a file; every failure becomes a `UserError`."""
    try:
        with open_file(path, 2**63) as file:
            return _decode(file, label, os.fstat(file.fileno()).st_size, convert, max_pixels)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UserError(f"{label} does not exist; check the path") from error
    except IsADirectoryError as error:
        raise UserError(f"{label} is a folder; name an image file in it") from error
    except PermissionError as error:
        raise UserError(f"{label} cannot be read: permission denied; try chmod +r") from error
    except (OSError, ValueError) as error:  # name too long, loops of links, null characters
        message = f"{label} cannot be opened ({error_reason(error)}); name the file of an image"
        raise UserError(message) from error


def _decode(
    file: BinaryIO, label: str, size: int, convert: Convert, max_pixels: int = MAX_PIXELS
) -> tuple[np.ndarray, float | None]:
    """Decode an open file: its converted pixels, and its focal length if that is known."""
    _check_start(file, label, size)
    with warnings.catch_warnings(), _open(file, label, max_pixels) as image:
        warnings.simplefilter("ignore")  # about metadata, which are left out where they are damaged
        try:
            image.load()
            focal = focal_from_exif(image)
            upright = _apply_orientation(image)
            pixels = convert(upright)
        # A decoder may raise any exception for a damaged file.
        except Exception as error:
            reason = error_reason(error)
            message = f"{label} is truncated or damaged ({reason}); get a whole copy of it"
            raise UserError(message) from error
    return pixels, focal


def _check_start(file: BinaryIO, label: str, size: int) -> None:
    """Refuse empty, oversized and HEIC files before a decoder reads them."""
    if size == 0:
        raise UserError(f"{label} is empty; get a whole copy of it")
    if size > MAX_BYTES:
        raise UserError(f"{label} is larger than {MAX_BYTES >> 20} MiB; save it as JPEG first")
    start = file.read(12)
    file.seek(0)
    if start[4:8] == b"ftyp" and start[8:12] in _HEIC_BRANDS:
        raise UserError(f"{label} is a HEIC photo; convert it first: heif-convert IN.heic OUT.jpg")


def _open(file: BinaryIO, label: str, max_pixels: int) -> Image.Image:
    """Read the header only, and check the size before any pixel is decoded."""
    Image.init()
    known = [name for name in _FORMATS if name in Image.OPEN]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the size, which is checked below
            image = Image.open(file, formats=known)
    except UnidentifiedImageError as error:
        formats = "JPEG, PNG, WebP, TIFF, BMP or GIF"
        raise UserError(f"{label} is not an image: its content is not {formats}") from error
    except Image.DecompressionBombError as error:
        raise UserError(_too_large(label, max_pixels)) from error
    except Exception as error:  # a damaged header, see _decode
        raise UserError(f"{label} is damaged ({error_reason(error)}); get a whole copy") from error
    width, height = image.size
    if width * height > max_pixels:
        raise UserError(_too_large(f"{label} ({width} x {height})", max_pixels))
    check_side(label, width, height)
    return image


def check_side(label: str, width: int, height: int) -> None:
    """Refuse pictures in which nobody can be seen.

    Raises:
        UserError: a side has less than `MIN_SIDE` pixels.
    """
    if min(width, height) < MIN_SIDE:
        least = f"at least {MIN_SIDE} x {MIN_SIDE} are needed"
        raise UserError(f"{label} has only {width} x {height} pixels; {least}")


def _too_large(label: str, max_pixels: int) -> str:
    return f"{label} has more than {max_pixels // 10**6} million pixels; scale it down first"


def _apply_orientation(image: Image.Image) -> Image.Image:
    """Apply the orientation tag (Pillow's TIFF decoder has applied and removed it already)."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # damaged metadata does not make the picture unusable
        return image
    method = _UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    return image if method is None else image.transpose(method)


def _to_rgb(image: Image.Image) -> UInt8[np.ndarray, "height width 3"]:
    """Convert a picture of any Pillow mode to 8-bit RGB."""
    if image.mode == "F" or image.mode.startswith("I"):
        grey = _to_byte(np.asarray(image))
        return np.repeat(grey[..., None], 3, -1)
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        backdrop = Image.new("RGBA", layer.size, (*BACKDROP, 255))
        image = Image.alpha_composite(backdrop, layer)
    rgb = image if image.mode == "RGB" else image.convert("RGB")
    return np.array(rgb)  # a copy: PyTorch wants it writable


def _to_rgba(image: Image.Image) -> UInt8[np.ndarray, "height width 4"]:
    """Convert a picture of any Pillow mode to 8-bit RGBA."""
    if image.has_transparency_data:
        return np.array(image.convert("RGBA"))
    rgb = _to_rgb(image)
    return np.concatenate([rgb, np.full_like(rgb[..., :1], 255)], -1)


def _to_byte(values: np.ndarray) -> UInt8[np.ndarray, "height width"]:
    """Grey values of 16 or more bits: integers span 16 bits if they exceed 8, floats span 0..1."""
    wide = np.nan_to_num(values.astype(np.float64))
    if values.dtype.kind == "f":
        full = 1.0 if wide.max() <= 1.0 else 255.0
    else:
        full = 65535.0 if values.dtype.itemsize == 2 or wide.max() > 255 else 255.0
    return np.rint(np.clip(wide / full, 0.0, 1.0) * 255).astype(np.uint8)
