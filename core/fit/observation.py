"""One person in one photo, with the evidence of networks and detectors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from core.body.params import BodyParams
from core.fit.evidence import FeatureMap, RegressedBody
from core.fit.problem import Problem
from core.geometry.crop import Box, CropView
from core.geometry.keypoints import Keypoints
from core.occlusion.occluder import Occluders
from core.occlusion.paint import apply_occluders
from core.occlusion.scores import hidden_in_crop


@dataclass(frozen=True)
class Observation:
    """One person in one photo.

    Attributes:
        photo: the whole image as it was given, RGB.
        focal: its focal length in pixels.
        box: the person's box in its pixels.
        view: the crop's virtual camera.
        crop: the crop, RGB, with the occluders.
        problem: all evidence about the person, one row.
        keypoints: joints in photo pixels that the user gave, one row; None if they were detected.
        occluders: put before the photo by hand.
    """

    photo: UInt8[np.ndarray, "height width 3"]
    focal: float
    box: Box
    view: CropView
    crop: UInt8[np.ndarray, "size size 3"]
    problem: Problem
    keypoints: Keypoints | None = None
    occluders: Occluders = ()

    @cached_property
    def seen(self) -> UInt8[np.ndarray, "height width 3"]:
        """The photo with the occluders: what networks and detectors look at."""
        return apply_occluders(self.photo, self.occluders)

    @cached_property
    def hidden(self) -> Bool[np.ndarray, "size size"] | None:
        """Pixels of the crop that the occluders hide; None without occluders."""
        if not any(occluder.on for occluder in self.occluders):
            return None
        height, width = self.photo.shape[:2]
        return hidden_in_crop((width, height), self.occluders, self.view)

    def focal_in(self, picture: UInt8[np.ndarray, "_ _ 3"]) -> float:
        """The focal length in pixels of a scaled copy of the photo."""
        return float(self.focal) * picture.shape[1] / self.photo.shape[1]

    @property
    def features(self) -> Float[Tensor, "dim h w"]:
        """Unit features of the network at stride 4."""
        return self.problem.get(FeatureMap).maps[0]

    @property
    def regressed(self) -> BodyParams:
        """The network's guess, in the crop camera's frame."""
        return self.problem.get(RegressedBody).body


def to_crop(keypoints: Keypoints, view: CropView) -> Keypoints:
    """Keypoints of a photo as pixels of a crop."""
    matrix = torch.as_tensor(view.homography, dtype=keypoints.xy.dtype)
    ones = torch.ones_like(keypoints.xy[..., :1])
    mapped = torch.cat([keypoints.xy, ones], -1) @ matrix.T
    return Keypoints(mapped[..., :2] / mapped[..., 2:], keypoints.confidence)
