"""A body at which the objective is evaluated, and quantities that several terms share."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from core.fit.comparison import pose_volume
from core.fit.model import GenerativeModel
from core.fit.problem import Problem
from core.fit.settings import FitSettings
from core.fit.state import BodyState, rotation_steps
from core.geometry.camera import project
from core.nbv.volume import PosedKernels


@dataclass(frozen=True)
class Evaluation:
    """A batch of bodies compared with a problem. Everything is differentiable in ``vector``.

    Attributes:
        vector: coordinates around the start (`core.fit.state.Chart`), laid out as `BODY`.
        posed: the volume in these poses; its joints are in metres in the crop cameras' frames.
        projected: joints in pixels of the crop.
    """

    problem: Problem
    model: GenerativeModel
    settings: FitSettings
    body: BodyState
    vector: Float[Tensor, "batch size"]
    posed: PosedKernels
    projected: Float[Tensor, "batch 24 2"]

    @staticmethod
    def at(
        problem: Problem,
        model: GenerativeModel,
        body: BodyState,
        vector: Float[Tensor, "batch size"],
        settings: FitSettings,
    ) -> Evaluation:
        """Pose the volume and project its joints."""
        posed = pose_volume(model.volume, body, settings.render)
        projected = project(problem.camera, posed.joints)
        return Evaluation(problem, model, settings, body, vector, posed, projected)

    @property
    def rotation_steps(self) -> Float[Tensor, "batch 24 3"]:
        """Rotation of each joint since the start, axis times angle (radians)."""
        return rotation_steps(self.vector)
