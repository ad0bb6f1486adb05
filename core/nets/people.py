"""People in whole photos: their boxes, by BlazePose and by MoveNet MultiPose.

BlazePose's person detector looks for faces, and misses who turns away or is small in a group;
MultiPose finds those (docs/photographs.md). Where both find a person, BlazePose's box is taken: it
includes what is outside the photo.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from core.geometry.crop import Box, clip_overhang, iou
from core.nets.blazepose import INPUT_SIZE, Landmarks, load_blazepose
from core.nets.movenet import People, load_multipose
from core.nets.person_detector import Detections, PersonDetector, letterbox
from core.nets.weights import freeze

LARGEST = 1024
"""Longest side of what the networks look for people in, pixels."""
MULTIPOSE_SIZE = 384
"""Side of the letterboxed photo that MultiPose looks at, pixels."""

_BODY = 33  # landmarks of the body; the others are auxiliary points
_HIP, _CIRCLE = 33, 34  # middle of the hips, a point on the circle around the body
_NOSE, _EARS, _SHOULDERS = 0, [7, 8], [11, 12]
_HEAD = (1.35, 0.9, 0.58)  # radius of the head over the lengths ear-nose, ear-ear, ear-shoulders
_BODY_MARGIN = 0.04  # of a box around the landmarks, as a share of its longer side
_CIRCLE_PADDING = 1.25  # factor of the detector's radius, as in MediaPipe
_SEEN = 0.2  # smallest score of MultiPose's points that count
_LEAST_POINTS = 4
_LEAST_PERSON = 0.18  # smallest score of MultiPose's people
_POINTS_MARGIN = 0.1  # of a box around MultiPose's points, as a share of its longer side
_SAME_BOX = 0.5  # overlap from which MultiPose's person is one of BlazePose's
_SAME_POINTS = 0.2  # mean distance of points up to which it is, as a share of its box
_CLOSER = (0.5, 0.25)  # sides of regions around a pixel, as shares of the photo's longer side
_LIMBS_OF_BLAZEPOSE = [*range(11, 17), *range(23, 29)]
_LIMBS_OF_COCO = slice(5, 17)


@dataclass(frozen=True)
class Proposal:
    """A person's box in a photo."""

    box: Box
    points: Float[np.ndarray, "12 2"]
    """Shoulders, elbows, wrists, hips, knees, ankles in photo pixels, left before right; NaN where
    not seen."""
    score: float
    """Probability that the box holds a person, 0 to 1."""

    @property
    def places(self) -> Float[np.ndarray, "count 2"]:
        """Pixels that show the person: the points that are seen, and the middle of the trunk."""
        trunk = self.points[[0, 1, 6, 7]].mean(0, keepdims=True)  # NaN if a part is not seen
        places = np.concatenate([self.points, trunk])
        return places[np.isfinite(places).all(1)]

    def scaled(self, factor: float) -> Proposal:
        """The same in a photo that is ``factor`` times as large."""
        return Proposal(_scaled(self.box, factor), factor * self.points, self.score)

    def moved(self, x: float, y: float) -> Proposal:
        """The same with another place as origin, which is at minus ``x`` and ``y`` of this one."""
        box = replace(self.box, x=self.box.x + x, y=self.box.y + y)
        return Proposal(box, self.points + np.array([x, y]), self.score)


@cache
def load_people_finder() -> PeopleFinder:
    """The finder, loaded once in a process."""
    return PeopleFinder()


class PeopleFinder:
    """Boxes of all people in a photo."""

    def __init__(self) -> None:
        self._faces = PersonDetector()
        self._blazepose = freeze(load_blazepose())
        self._multipose = load_multipose()

    @torch.no_grad()
    def __call__(
        self, image: UInt8[np.ndarray, "height width 3"], threshold: float = 0.5
    ) -> list[Proposal]:
        """People in an RGB photo, sorted by score times size, largest first.

        A box may extend beyond the photo by a limited amount, see
        `core.geometry.crop.clip_overhang`. Boxes are whole pixels, so that rounding errors of the
        networks, which depend on the number of threads, do not change what is seen in them.

        Args:
            threshold: smallest score of BlazePose's people.
        """
        small, scale = _shrunk(image)
        whole = torch.from_numpy(small).permute(2, 0, 1).float() / 255
        found = [p.scaled(scale) for p in self._by_multipose(whole)]
        squares = [_scaled(s, scale) for s in detection_squares(self._faces(whole, threshold))]
        if not squares and not found:
            squares = [_photo_square(image)]
        located = [self._locate(image, square) for square in squares]
        kept = _drop_duplicates([p for p in located if p.score >= threshold])
        kept += [p for p in found if not any(same_person(p, other) for other in kept)]
        kept.sort(key=lambda p: -p.score * np.sqrt(p.box.width * p.box.height))
        height, width = image.shape[:2]
        return [replace(p, box=_whole(clip_overhang(p.box, width, height))) for p in kept]

    @torch.no_grad()
    def at(self, image: UInt8[np.ndarray, "height width 3"], x: float, y: float) -> Proposal | None:
        """The person at a pixel; who is not found in the photo is looked for around the pixel."""
        found = person_at(self(image), x, y)
        for share in _CLOSER:
            if found is not None:
                return found
            region = _around(image, x, y, share * max(image.shape[:2]))
            left, top = round(region.x), round(region.y)
            part = image[top : round(region.y + region.height), left:][:, : round(region.width)]
            small, scale = _shrunk(part)
            whole = torch.from_numpy(small).permute(2, 0, 1).float() / 255
            people = [p.scaled(scale).moved(left, top) for p in self._by_multipose(whole)]
            found = person_at(people, x, y)
        return found

    def _by_multipose(self, image: Float[Tensor, "3 h w"]) -> list[Proposal]:
        """People whom MultiPose sees, without what is outside the photo."""
        boxed, scale, offset = letterbox(image, MULTIPOSE_SIZE)
        found = self._multipose(boxed)
        return _proposals(found, scale, offset)

    def _locate(self, image: UInt8[np.ndarray, "height width 3"], square: Box) -> Proposal:
        """Box of the person in a square region, in two passes: the second crop fits better."""
        for _ in range(2):
            region = _whole(square)
            crop = cut_square(image, region, INPUT_SIZE)
            tensor = torch.from_numpy(crop).permute(2, 0, 1)[None].float() / 255
            landmarks = self._blazepose(tensor).landmarks
            square = landmark_square(landmarks, region)
        limbs = landmarks.xy[0, _LIMBS_OF_BLAZEPOSE].numpy() * (region.width / INPUT_SIZE)
        corner = np.array([region.x, region.y])
        score = float(landmarks.person.sigmoid())
        return Proposal(landmark_box(landmarks, region), limbs + corner, score)


def _proposals(found: People, scale: float, offset: Float[Tensor, "2"]) -> list[Proposal]:
    """MultiPose's people as boxes in pixels of the photo.

    Args:
        scale, offset: of the photo in MultiPose's picture.
    """
    kept = []
    for points, scores, person in zip(found.xy, found.score, found.person.tolist(), strict=True):
        seen = scores > _SEEN
        if person < _LEAST_PERSON or int(seen.sum()) < _LEAST_POINTS:
            continue
        low, high = points[seen].amin(0), points[seen].amax(0)
        margin = _POINTS_MARGIN * (high - low).max()
        x, y = ((low - margin - offset) / scale).tolist()
        width, height = ((high - low + 2 * margin) / scale).tolist()
        limbs = torch.where(seen[:, None], (points - offset) / scale, torch.nan)[_LIMBS_OF_COCO]
        kept.append(Proposal(Box(x, y, width, height), limbs.numpy(), person**0.5))
    return kept


def _shrunk(
    image: UInt8[np.ndarray, "height width 3"],
) -> tuple[UInt8[np.ndarray, "_ _ 3"], float]:
    """A photo of at most `LARGEST` pixels a side, and what its pixels are in the photo's.

    A photo of 100 million pixels would take a gigabyte as numbers, and no network looks that close.
    """
    longest = max(image.shape[:2])
    if longest <= LARGEST:
        return image, 1.0
    size = [max(1, round(side * LARGEST / longest)) for side in image.shape[1::-1]]
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA), longest / LARGEST


def _scaled(box: Box, factor: float) -> Box:
    return Box(*(factor * value for value in vars(box).values()))


def person_at(people: Iterable[Proposal], x: float, y: float) -> Proposal | None:
    """Of the people whose box holds a pixel, the one whose points are nearest to it."""

    def distance(person: Proposal) -> float:
        return float(np.linalg.norm(person.places - [x, y], axis=1).min(initial=np.inf))

    return min((p for p in people if _holds(p.box, x, y)), key=distance, default=None)


def _holds(box: Box, x: float, y: float) -> bool:
    return box.x <= x < box.x + box.width and box.y <= y < box.y + box.height


def _around(image: UInt8[np.ndarray, "height width 3"], x: float, y: float, side: float) -> Box:
    """A region of a photo around a pixel, moved inside the photo or as large as this."""
    height, width = image.shape[:2]
    wide, high = min(side, width), min(side, height)
    left = min(max(x - wide / 2, 0), width - wide)
    top = min(max(y - high / 2, 0), height - high)
    return _whole(Box(left, top, wide, high))


def same_person(one: Proposal, other: Proposal) -> bool:
    """Whether MultiPose's person is another proposal's: by box, or by points if a part is seen."""
    if iou(one.box, other.box) >= _SAME_BOX:
        return True
    apart = np.linalg.norm(one.points - other.points, axis=1)
    apart = apart[np.isfinite(apart)]
    return len(apart) > 0 and apart.mean() < _SAME_POINTS * max(one.box.width, one.box.height)


def _whole(box: Box) -> Box:
    """A box rounded to whole pixels; it keeps one pixel at least."""
    x, y = round(box.x), round(box.y)
    return Box(x, y, max(1, round(box.x + box.width) - x), max(1, round(box.y + box.height) - y))


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
