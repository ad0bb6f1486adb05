"""Settings of the objective other than weights."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.fit.likelihood import LikelihoodSettings
from core.render.volume.sparse import RenderSettings


@dataclass(frozen=True, kw_only=True)
class FitSettings:
    """Settings that terms of the objective use.

    Attributes:
        keypoint_sigma: Geman-McClure scale of 2D keypoints in pixels of the crop.
    """

    keypoint_sigma: float = 25.0
    likelihood: LikelihoodSettings = field(default_factory=LikelihoodSettings)
    render: RenderSettings = field(default_factory=RenderSettings)
