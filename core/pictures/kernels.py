"""Gaussian kernels as a camera sees them: ellipses of one standard deviation, near ones last."""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float, UInt8

NEAR = 0.05
"""Kernels nearer to the camera than so many metres are not drawn."""
SHIFT = 4
"""Binary digits of fractions of pixels."""
OPACITY = 200
RIM = 0.45
"""Brightness of a kernel's edge."""


class Ellipses(NamedTuple):
    """Projected Gaussians.

    Attributes:
        middles: pixels.
        axes: standard deviations along the two main axes in pixels, the larger one first.
        angles: radians from the picture's x axis to the larger one.
    """

    middles: Float[np.ndarray, "kernels 2"]
    axes: Float[np.ndarray, "kernels 2"]
    angles: Float[np.ndarray, " kernels"]


def project_gaussians(
    means: Float[np.ndarray, "kernels 3"],
    covariances: Float[np.ndarray, "kernels 3 3"],
    focal: float,
    center: tuple[float, float],
) -> Ellipses:
    """Gaussians (metres, in the camera's frame, in front of it) to first order in the picture."""
    x, y, z = means.T
    scale, zero = focal / z, np.zeros_like(z)
    rows = [
        np.stack([scale, zero, -scale * x / z], -1),
        np.stack([zero, scale, -scale * y / z], -1),
    ]
    jacobian = np.stack(rows, 1)
    flat = jacobian @ covariances @ jacobian.transpose(0, 2, 1)
    values, vectors = np.linalg.eigh(flat)
    long = vectors[:, :, 1]
    return Ellipses(
        np.stack([scale * x, scale * y], -1) + np.array(center),
        np.sqrt(np.maximum(values[:, ::-1], 0)),
        np.arctan2(long[:, 1], long[:, 0]),
    )


def kernel_layer(
    means: Float[np.ndarray, "kernels 3"],
    covariances: Float[np.ndarray, "kernels 3 3"],
    colors: UInt8[np.ndarray, "kernels 3"],
    focal: float,
    center: tuple[float, float],
    height: int,
    width: int,
) -> UInt8[np.ndarray, "height width 4"]:
    """Kernels on nothing, as RGBA. The arguments are those of `project_gaussians`."""
    layer = np.zeros((height, width, 4), np.uint8)
    order = np.argsort(-means[:, 2])
    order = order[np.isfinite(means[order]).all(1) & (means[order, 2] > NEAR)]
    if not len(order):
        return layer
    seen = project_gaussians(means[order], covariances[order], focal, center)
    reach = seen.axes[:, 0] + 1
    inside = (seen.middles + reach[:, None] >= 0) & (
        seen.middles - reach[:, None] < (width, height)
    )
    one = 1 << SHIFT
    for i in np.flatnonzero(inside.all(1) & (reach < 4 * max(width, height))).tolist():
        middle = round(seen.middles[i, 0] * one), round(seen.middles[i, 1] * one)
        axes = (
            max(round(seen.axes[i, 0] * one), one // 2),
            max(round(seen.axes[i, 1] * one), one // 2),
        )
        color = colors[order[i]].tolist()
        rim = [int(RIM * value) for value in color]
        shape = middle, axes, math.degrees(seen.angles[i]), 0, 360
        cv2.ellipse(layer, *shape, (*color, OPACITY), -1, cv2.LINE_8, SHIFT)
        cv2.ellipse(layer, *shape, (*rim, OPACITY), 1, cv2.LINE_8, SHIFT)
    return layer
