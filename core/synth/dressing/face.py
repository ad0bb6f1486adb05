"""Eyes, brows and a mouth on the body's texture: the skins leave the eyes closed or empty."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8

EYE = np.array([0.034, 0.046])  # metres from the head joint: sideways, up
MOUTH = -0.031  # metres up from the head joint
FRONT = 0.03  # metres in front of the head joint where the face begins
SKIN_SHADE = 0.55  # brightness of the rims of the eyes, relative to the skin


def face_texels(
    position: Float32[np.ndarray, "size size 3"],
    face: Bool[np.ndarray, "size size"],
    head: Float[np.ndarray, "3"],
) -> tuple[np.ndarray, np.ndarray]:
    """Texels around eyes and mouth, and their (x, y) relative to the head joint, metres."""
    local = position - head.astype(np.float32)
    x, y = np.abs(local[..., 0]), local[..., 1]
    eyes = (np.abs(x - EYE[0]) < 0.025) & (np.abs(y - EYE[1]) < 0.025)
    mouth = (x < 0.03) & (np.abs(y - MOUTH) < 0.02)
    rows, columns = np.nonzero(face & (local[..., 2] > FRONT) & (eyes | mouth))
    return np.stack([rows, columns]), local[rows, columns, :2]


def paint_face(
    texture: UInt8[np.ndarray, "size size 3"],
    texels: tuple[np.ndarray, np.ndarray],
    mouth: bool,
    rng: np.random.Generator,
) -> None:
    """Paint eyes and brows into ``texture``, in place.

    Args:
        texels: as from `face_texels`.
        mouth: paint a mouth, too, because the skin has none.
    """
    (rows, columns), place = texels
    side = np.abs(place - [0, EYE[1]] - np.outer(np.sign(place[:, 0]), [EYE[0], 0]))
    color = texture[rows, columns].astype(np.float32)
    brow = rng.uniform(0.25, 0.8)
    lift = rng.uniform(0.014, 0.018)
    height = place[:, 1] - EYE[1]
    color[(side[:, 0] < 0.02) & (np.abs(height - lift) < 0.0035)] *= brow
    gape = rng.uniform(0.004, 0.007)
    open_eye = (side[:, 0] / 0.013) ** 2 + (height / gape) ** 2
    color[open_eye < 2.0] *= SKIN_SHADE
    color[open_eye < 1] = rng.uniform(150, 225)
    gaze = rng.normal(0, 0.002)
    iris = np.abs(np.abs(place[:, 0] + gaze) - EYE[0])
    seen = np.hypot(iris, height - rng.spawn(1)[0].normal(0, 0.0015)) < 0.006
    color[(open_eye < 1) & seen] = rng.uniform(15, 90, 3)
    if mouth:
        below = np.abs(place[:, 1] - MOUTH + rng.uniform(-0.003, 0.003))
        color[(np.abs(place[:, 0]) < 0.024) & (below < 0.007)] *= np.array([0.85, 0.5, 0.5])
    texture[rows, columns] = color.astype(np.uint8)
