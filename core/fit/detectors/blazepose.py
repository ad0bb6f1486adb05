"""2D joints by BlazePose as published, see `core.nets.keypoints`."""

from __future__ import annotations

from core.fit.detector import Crops, Detector
from core.geometry.keypoints import Keypoints
from core.nets.keypoints import load_keypoint_detector


class _BlazePose:
    """The network, which looks at the crop in its own resolution."""

    def __init__(self) -> None:
        self._find = load_keypoint_detector()

    def __call__(self, crops: Crops) -> tuple[Keypoints]:
        found = self._find(crops.images)
        return (Keypoints(found.xy * (crops.size / crops.images.shape[-1]), found.confidence),)


DETECTOR = Detector(
    name="blazepose",
    order=10,
    needs="an upright square RGB crop in 0..1 around the person",
    gives=(Keypoints,),
    unit="pixels of the crop",
    confidence="0..1: visibility times presence, 0 for the joints it has no landmark for",
    description="12 joints by BlazePose-full (Apache-2.0), mean of crop and mirror image",
    load=_BlazePose,
)
