"""2D keypoints and person boxes from the published BlazePose networks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from core.body.names import JOINT_FLIP
from core.geometry.crop import Box, clip_overhang, iou
from core.geometry.keypoints import Keypoints as Keypoints
from core.nets.blazepose import INPUT_SIZE, Landmarks, load_blazepose
from core.nets.person_detector import Detections, PersonDetector
from core.nets.weights import freeze

LANDMARK_OF_JOINT = {
    1: 23,
    2: 24,
    4: 25,
    5: 26,
    7: 27,
    8: 28,
    16: 11,
    17: 12,
    18: 13,
    19: 14,
    20: 15,
    21: 16,
}
"""SMPL joint -> BlazePose landmark, for the twelve that correspond: hips, knees, ankles, shoulders,
elbows, wrists."""

_BODY = 33  # landmarks of the body; the others are auxiliary points
_HIP, _CIRCLE = 33, 34  # middle of the hips, a point on the circle around the body
_NOSE, _EARS, _SHOULDERS = 0, [7, 8], [11, 12]
_HEAD = (1.35, 0.9, 0.58)  # radius of the head over the lengths ear-nose, ear-ear, ear-shoulders
_BODY_MARGIN = 0.04  # of a box around the landmarks, as a share of its longer side
_WINDOW = 7  # side of the window around a landmark that refines it, heatmap cells
_REFINE_ABOVE = 0.5  # smallest heatmap maximum that refines a landmark
_CIRCLE_PADDING = 1.25  # factor of the detector's radius, as in MediaPipe


@dataclass(frozen=True)
class Proposal:
    """A person's box in a photo."""

    box: Box
    score: float
    """Probability that the box holds a person, 0 to 1."""


@cache
def load_keypoint_detector() -> KeypointDetector:
    """The detector, loaded once in a process."""
    return KeypointDetector()


class KeypointDetector:
    """BlazePose as published: keypoints of crops and person boxes of photos."""

    def __init__(self) -> None:
        self.network = freeze(load_blazepose())
        self._people: PersonDetector | None = None

    @torch.no_grad()
    def __call__(self, images: Float[Tensor, "batch 3 s s"]) -> Keypoints:
        """Keypoints of upright square crops (RGB, 0..1) in crop pixels, SMPL joint order.

        Positions and confidences are means over the crop and its mirror image.
        """
        xy, confidence = self._find(torch.cat([images, images.flip(3)]))
        side, flip = images.shape[-1], list(JOINT_FLIP)
        (plain, mirrored), (score, mirrored_score) = xy.chunk(2), confidence.chunk(2)
        mirrored = torch.stack([side - mirrored[:, flip, 0], mirrored[:, flip, 1]], -1)
        return Keypoints((plain + mirrored) / 2, (score + mirrored_score[:, flip]) / 2)

    def _find(
        self, images: Float[Tensor, "batch 3 s s"]
    ) -> tuple[Float[Tensor, "batch 24 2"], Float[Tensor, "batch 24"]]:
        """Positions and confidences; zeros for joints without a BlazePose landmark."""
        landmarks, heatmaps = self._landmarks(images)
        xy = refine(landmarks.xy, heatmaps)
        seen = landmarks.visibility.sigmoid() * landmarks.presence.sigmoid()
        joints, sources = list(LANDMARK_OF_JOINT), list(LANDMARK_OF_JOINT.values())
        keypoints = xy.new_zeros(len(images), 24, 2)
        confidence = xy.new_zeros(len(images), 24)
        keypoints[:, joints] = xy[:, sources] * (images.shape[-1] / INPUT_SIZE)
        confidence[:, joints] = seen[:, sources]
        return keypoints, confidence

    def _landmarks(self, images: Float[Tensor, "batch 3 s s"]) -> tuple[Landmarks, Tensor]:
        if images.shape[-1] != INPUT_SIZE:
            size = (INPUT_SIZE, INPUT_SIZE)
            images = F.interpolate(images, size, mode="bilinear", antialias=True)
        output = self.network(images)
        return output.landmarks, output.heatmaps.sigmoid()

    @torch.no_grad()
    def propose_boxes(
        self, image: UInt8[np.ndarray, "height width 3"], threshold: float = 0.5
    ) -> list[Proposal]:
        """People in an RGB photo, sorted by score times size, largest first.

        The detector gives a circle around each body, and BlazePose's landmarks in that crop give
        the box. Without a detection the whole photo is tried as a crop. A box may extend beyond the
        photo by a limited amount, see `core.geometry.crop.clip_overhang`.

        Args:
            threshold: smallest score, of the detector and of BlazePose.
        """
        if self._people is None:
            self._people = PersonDetector()
        whole = torch.from_numpy(image).permute(2, 0, 1).float() / 255
        found = self._people(whole, threshold)
        squares = detection_squares(found) or [_photo_square(image)]
        proposals = [self._locate(image, square) for square in squares]
        kept = _drop_duplicates([p for p in proposals if p.score >= threshold])
        kept.sort(key=lambda p: -p.score * np.sqrt(p.box.width * p.box.height))
        height, width = image.shape[:2]
        return [replace(p, box=clip_overhang(p.box, width, height)) for p in kept]

    def _locate(self, image: UInt8[np.ndarray, "height width 3"], square: Box) -> Proposal:
        """Box of the person in a square region, in two passes: the second crop fits better."""
        score = 0.0
        box = square
        for _ in range(2):
            crop = cut_square(image, square, INPUT_SIZE)
            tensor = torch.from_numpy(crop).permute(2, 0, 1)[None].float() / 255
            landmarks, _ = self._landmarks(tensor)
            score = float(landmarks.person.sigmoid())
            box = landmark_box(landmarks, square)
            square = landmark_square(landmarks, square)
        return Proposal(box, score)


def refine(
    xy: Float[Tensor, "batch points 2"], heatmaps: Float[Tensor, "batch points h w"]
) -> Float[Tensor, "batch points 2"]:
    """Move points to the centre of mass of their heatmap in a window, as MediaPipe does.

    Points whose heatmap stays below 0.5 in the window are not moved.

    Args:
        xy: pixels of the network's input.
        heatmaps: values 0..1 at stride 4.
    """
    size = heatmaps.shape[-1]
    stride = INPUT_SIZE / size
    cells = xy / stride
    ticks = torch.arange(size, device=xy.device) + 0.5
    near = (ticks - cells[..., None]).abs() <= _WINDOW / 2  # (batch, points, 2, size)
    window = heatmaps * near[:, :, 1, :, None] * near[:, :, 0, None, :]
    mass = window.sum((-1, -2)).clamp(min=1e-6)
    center = torch.stack([(window.sum(-2) * ticks).sum(-1), (window.sum(-1) * ticks).sum(-1)], -1)
    refined = window.amax((-1, -2)) >= _REFINE_ABOVE
    return torch.where(refined[..., None], stride * center / mass[..., None], xy)


def detection_squares(found: Detections) -> list[Box]:
    """Square regions around the detector's circles."""
    return [
        _square(float(hip[0]), float(hip[1]), 2 * _CIRCLE_PADDING * float(radius))
        for hip, radius in zip(found.hip, found.radius, strict=True)
    ]


def landmark_box(landmarks: Landmarks, square: Box) -> Box:
    """Box around one person's landmarks, including those outside the photo, in photo pixels.

    Args:
        landmarks: of the crop of ``square``.
        square: region of the photo that was the network's input.
    """
    points = landmarks.xy[0, :_BODY].numpy() * (square.width / INPUT_SIZE)
    middle, radius = head_circle(points)
    points = np.concatenate([points, [middle - radius, middle + radius]])
    low, high = points.min(0), points.max(0)
    margin = _BODY_MARGIN * float((high - low).max())
    low, high = low - margin, high + margin
    return Box(
        square.x + float(low[0]),
        square.y + float(low[1]),
        float(high[0] - low[0]),
        float(high[1] - low[1]),
    )


def head_circle(
    points: Float[np.ndarray, "33 2"],
) -> tuple[Float[np.ndarray, "2"], float]:
    """Middle and radius of the whole head; BlazePose has landmarks only up to eyes and ears.

    The radius is the largest of three estimates (from nose, ears and shoulders), because each
    length is foreshortened from some views.
    """
    ears, shoulders = points[_EARS], points[_SHOULDERS]
    middle = ears.mean(0)
    lengths = np.linalg.norm(
        [points[_NOSE] - middle, ears[0] - ears[1], shoulders.mean(0) - middle], axis=1
    )
    return middle, float((np.array(_HEAD) * lengths).max())


def landmark_square(landmarks: Landmarks, square: Box) -> Box:
    """Region for the next pass, from the auxiliary landmarks of hips and body circle."""
    hip, circle = landmarks.xy[0, _HIP], landmarks.xy[0, _CIRCLE]
    scale = square.width / INPUT_SIZE
    side = 2 * _CIRCLE_PADDING * max(float((circle - hip).norm()), 1.0) * scale
    return _square(square.x + float(hip[0]) * scale, square.y + float(hip[1]) * scale, side)


def cut_square(
    image: UInt8[np.ndarray, "height width 3"], square: Box, size: int
) -> UInt8[np.ndarray, "size size 3"]:
    """Resample a square region, black outside the photo."""
    scale = size / square.width
    if scale < 0.5:  # average first: bilinear sampling alone would alias
        shrink = 2 * scale
        height, width = image.shape[:2]
        small = (max(1, round(width * shrink)), max(1, round(height * shrink)))
        image = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
        fx, fy = small[0] / width, small[1] / height
    else:
        fx = fy = 1.0
    offset = np.array([square.x * scale + 0.5, square.y * scale + 0.5])
    matrix = np.array(
        [
            [scale / fx, 0, 0.5 * scale / fx - offset[0]],
            [0, scale / fy, 0.5 * scale / fy - offset[1]],
        ]
    )
    return cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR)


def _square(x: float, y: float, side: float) -> Box:
    return Box(x - side / 2, y - side / 2, side, side)


def _photo_square(image: UInt8[np.ndarray, "height width 3"]) -> Box:
    height, width = image.shape[:2]
    return _square(width / 2, height / 2, max(width, height))


def _drop_duplicates(proposals: list[Proposal]) -> list[Proposal]:
    """Drop boxes that overlap a box of a higher score by 0.6 or more: they show the same person."""
    kept: list[Proposal] = []
    for proposal in sorted(proposals, key=lambda p: -p.score):
        if all(iou(proposal.box, other.box) < 0.6 for other in kept):
            kept.append(proposal)
    return kept
