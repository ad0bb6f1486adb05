"""What is optimised when, with which weights: data, never code."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from core.fit.likelihood import LikelihoodSettings
from core.render.volume.sparse import RenderSettings

PARAMETERS = ("global_orient", "body_pose", "betas", "transl")
TERMS = ("nll", "keypoints", "joint_estimate", "prior", "limits", "shape", "anchor")


@dataclass(frozen=True)
class Stage:
    """A run of Adam steps on some parameters.

    Attributes:
        name: shown in the debugger and in reports.
        steps: number of Adam steps; the optimiser's moments start afresh in each stage.
        parameters: which of `PARAMETERS` may move.
        weights: weight of each of `TERMS`; a term that is not named has weight 0.
        learning_rate: Adam's, in radians, metres (place) and standard deviations (shape).
    """

    name: str
    steps: int
    parameters: tuple[str, ...]
    weights: dict[str, float]
    learning_rate: float = 0.02


@dataclass(frozen=True)
class Schedule:
    """All stages of a fit and everything else that decides its course.

    Attributes:
        two_sided: also try the start turned by 180 degrees and keep the likelier one.
        turn_margin: by how much (nats) the turned start must be likelier: a network that sees the
            whole picture is more often right about front and back than one comparison.
        keypoint_sigma: Geman-McClure scale in pixels of the crop.
        beta_moments: Adam's decay rates.
    """

    stages: tuple[Stage, ...]
    two_sided: bool = True
    turn_margin: float = 20.0
    keypoint_sigma: float = 25.0
    beta_moments: tuple[float, float] = (0.9, 0.99)
    likelihood: LikelihoodSettings = field(default_factory=LikelihoodSettings)
    render: RenderSettings = field(default_factory=RenderSettings)

    @property
    def steps(self) -> int:
        """Adam steps of all stages together."""
        return sum(stage.steps for stage in self.stages)

    def stage_of(self, step: int) -> int:
        """Index of the stage that step number ``step`` belongs to."""
        for index, stage in enumerate(self.stages):
            if step < stage.steps:
                return index
            step -= stage.steps
        return len(self.stages) - 1

    def with_weights(self, **weights: float) -> Schedule:
        """The same schedule with some weights changed in every stage."""
        stages = tuple(replace(s, weights={**s.weights, **weights}) for s in self.stages)
        return replace(self, stages=stages)

    def with_backend(self, backend: str) -> Schedule:
        """The same schedule rendered by another of `core.render.backends.BACKENDS`."""
        return replace(self, render=replace(self.render, backend=backend))

    @staticmethod
    def standard() -> Schedule:
        """120 steps as in 3DNBF's release, first on the place alone, then on everything.

        The release first turns and moves the root for 40 steps. Here that turns bodies whose limbs
        are still wrong until these cover the right pixels. The weights belong to our scale of the
        likelihood.
        """
        weights = {
            "nll": 1.0,
            "keypoints": 0.3,
            "joint_estimate": 12.0,
            "prior": 15.0,
            "limits": 10.0,
        }
        weights |= {"shape": 1.0}
        place = Stage("place", 30, ("transl",), weights)
        pose = Stage("pose", 90, PARAMETERS, {**weights, "anchor": 80.0})
        return Schedule(stages=(place, pose))
