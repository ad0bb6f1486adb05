"""What is known about the people of a problem, one class a kind of evidence.

Evidence is a frozen dataclass derived from `core.rows.Rows`, with a row for each row of the
problem. A problem holds at most one of each class, and terms and starts get it by class. A new kind
of evidence needs a class (in any module), a detector or caller that adds it to problems, and a term
or start that uses it.
`core.geometry.keypoints.Keypoints` (2D joints in crop pixels, SMPL order) and
`core.nets.joint_estimate.JointEstimate` are evidence, too, and `core.nets.point_vote.PointVotes`
and `core.fit.photo_frame.PhotoFrame`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from core.body.params import BodyParams
from core.rows import Rows


@dataclass(frozen=True)
class FeatureMap(Rows):
    """Feature maps of crops.

    Attributes:
        features: flattened maps, row-major.
        inside: share of each map pixel that shows the photo; 0 beyond its edge.
        size: height and width of the maps.
        stride: crop pixels per map pixel.
    """

    features: Float[Tensor, "batch map dim"]
    inside: Float[Tensor, "batch map"]
    size: tuple[int, int]
    stride: int

    @property
    def maps(self) -> Float[Tensor, "batch dim h w"]:
        """The maps as images."""
        return self.features.transpose(1, 2).unflatten(2, self.size)

    def shows(self, xy: Float[Tensor, "batch points 2"]) -> Bool[Tensor, "batch points"]:
        """Whether places, in pixels of the crop, are in a map pixel that is half photo or more."""
        height, width = self.size
        column, row = (xy / self.stride).floor().long().unbind(-1)
        on_map = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        cell = row.clamp(0, height - 1) * width + column.clamp(0, width - 1)
        return on_map & (self.inside.gather(1, cell) >= 0.5)


@dataclass(frozen=True)
class BodyPoints(Rows):
    """Detected points of the body, with their errors.

    Attributes:
        xy: `core.body.points.POINTS` in pixels of the crop.
        sigma: standard deviation of x and of y; infinite for points that were not looked for.
    """

    xy: Float[Tensor, "batch points 2"]
    sigma: Float[Tensor, "batch points"]


@dataclass(frozen=True)
class WishedJoints(Rows):
    """Where a person wants joints to be in the photo.

    Attributes:
        xy: joints in pixels of the crop.
        sigma: in pixels of the crop; infinite for joints without a wish.
    """

    xy: Float[Tensor, "batch 24 2"]
    sigma: Float[Tensor, "batch 24"]


@dataclass(frozen=True)
class WorldPoints(Rows):
    """Points of the body in 3D, as far as a detector can tell.

    Attributes:
        xyz: `core.body.points.POINTS` in metres, in the axes of the crop's camera. Place and size
            are not known.
        foreshortening_sigma: standard deviations of `core.body.points.limb_foreshortening`.
    """

    xyz: Float[Tensor, "batch points 3"]
    foreshortening_sigma: Float[Tensor, "batch bones"]


@dataclass(frozen=True)
class PersonMask(Rows):
    """Which pixels of the crop show the person who is meant, as far as a detector can tell.

    Attributes:
        logits: log-odds of each pixel; 0 where the detector did not look.
    """

    logits: Float[Tensor, "batch size size"]

    def at(self, size: tuple[int, int]) -> Float[Tensor, "batch map"]:
        """Means over the pixels of a map, flattened."""
        return F.adaptive_avg_pool2d(self.logits, size).flatten(1)


@dataclass(frozen=True)
class Bystanders(Rows):
    """Where other people were painted over before networks and detectors looked.

    Attributes:
        share: of each pixel of the crop, 0 to 1.
    """

    share: Float[Tensor, "batch size size"]


@dataclass(frozen=True)
class RegressedBody(Rows):
    """Bodies that the network regresses, in the crop cameras' frames."""

    body: BodyParams


@dataclass(frozen=True)
class GivenBody(Rows):
    """Bodies that the user gives, in the crop cameras' frames."""

    body: BodyParams
