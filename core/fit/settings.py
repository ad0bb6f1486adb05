"""Settings of the objective that are no weights."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.fit.likelihood import LikelihoodSettings
from core.render.volume.sparse import RenderSettings


@dataclass(frozen=True, kw_only=True)
class FitSettings:
    """What terms of the objective may be set to.

    Attributes:
        keypoint_sigma: Geman-McClure scale of 2D keypoints in pixels of the crop.
    """

    keypoint_sigma: float = 25.0
    likelihood: LikelihoodSettings = field(default_factory=LikelihoodSettings)
    render: RenderSettings = field(default_factory=RenderSettings)
