"""Other people in a crop, and crops without them.

Where people overlap, networks mix their limbs: the mask of everyone else who takes a good part of
the box is painted over with its surroundings before anything looks for the one who is meant. Who
else is there is a guess itself, so it is made in the crop and in its mirror image, and the one kept
is that after which the networks agree best on the points of the person.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from core.body.points import LIMB_POINTS
from core.nets.blazepose import INPUT_SIZE, load_heavy
from core.nets.crowd import (
    SEEN,
    boxes_around,
    look_twice,
    regions_of,
    shared_area,
)
from core.nets.movenet import load_multipose
from core.nets.person_points import load_person_points

_SURE = 0.3  # smallest mean score of all points: heavy's masks are good for whole people only
_LARGE = 0.1  # smallest share of the box that the box around that person takes
_APART = (
    0.1  # smallest mean distance from the points of the one who is meant, as a share of the box
)
_EDGE = 0.01  # by which masks grow, as a share of the image
_RADIUS = 5  # of the inpainting, pixels
_SAME = 0.8  # overlap (intersection over union) from which two masks are the same


@cache
def load_bystander_finder() -> BystanderFinder:
    """The finder, loaded once in a process."""
    return BystanderFinder()


class BystanderFinder:
    """MoveNet MultiPose, which finds people, and BlazePose-heavy, which tells their pixels."""

    def __init__(self) -> None:
        self._multipose = load_multipose()
        self._heavy = load_heavy()

    @torch.no_grad()
    def __call__(
        self, images: Float[Tensor, "batch 3 s s"], boxes: Float[Tensor, "batch 4"]
    ) -> Bool[Tensor, "batch s s"]:
        """Pixels that show others than the person who is meant.

        Args:
            images: upright RGB, 0..1.
            boxes: of the persons who are meant: left, top, right, bottom in pixels.
        """
        looks = look_twice(self._multipose, images, boxes)
        rows = zip(images[:, None], boxes[:, None], looks, strict=True)
        return torch.stack([self._best(*row) for row in rows])

    def _best(
        self,
        image: Float[Tensor, "1 3 s s"],
        box: Float[Tensor, "1 4"],
        looks: Float[Tensor, "looks 6 17 3"],
    ) -> Bool[Tensor, "s s"]:
        """The mask of that look without whose people the points are surest."""
        masks: list[Tensor] = []
        for people in looks:
            mask = self._others(image, box[0], people)
            if all(_overlap(mask, known) < _SAME for known in masks):
                masks.append(mask)
        if len(masks) == 1:
            return masks[0]
        stacked = torch.stack(masks)
        crops = painted_over(image.expand(len(masks), -1, -1, -1), stacked)
        sigmas = load_person_points()(crops, box.expand(len(masks), -1)).sigma
        return stacked[sigmas[:, : len(LIMB_POINTS)].log().mean(1).argmin()]

    def _others(
        self,
        image: Float[Tensor, "1 3 s s"],
        box: Float[Tensor, "4"],
        people: Float[Tensor, "6 17 3"],
    ) -> Bool[Tensor, "s s"]:
        """Pixels of the people after the first who are in the way."""
        found = torch.zeros(image.shape[-2:], dtype=torch.bool, device=image.device)
        for other in people[1:][_in_the_way(people, box)]:
            mask = self._mask(image, other[None, :, :2])[0]
            if _share_in(mask, people[0]) < _share_in(mask, other):
                found |= mask
        return found

    def _mask(
        self, images: Float[Tensor, "batch 3 s s"], points: Float[Tensor, "batch 17 2"]
    ) -> Bool[Tensor, "batch s s"]:
        """Pixels of the people with these points, and a margin."""
        side = images.shape[-1]
        regions = regions_of(points)
        shown = self._heavy(regions.cut(images, INPUT_SIZE)).mask.sigmoid()
        mask = (regions.paste(shown, side) > 0.5).float()
        reach = round(_EDGE * side / 2)
        return F.max_pool2d(mask[:, None], 2 * reach + 1, stride=1, padding=reach)[:, 0] > 0


def _in_the_way(
    people: Float[Tensor, "n 17 3"], box: Float[Tensor, "4"]
) -> Bool[Tensor, " others"]:
    """Which of the people after the first are surely there, near the first, and somebody else."""
    others = people[1:]
    width, height = box[2:] - box[:2]
    share = shared_area(boxes_around(others), box.expand(len(others), 4)) / (width * height)
    both = (others[..., 2] > SEEN) & (people[0, :, 2] > SEEN)
    distance = (others[..., :2] - people[0, :, :2]).norm(dim=-1) / torch.maximum(width, height)
    apart = (distance * both).sum(1) / both.sum(1)  # NaN where they have no point in common
    return (others[..., 2].mean(1) >= _SURE) & (share >= _LARGE) & ~(apart < _APART)


def _overlap(first: Bool[Tensor, "s s"], second: Bool[Tensor, "s s"]) -> float:
    """Intersection over union; 1 for two that are empty."""
    either = (first | second).sum()
    return float((first & second).sum() / either) if either else 1.0


def _share_in(mask: Bool[Tensor, "s s"], points: Float[Tensor, "17 3"]) -> float:
    """Share of a person's seen points that a mask holds."""
    column, row = points[points[:, 2] > SEEN, :2].long().clamp(0, len(mask) - 1).unbind(1)
    return float(mask[row, column].float().mean())


def painted_over(
    images: Float[Tensor, "batch 3 s s"], masks: Bool[Tensor, "batch s s"]
) -> Float[Tensor, "batch 3 s s"]:
    """Images whose masked pixels continue what is around them (Telea, J. Graphics Tools 2004)."""
    painted = images.clone()
    for row in masks.flatten(1).any(1).nonzero()[:, 0].tolist():
        pixels = (images[row].permute(1, 2, 0) * 255).round().byte().cpu().numpy()
        mask = masks[row].cpu().numpy()
        filled = cv2.inpaint(pixels, mask.astype(np.uint8), _RADIUS, cv2.INPAINT_TELEA)
        colors = torch.from_numpy(filled).to(images).permute(2, 0, 1) / 255
        painted[row] = torch.where(masks[row], colors, images[row])
    return painted
