"""Contact sheets: many samples on one picture, every other one with its ground truth."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import UInt8

from core.body.names import JOINT_NAMES, PARENTS
from core.data.sample import Sample

LEFT, OTHER = (80, 255, 80), (255, 255, 255)  # bones of the left side are green
HIDDEN = (200, 30, 30)
COLORS = np.concatenate([np.zeros((1, 3)), np.random.default_rng(5).integers(60, 255, (24, 3))])


def contact_sheet(
    samples: list[Sample], columns: int, truth: bool = True
) -> UInt8[np.ndarray, "height width 3"]:
    """Samples in rows; with ``truth``, parts, occluders and skeleton lie over every other one."""
    size = len(samples[0].image)
    rows = -(-len(samples) // columns)
    sheet = np.zeros((rows * size, columns * size, 3), np.uint8)
    for number, sample in enumerate(samples):
        row, column = divmod(number, columns)
        picture = overlay(sample) if truth and (row + column) % 2 else sample.image
        sheet[row * size : (row + 1) * size, column * size : (column + 1) * size] = picture
    return sheet


def overlay(sample: Sample) -> UInt8[np.ndarray, "size size 3"]:
    """The picture under its part colours, occluder (red) and skeleton."""
    mixed = 0.55 * sample.image + 0.45 * COLORS[sample.parts]
    mixed[sample.occluder] = 0.5 * mixed[sample.occluder] + 0.5 * np.array(HIDDEN)
    picture = mixed.astype(np.uint8)
    points = np.round(sample.joints2d.clip(-999, 999) * 8).astype(int)
    for joint in range(1, 24):
        color = LEFT if JOINT_NAMES[joint].startswith("l_") else OTHER
        ends = tuple(points[joint].tolist()), tuple(points[PARENTS[joint]].tolist())
        cv2.line(picture, *ends, color, 1, cv2.LINE_AA, 3)
    return picture
