"""The posed body drawn over a photo: lit from the camera, with outlines at depth discontinuities.

Light from the camera shows the shape without shadows; outlines separate limbs from the body behind
them.
"""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, Int, UInt8

from core.render.mesh.raster import Raster, rasterize
from core.render.shade.render import vertex_normals

Color = tuple[float, float, float]

NEAR = 0.05
"""Near plane in metres."""
LIGHT = (-0.25, -0.35, -1.0)
"""Direction to the light: the camera, shifted up and left so that the sides of limbs differ."""
AMBIENT, DIFFUSE, SHEEN = 0.28, 0.74, 0.24
BRIGHTEST, SHADES = AMBIENT + DIFFUSE + SHEEN, 1024
JUMP = 0.06
"""Depth difference of neighbouring pixels that makes an outline, metres."""
OUTLINE = 0.30
"""Factor of the brightness in outlines."""
LARGE = 700_000
"""Pixels of the body's bounding window above which it is drawn without supersampling."""


def draw_body(
    image: UInt8[np.ndarray, "height width 3"],
    vertices: Float[np.ndarray, "vertices 3"],
    faces: Int[np.ndarray, "faces 3"],
    focal: float,
    center: tuple[float, float],
    color: Color = (0.55, 0.75, 0.95),
    alpha: float = 0.75,
) -> UInt8[np.ndarray, "height width 3"]:
    """A copy of an RGB photo with the shaded body drawn over it.

    Args:
        vertices: metres in the photo's camera frame (x right, y down, z forward).
        focal, center: the photo's camera in pixels.
        color: RGB in 0..1.
        alpha: opacity of the body, 0 to 1.
    """
    layer = body_layer(vertices, faces, focal, center, image.shape[0], image.shape[1], color)
    return lay_over(image, layer, alpha)


def body_layer(
    vertices: Float[np.ndarray, "vertices 3"],
    faces: Int[np.ndarray, "faces 3"],
    focal: float,
    center: tuple[float, float],
    height: int,
    width: int,
    color: Color | Float[np.ndarray, "*faces 3"] = (0.55, 0.75, 0.95),
    smooth: bool = True,
) -> UInt8[np.ndarray, "height width 4"]:
    """The shaded body as straight (not premultiplied) RGBA; alpha is a pixel's covered share.

    The arguments are those of `draw_body`.

    Args:
        color: of the body, or of each triangle, RGB in 0..1.
        smooth: without, a pixel is the body's or not, in a quarter of the time.
    """
    layer = np.zeros((height, width, 4), np.uint8)
    window = _window(vertices, focal, center, height, width)
    if window is not None:
        left, top, right, bottom = window
        shifted = center[0] - left, center[1] - top
        size = bottom - top, right - left
        scale = 2 if smooth and size[0] * size[1] <= LARGE else 1
        drawn = _shaded(vertices, faces, focal, shifted, size, color, scale)
        layer[top:bottom, left:right] = drawn
    return layer


def lay_over(
    image: UInt8[np.ndarray, "height width 3"],
    layer: UInt8[np.ndarray, "height width 4"],
    alpha: float,
) -> UInt8[np.ndarray, "height width 3"]:
    """Composite an RGBA layer with opacity ``alpha`` over an RGB picture of the same size."""
    result = image.copy()
    rows, columns = np.any(layer[..., 3], 1).nonzero()[0], np.any(layer[..., 3], 0).nonzero()[0]
    if len(rows) == 0:
        return result
    part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    share = layer[part][..., 3:].astype(np.float32) * (alpha / 255)
    mixed = image[part] + share * (layer[part][..., :3].astype(np.float32) - image[part])
    result[part] = np.rint(mixed).astype(np.uint8)
    return result


def _window(
    vertices: np.ndarray, focal: float, center: tuple[float, float], height: int, width: int
) -> tuple[int, int, int, int] | None:
    """Left, top, right, bottom of the body's bounding window; None if it is not in the picture."""
    drawn = vertices[np.isfinite(vertices).all(1)]
    drawn = drawn[drawn[:, 2] > NEAR].astype(np.float64)
    if len(drawn) == 0:
        return None
    # By rows: NumPy takes the extremes of a long and narrow array slowly along its first axis.
    pixels = focal * drawn.T[:2] / drawn.T[2] + np.array(center)[:, None]
    left, top = np.clip(np.floor(pixels.min(1)) - 1, 0, (width, height)).astype(int).tolist()
    right, bottom = np.clip(np.ceil(pixels.max(1)) + 1, 0, (width, height)).astype(int).tolist()
    return (left, top, right, bottom) if left < right and top < bottom else None


def _shaded(
    vertices: np.ndarray,
    faces: np.ndarray,
    focal: float,
    center: tuple[float, float],
    size: tuple[int, int],
    color: Color | Float[np.ndarray, "*faces 3"],
    scale: int,
) -> UInt8[np.ndarray, "height width 4"]:
    """Draw at ``scale`` times the size and average."""
    height, width = size
    middle = center[0] * scale, center[1] * scale
    raster = rasterize(vertices, faces, focal * scale, middle, height * scale, width * scale, NEAR)
    brightness = _brightness(raster, vertices, faces)
    brightness[_outlines(raster, scale)] *= OUTLINE
    covered = raster.mask.astype(np.float32)
    if scale > 1:  # before it is coloured: there are fewer pixels then
        brightness, covered = _shrink(brightness, height, width), _shrink(covered, height, width)
        brightness = brightness / np.maximum(covered, 1e-6)  # edges keep their brightness
    base = np.array(color, np.float32)
    if base.ndim > 1:  # fine edges between colours are not worth their time
        tinted = _tint(brightness, base[raster.face_ids[scale // 2 :: scale, scale // 2 :: scale]])
    else:  # of one colour there are as many shades as `SHADES`
        shades = _tint(np.linspace(0, BRIGHTEST, SHADES, dtype=np.float32), base)
        tinted = shades[np.rint(brightness * ((SHADES - 1) / BRIGHTEST)).astype(np.int32)]
    rgba = np.dstack([tinted, np.rint(covered * 255).astype(np.uint8)])
    rgba[covered == 0] = 0
    return rgba


def _shrink(
    picture: Float32[np.ndarray, "tall wide"], height: int, width: int
) -> Float32[np.ndarray, "height width"]:
    return np.asarray(
        cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.float32
    )


def _brightness(
    raster: Raster, vertices: np.ndarray, faces: np.ndarray
) -> Float32[np.ndarray, "height width"]:
    """Brightness of each pixel; values above 1 are highlights."""
    normals = vertex_normals(vertices, faces)
    light = np.array(LIGHT, np.float32) / np.linalg.norm(LIGHT)
    facing = np.clip(normals @ light, 0, 1)
    lit = AMBIENT + DIFFUSE * facing**1.4 + SHEEN * facing**12
    brightness = np.zeros(raster.depth.shape, np.float32)
    seen = raster.mask
    first, second, third = (lit[faces[raster.face_ids[seen]]] * raster.barycentric[seen]).T
    brightness[seen] = first + second + third
    return brightness


def _outlines(raster: Raster, scale: int) -> Bool[np.ndarray, "height width"]:
    """Pixels of the body next to a pixel that is `JUMP` deeper, or next to the background."""
    if not raster.mask.any():
        return raster.mask
    far = float(raster.depth[raster.mask].max()) + 2 * JUMP
    depth = np.where(raster.mask, raster.depth, np.float32(far)).astype(np.float32)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * scale + 1, 2 * scale + 1))
    behind = cv2.dilate(depth, kernel)
    return raster.mask & (behind - depth > JUMP)


def _tint(
    brightness: Float32[np.ndarray, "*pixels"], base: Float32[np.ndarray, "*#pixels 3"]
) -> UInt8[np.ndarray, "*pixels 3"]:
    """The body's colour at a brightness; highlights tend to white."""
    shaded = base * np.minimum(brightness, 1.0)[..., None]
    tinted = shaded + (1 - base) * np.clip(brightness - 1.0, 0.0, 1.0)[..., None]
    return np.rint(tinted * 255).astype(np.uint8)
