"""Points of one person in each crop, by MoveNet and BlazePose-heavy together.

MoveNet Thunder looks at the person's box with everything else blanked: it answers for the most
prominent person, and so it is the one who is meant. MoveNet MultiPose finds all people of the same
picture, of whom the one that fills the box best is taken. BlazePose-heavy wants whole, upright,
centred bodies: it looks at the region that Thunder's points lay. Each looks twice, with another
margin, at the mirror image, or at a wider region, because a network's errors differ from look to
look. The looks of a network share its weight when all are joined by `core.nets.point_vote`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

from core.body.points import FACE_POINTS, LIMB_BONES, LIMB_POINTS, POINTS
from core.nets.blazepose import INPUT_SIZE, BlazePoseOutput, load_heavy
from core.nets.crowd import (
    COCO_ROWS,
    MARGIN,
    SEEN,
    blanked,
    fill,
    look_twice,
    regions_of,
    resized,
)
from core.nets.keypoints import refine
from core.nets.movenet import THUNDER_SIZE, load_multipose, load_thunder
from core.nets.point_vote import PointVotes, elect, sigma_of_support
from core.nets.region import Regions
from core.rows import Rows

VOICES = (
    "MoveNet Thunder",
    "MoveNet Thunder, close",
    "MoveNet MultiPose",
    "MoveNet MultiPose, mirrored",
    "BlazePose-heavy",
    "BlazePose-heavy, wide",
)
"""The looks that vote."""
LOOKS = 2
"""Looks of each network."""
SHARED = (*LIMB_POINTS, *FACE_POINTS)
"""Points that all three networks find; the others are heavy's alone."""

_IN_BLAZEPOSE = {
    "nose": 0,
    "l_eye": 2,
    "r_eye": 5,
    "l_ear": 7,
    "r_ear": 8,
    **{
        f"{s}_{n}": row + (s == "r")
        for n, row in (
            *(("shoulder", 11), ("elbow", 13), ("wrist", 15), ("pinky", 17), ("index", 19)),
            *(("thumb", 21), ("hip", 23), ("knee", 25), ("ankle", 27), ("heel", 29), ("toe", 31)),
        )
        for s in "lr"
    },
}
_COCO_ROWS = [COCO_ROWS[name] for name in SHARED]
_FIRST_ROWS = list(range(len(SHARED)))
_BLAZEPOSE_ROWS = [_IN_BLAZEPOSE[name] for name in POINTS]
_NEXT_TO = {"heel": "ankle", "toe": "ankle", "pinky": "wrist", "index": "wrist", "thumb": "wrist"}
_NEIGHBOURS = [
    SHARED.index(name if name in SHARED else f"{name[0]}_{_NEXT_TO[name[2:]]}") for name in POINTS
]

# Weight of a voice: constant, and factor of its own score. Heavy's scores are not honest.
_THUNDER, _MULTIPOSE, _HEAVY = (0.5, 0.6), (0.4, 0.6), (0.5, 0.4)
_CLOSE = 0.04  # margin around the box in Thunder's second look, see `core.nets.crowd.MARGIN`
_WIDE = 1.2  # side of heavy's second region over that of the first
_FILL = 2.0  # log-weight of how a person's points fill the box
_SEEN_BY_HEAVY = 0.3
_TAKEN = 0.08  # distance, as a share of the box, up to which a point is another person's
_OF_ANOTHER = 0.3  # factor of the weight of such a point
_HEAVY_SIGMA = 0.03  # smallest standard deviation of heavy's own points, share of the box
_UNSEEN_SIGMA = 0.3
_LEAST_WEIGHT = 0.01  # of a look at heavy's own points
_FORESHORTENING_SIGMA = torch.tensor(
    [0.33 if first[2:] in ("hip", "knee") else 0.24 for first, _ in LIMB_BONES]
)
"""Standard deviation of heavy's foreshortenings where its points are sure."""
_FORESHORTENING_SPREAD = 5.0  # per standard deviation of the ends, as a share of the box
_BONE_ENDS = [[POINTS.index(bone[end]) for bone in LIMB_BONES] for end in (0, 1)]


@dataclass(frozen=True)
class PersonPoints(Rows):
    """What the networks find in a batch of crops.

    Attributes:
        xy: `core.body.points.POINTS` in pixels of the images.
        sigma: standard deviation of x and of y in the same pixels.
        regions: where heavy looked, in pixels of the images.
        mask: heavy's logits that a pixel of its region shows the person.
        world: `POINTS` by heavy in metres from the middle of the hips, in the crop's axes: x right,
            y down, z away from the camera.
        foreshortening_sigma: standard deviations of `limb_foreshortening` of these.
        votes: of `VOICES` for the `SHARED` points.
    """

    xy: Float[Tensor, "batch points 2"]
    sigma: Float[Tensor, "batch points"]
    regions: Regions
    mask: Float[Tensor, "batch 256 256"]
    world: Float[Tensor, "batch points 3"]
    foreshortening_sigma: Float[Tensor, "batch bones"]
    votes: PointVotes


@cache
def load_person_points() -> PersonPointsDetector:
    """The detector, loaded once in a process."""
    return PersonPointsDetector()


class PersonPointsDetector:
    """The three networks and their vote."""

    def __init__(self) -> None:
        self._thunder = load_thunder()
        self._multipose = load_multipose()
        self._heavy = load_heavy()

    @torch.no_grad()
    def __call__(
        self, images: Float[Tensor, "batch 3 s s"], boxes: Float[Tensor, "batch 4"]
    ) -> PersonPoints:
        """Points of one person an image.

        Args:
            images: upright RGB, 0..1.
            boxes: of the persons who are meant: left, top, right, bottom in pixels.
        """
        thunder = self._thunder_points(images, boxes)
        people = look_twice(self._multipose, images, boxes)
        regions = regions_of(thunder[:, 0, :, :2])
        looks = [regions, replace(regions, side=_WIDE * regions.side)]
        outputs = [self._heavy(region.cut(images, INPUT_SIZE)) for region in looks]
        found = zip(outputs, looks, strict=True)
        heavy = torch.stack([_heavy_points(output, region) for output, region in found], 1)
        votes = _votes(thunder, people, heavy, boxes)
        side = (boxes[:, 2:] - boxes[:, :2]).amax(1)
        elected = elect(votes.xy, votes.weight, side)
        sigma = _sigmas(sigma_of_support(elected.support), heavy[..., 2].amax(1))
        worlds = [output.landmarks.world[:, _BLAZEPOSE_ROWS] for output in outputs]
        return PersonPoints(
            xy=torch.cat([elected.xy, _own_places(heavy, side)], 1),
            sigma=side[:, None] * sigma,
            regions=regions,
            mask=outputs[0].mask,
            world=_turned_back(torch.stack(worlds).mean(0), regions),
            foreshortening_sigma=_foreshortening_sigmas(sigma),
            votes=votes,
        )

    def _thunder_points(
        self, images: Float[Tensor, "batch 3 s s"], boxes: Float[Tensor, "batch 4"]
    ) -> Float[Tensor, "batch looks 17 3"]:
        """Thunder's points in pixels of the images, with their scores."""
        framed = [
            resized(blanked(images, boxes, margin), THUNDER_SIZE) for margin in (MARGIN, _CLOSE)
        ]
        found = self._thunder(torch.cat(framed))
        xy = found.xy * (images.shape[-1] / THUNDER_SIZE)
        both = torch.cat([xy, found.score[..., None]], -1)
        return both.unflatten(0, (LOOKS, -1)).transpose(0, 1)


def _heavy_points(output: BlazePoseOutput, regions: Regions) -> Float[Tensor, "batch points 3"]:
    """All `POINTS` in pixels of the images, with visibility times presence."""
    xy = refine(output.landmarks.xy, output.heatmaps.sigmoid())
    seen = output.landmarks.visibility.sigmoid() * output.landmarks.presence.sigmoid()
    points = torch.cat([regions.to_crop(xy / INPUT_SIZE), seen[..., None]], -1)
    return points[:, _BLAZEPOSE_ROWS]


def _own_places(
    heavy: Float[Tensor, "batch looks points 3"], side: Float[Tensor, " batch"]
) -> Float[Tensor, "batch own 2"]:
    """Where heavy's looks see feet and hands, which no other network finds."""
    own = heavy[:, :, len(SHARED) :].transpose(1, 2)
    # who is hardly seen has a place, too: `elect` needs some weight for its mean
    return elect(own[..., :2], own[..., 2].clamp_min(_LEAST_WEIGHT), side).xy


def _turned_back(
    world: Float[Tensor, "batch points 3"], regions: Regions
) -> Float[Tensor, "batch points 3"]:
    """World points in the crop's axes: the region is turned in the image plane."""
    across, down = world[..., :1], world[..., 1:2]
    plane = across * regions.right[:, None] - down * regions.up[:, None]
    return torch.cat([plane, world[..., 2:]], -1)


def _votes(
    thunder: Float[Tensor, "batch looks 17 3"],
    people: Float[Tensor, "batch looks 6 17 3"],
    heavy: Float[Tensor, "batch looks points 3"],
    boxes: Float[Tensor, "batch 4"],
) -> PointVotes:
    """What each look says about the `SHARED` points, with its weight.

    Args:
        people: by MultiPose, the one who is meant first.
    """
    multipose, side = people[:, :, 0], (boxes[:, 2:] - boxes[:, :2]).amax(1)
    voices = [
        (points[:, look], rows, trust, fill(points[:, look], boxes, seen))
        for points, rows, trust, seen in (
            (thunder, _COCO_ROWS, _THUNDER, SEEN),
            (multipose, _COCO_ROWS, _MULTIPOSE, SEEN),
            (heavy, _FIRST_ROWS, _HEAVY, _SEEN_BY_HEAVY),
        )
        for look in range(LOOKS)
    ]
    fills = torch.stack([filled for *_, filled in voices], 1)
    favour = torch.exp(_FILL * (fills - fills.amax(1, keepdim=True)))
    shared = [points[:, rows] for points, rows, *_ in voices]
    others = people[:, :, :, _COCO_ROWS]
    weights = [
        (least + factor * points[..., 2])
        * (points[..., 2] > 0)
        * torch.stack([_not_of_others(points[..., :2], o, side) for o in others.unbind(1)]).mean(0)
        for points, (_, _, (least, factor), _) in zip(shared, voices, strict=True)
    ]
    weight = torch.stack(weights, 2) * favour[:, None] / LOOKS
    return PointVotes(
        names=SHARED,
        voices=VOICES,
        xy=torch.stack([points[..., :2] for points in shared], 2),
        weight=weight,
        sigma=side[:, None, None] * sigma_of_support(weight),
    )


def _not_of_others(
    points: Float[Tensor, "batch shared 2"],
    people: Float[Tensor, "batch 6 shared 3"],
    side: Float[Tensor, " batch"],
) -> Float[Tensor, "batch shared"]:
    """1, or less for points that another person has at that place rather than the one meant."""
    apart = (points[:, None] - people[..., :2]).norm(dim=-1)
    others = torch.where(people[:, 1:, :, 2] > SEEN, apart[:, 1:], torch.inf).amin(1)
    taken = (others < _TAKEN * side[:, None]) & (others < apart[:, 0])
    return torch.where(taken, _OF_ANOTHER, 1.0)


def _sigmas(
    shared: Float[Tensor, "batch shared"], seen: Float[Tensor, "batch points"]
) -> Float[Tensor, "batch points"]:
    """Standard deviations of all points, as shares of the box.

    Heavy's own points (feet and hands) have nobody who agrees: they are as good as the joint that
    they hang on, if heavy sees them at all.
    """
    own = shared[:, _NEIGHBOURS].clamp_min(_HEAVY_SIGMA)
    own = torch.where(seen > _SEEN_BY_HEAVY, own, _UNSEEN_SIGMA)
    return torch.cat([shared, own[:, len(SHARED) :]], 1)


def _foreshortening_sigmas(sigma: Float[Tensor, "batch points"]) -> Float[Tensor, "batch bones"]:
    """Standard deviations of foreshortenings, from those of the ends as shares of the box.

    Where the networks do not agree on the ends, heavy looks at something else.
    """
    first, last = _BONE_ENDS
    ends = torch.maximum(sigma[:, first], sigma[:, last])
    return torch.hypot(_FORESHORTENING_SIGMA.to(sigma), _FORESHORTENING_SPREAD * ends)
