"""A step that is asked about: its answers share what they are made from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch

from core.fit.comparison import Comparison, compare
from core.fit.joint_probe import JointProbe, probe_joints
from core.fit.observation import Observation
from core.fit.probe import PixelProbe, probe_compared
from core.fit.visit import Visit


@dataclass(frozen=True)
class StepProbe:
    """Pixels and joints of one step of a fit of one person."""

    visit: Visit
    observation: Observation

    @cached_property
    def seen(self) -> Comparison:
        """The step compared with the observation."""
        visit = self.visit
        with torch.no_grad():
            return compare(visit.problem, visit.model, visit.body, visit.schedule)

    @cached_property
    def joints(self) -> tuple[JointProbe, ...]:
        """All joints."""
        return probe_joints(self.visit, self.observation, self.seen)

    def pixel(self, row: int, column: int) -> PixelProbe:
        """A pixel of the feature map.

        Raises:
            UserError: the map has no such pixel.
        """
        visit = self.visit
        return probe_compared(visit.problem, visit.model, self.seen, visit.schedule, row, column)
