"""People in crops: which of them a box means, and where they are looked for.

Points of people are rows of x, y in pixels of the image and a score from 0 to 1, in COCO's order.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from core.body.points import FACE_POINTS
from core.nets.movenet import PEOPLE, POINTS, THUNDER_SIZE, MultiPose
from core.nets.region import Regions, upright_regions

MARGIN = 0.12
"""Of the box that is looked at, as a share of its longer side."""
REGION_REACH = 1.25
"""Half of BlazePose's region over the distance from the hips to the furthest point."""
SEEN = 0.2
"""Smallest score of the points that span a person's box."""

_LIMBS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
COCO_ROWS = {
    **{name: row for row, name in enumerate(FACE_POINTS)},
    **{f"{s}_{n}": 5 + 2 * i + (s == "r") for i, n in enumerate(_LIMBS) for s in "lr"},
}
"""Rows of COCO's points by their names in `core.body.points`."""
_MIRROR_ROWS = [0, *(1 + 2 * (row // 2) + (1 - row % 2) for row in range(POINTS - 1))]
_SOMEBODY = 0.1  # smallest score of people besides the one who is meant
_AROUND = 0.1  # margin of a box around points, as a share of its longer side


def look_for_people(
    multipose: MultiPose, images: Float[Tensor, "batch 3 s s"], boxes: Float[Tensor, "batch 4"]
) -> Float[Tensor, "batch 6 17 3"]:
    """All people near each box, first the one who fills it best; zeros for nobody."""
    scale = images.shape[-1] / THUNDER_SIZE
    framed = resized(blanked(images, boxes), THUNDER_SIZE)
    pairs = zip(framed, boxes, strict=True)
    return torch.stack([_people(multipose, image, box, scale) for image, box in pairs])


def look_twice(
    multipose: MultiPose, images: Float[Tensor, "batch 3 s s"], boxes: Float[Tensor, "batch 4"]
) -> Float[Tensor, "batch looks 6 17 3"]:
    """`look_for_people` in the images, then in their mirror images."""
    return torch.stack(
        [look(multipose, images, boxes) for look in (look_for_people, look_at_mirror)], 1
    )


def look_at_mirror(
    multipose: MultiPose, images: Float[Tensor, "batch 3 s s"], boxes: Float[Tensor, "batch 4"]
) -> Float[Tensor, "batch 6 17 3"]:
    """The same people, found in the mirror image."""
    side = images.shape[-1]
    left, top, right, bottom = boxes.unbind(1)
    mirrored = torch.stack([side - right, top, side - left, bottom], 1)
    people = look_for_people(multipose, images.flip(3), mirrored)[..., _MIRROR_ROWS, :]
    across, *rest = people.unbind(-1)
    somebody = people[..., 2].amax(-1, keepdim=True) > 0  # rows of nobody stay zero
    return torch.stack([torch.where(somebody, side - across, across), *rest], -1)


def _people(
    multipose: MultiPose, image: Float[Tensor, "3 n n"], box: Float[Tensor, "4"], scale: float
) -> Float[Tensor, "6 17 3"]:
    found = multipose(image)
    rows = image.new_zeros(PEOPLE, POINTS, 3)
    if not len(found.xy):
        return rows
    people = torch.cat([found.xy * scale, found.score[..., None]], -1)
    best = int(fill(people, box.expand(len(people), 4), SEEN).argmax())
    others = [k for k in range(len(people)) if k != best and found.person[k] > _SOMEBODY]
    kept = people[[best, *others]]
    rows[: len(kept)] = kept
    return rows


def blanked(
    images: Float[Tensor, "batch 3 s s"], boxes: Float[Tensor, "batch 4"], margin: float = MARGIN
) -> Float[Tensor, "batch 3 s s"]:
    """Images that are black outside the boxes and a margin around them."""
    low, high = boxes[:, :2], boxes[:, 2:]
    wide = margin * (high - low).amax(1, keepdim=True)
    ticks = torch.arange(images.shape[-1], device=images.device) + 0.5
    inside = (ticks > (low - wide)[..., None]) & (ticks < (high + wide)[..., None])
    return images * (inside[:, 0, None, :] & inside[:, 1, :, None])[:, None]


def resized(images: Float[Tensor, "batch 3 s s"], size: int) -> Float[Tensor, "batch 3 n n"]:
    """Square images in another resolution."""
    if images.shape[-1] == size:
        return images
    return F.interpolate(images, (size, size), mode="bilinear", antialias=True)


def regions_of(points: Float[Tensor, "batch 17 2"]) -> Regions:
    """The regions in which BlazePose looks for the people with these points."""
    row = COCO_ROWS
    hips = points[:, [row["l_hip"], row["r_hip"]]].mean(1)
    shoulders = points[:, [row["l_shoulder"], row["r_shoulder"]]].mean(1)
    reach = REGION_REACH * (points - hips[:, None]).norm(dim=-1).amax(1)
    return upright_regions(hips, shoulders, reach.clamp_min(1.0))


def boxes_around(
    points: Float[Tensor, "batch n 3"], seen: float = SEEN
) -> Float[Tensor, "batch 4"]:
    """Boxes of the points whose score exceeds ``seen``, with a margin; empty ones without any."""
    counted = points[..., 2:] > seen
    low = torch.where(counted, points[..., :2], torch.inf).amin(1)
    high = torch.where(counted, points[..., :2], -torch.inf).amax(1)
    margin = _AROUND * (high - low).amax(1, keepdim=True)
    boxes = torch.cat([low - margin, high + margin], 1)
    return torch.where(counted.any(1), boxes, 0.0)


def shared_area(
    first: Float[Tensor, "batch 4"], second: Float[Tensor, "batch 4"]
) -> Float[Tensor, " batch"]:
    """Area of the intersection of boxes."""
    low, high = (
        torch.maximum(first[:, :2], second[:, :2]),
        torch.minimum(first[:, 2:], second[:, 2:]),
    )
    return (high - low).clamp_min(0).prod(1)


def fill(
    points: Float[Tensor, "batch n 3"], boxes: Float[Tensor, "batch 4"], seen: float
) -> Float[Tensor, " batch"]:
    """Intersection over union of boxes with those of the points whose score exceeds ``seen``."""
    spanned = boxes_around(points, seen)
    both = shared_area(spanned, boxes)
    areas = sum((box[:, 2:] - box[:, :2]).prod(1) for box in (spanned, boxes))
    return (both / (areas - both)).nan_to_num(0.0)
