"""Contact sheets: many samples in one picture, every other one with its ground truth."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from jaxtyping import UInt8

from core.body.load import load_body
from core.body.names import JOINT_NAMES, PARENTS
from core.geometry.rotations import rotation_from_axis_angle
from core.nbv.layout import even_vertices
from core.synth.drawing.labels import KERNELS, NOT_OCCLUDED, NOT_SELF_OCCLUDED
from core.synth.sample import Sample

LEFT, OTHER = (80, 255, 80), (255, 255, 255)  # bones of the left side are green
OCCLUDED_COLOR = (200, 30, 30)
VISIBLE_COLOR, SELF_OCCLUDED_COLOR = (60, 230, 60), (60, 60, 200)
COLORS = np.concatenate([np.zeros((1, 3)), np.random.default_rng(5).integers(60, 255, (24, 3))])


def contact_sheet(
    samples: list[Sample], columns: int, truth: bool = True
) -> UInt8[np.ndarray, "height width 3"]:
    """Samples in rows; with ``truth``, parts, occluders and skeleton are drawn on every other one.

    Samples with dense labels have a row each: picture, overlay, IUV, normals, kernels.
    """
    if samples[0].iuv is not None:
        return _label_sheet(samples)
    size = len(samples[0].image)
    rows = -(-len(samples) // columns)
    sheet = np.zeros((rows * size, columns * size, 3), np.uint8)
    for number, sample in enumerate(samples):
        row, column = divmod(number, columns)
        picture = overlay(sample) if truth and (row + column) % 2 else sample.image
        sheet[row * size : (row + 1) * size, column * size : (column + 1) * size] = picture
    return sheet


def overlay(sample: Sample) -> UInt8[np.ndarray, "size size 3"]:
    """The picture with part colours, occluders (red) and skeleton drawn on it."""
    mixed = 0.55 * sample.image + 0.45 * COLORS[sample.parts]
    mixed[sample.occluder] = 0.5 * mixed[sample.occluder] + 0.5 * np.array(OCCLUDED_COLOR)
    picture = mixed.astype(np.uint8)
    points = np.round(sample.joints2d.clip(-999, 999) * 8).astype(int)
    for joint in range(1, 24):
        color = LEFT if JOINT_NAMES[joint].startswith("l_") else OTHER
        ends = tuple(points[joint].tolist()), tuple(points[PARENTS[joint]].tolist())
        cv2.line(picture, *ends, color, 1, cv2.LINE_AA, 3)
    return picture


def _label_sheet(samples: list[Sample]) -> np.ndarray:
    """A row of pictures for each sample."""
    body = load_body()
    chosen = even_vertices(body, KERNELS)
    rows = []
    for sample in samples:
        if sample.iuv is None or sample.normals is None or sample.kernels is None:
            raise ValueError("some samples have dense labels, others do not")
        pose, betas, transl = (
            torch.from_numpy(x)[None] for x in (sample.pose, sample.betas, sample.transl)
        )
        posed = body.pose(rotation_from_axis_angle(pose), betas, transl).vertices[0]
        texture = np.dstack([10 * sample.iuv[..., 0], sample.iuv[..., 1:] >> 8])
        lit = np.where(sample.normals.any(-1, keepdims=True), 128 - sample.normals.astype(int), 0)
        maps = [_enlarged(values, len(sample.image)) for values in (texture, lit)]
        dots = _kernel_dots(sample, sample.kernels, posed[chosen].numpy())
        rows.append(np.hstack([sample.image, overlay(sample), *maps, dots]))
    return np.vstack(rows)


def _enlarged(values: np.ndarray, size: int) -> np.ndarray:
    """A map of numbers around 0..255 as a picture."""
    picture = values.clip(0, 255).astype(np.uint8)
    return cv2.resize(picture, (size, size), interpolation=cv2.INTER_NEAREST)


def _kernel_dots(sample: Sample, bits: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Kernels on the darkened picture: visible green, occluded red, self-occluded blue."""
    picture = sample.image // 2
    screen = sample.focal * points[:, :2] / points[:, 2:] + len(picture) / 2
    for place, bit in zip(screen, bits, strict=True):
        if bit:
            not_self_occluded, not_occluded = bit & NOT_SELF_OCCLUDED, bit & NOT_OCCLUDED
            color = SELF_OCCLUDED_COLOR
            if not_self_occluded:
                color = VISIBLE_COLOR if not_occluded else OCCLUDED_COLOR
            cv2.circle(picture, tuple(place.astype(int).tolist()), 1, color, -1)
    return picture
