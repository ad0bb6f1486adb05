"""Points of the body by three networks that vote, see `core.nets.person_points`."""

from __future__ import annotations

from core.fit.detector import Crops, Detector
from core.fit.evidence import BodyPoints, PersonMask, WorldPoints
from core.nets.person_points import load_person_points
from core.nets.point_vote import PointVotes


class _Fused:
    """The networks, with answers in pixels of the crop."""

    def __init__(self) -> None:
        self._find = load_person_points()

    def __call__(self, crops: Crops) -> tuple[BodyPoints, WorldPoints, PersonMask, PointVotes]:
        scale = crops.images.shape[-1] / crops.size
        found = self._find(crops.images, crops.pixels)
        points = BodyPoints(found.xy / scale, found.sigma / scale)
        world = WorldPoints(found.world, found.foreshortening_sigma)
        regions = found.regions.scaled(1 / scale)
        mask = PersonMask(regions.paste(found.mask, crops.size))
        return points, world, mask, found.votes.scaled(1 / scale)


DETECTOR = Detector(
    name="fused",
    order=5,
    needs="an upright square RGB crop in 0..1, and the person's box in it",
    gives=(BodyPoints, WorldPoints, PersonMask, PointVotes),
    unit="pixels of the crop; metres in 3D",
    confidence="standard deviations, by how far the networks agree",
    description="27 points by MoveNet Thunder, MoveNet MultiPose and BlazePose-heavy (Apache-2.0)",
    load=_Fused,
)
