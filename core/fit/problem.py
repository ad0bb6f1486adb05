"""What is observed: cameras of crops, and evidence about the people in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from jaxtyping import Int
from torch import Tensor

from core.fit.evidence import FeatureMap
from core.geometry.camera import Camera
from core.rows import Rows

Kind = TypeVar("Kind", bound=Rows)


@dataclass(frozen=True)
class Problem:
    """Observations of a batch, each in the frame of its crop's camera.

    A row is one person in one frame. Rows of one person may share parameters, see
    `core.fit.schedule.Schedule.shared`.

    Attributes:
        camera: cameras of the crops, in pixels of the crop.
        evidence: by class, see `core.fit.evidence`.
        person, frame: numbers of the person and of the picture that each row shows.
    """

    camera: Camera
    evidence: Mapping[type[Rows], Rows]
    person: Int[Tensor, " batch"]
    frame: Int[Tensor, " batch"]

    @staticmethod
    def of(camera: Camera, *evidence: Rows) -> Problem:
        """A problem of different people, one frame each.

        Raises:
            ValueError: some evidence has another number of rows than the camera.
        """
        _check_rows(camera, evidence)
        person = torch.arange(len(camera))
        by_class = {type(e): e for e in evidence}
        return Problem(camera, by_class, person, torch.zeros_like(person))

    def __len__(self) -> int:
        return len(self.camera)

    def find(self, kind: type[Kind]) -> Kind | None:
        """The evidence of a class, None if there is none."""
        found = self.evidence.get(kind)
        return found if isinstance(found, kind) else None

    def get(self, kind: type[Kind]) -> Kind:
        """The evidence of a class.

        Raises:
            ValueError: there is none.
        """
        found = self.find(kind)
        if found is None:
            raise ValueError(f"this problem has no {kind.__name__}")
        return found

    def having(self, *evidence: Rows) -> Problem:
        """The same problem with evidence added, or replaced where it has some of that class.

        Raises:
            ValueError: some evidence has another number of rows than the problem.
        """
        _check_rows(self.camera, evidence)
        merged = {**self.evidence, **{type(e): e for e in evidence}}
        return Problem(self.camera, merged, self.person, self.frame)

    def without(self, kind: type[Rows]) -> Problem:
        """The same problem without the evidence of a class."""
        kept = {other: value for other, value in self.evidence.items() if other is not kind}
        return Problem(self.camera, kept, self.person, self.frame)

    def to(self, device: torch.device) -> Problem:
        """The same problem on another device."""
        moved = {kind: value.to(device) for kind, value in self.evidence.items()}
        return Problem(self.camera.to(device), moved, self.person.to(device), self.frame.to(device))

    def select(self, index: Int[Tensor, " rows"]) -> Problem:
        """Some of the rows, each as often as it is named."""
        chosen = {kind: value.select(index) for kind, value in self.evidence.items()}
        return Problem(self.camera.select(index), chosen, self.person[index], self.frame[index])

    @staticmethod
    def stack(problems: Sequence[Problem]) -> Problem:
        """Problems of different people as one batch, with the evidence that all of them have."""
        first = problems[0]
        shared = [kind for kind in first.evidence if all(kind in p.evidence for p in problems)]
        evidence = [kind.stack([p.evidence[kind] for p in problems]) for kind in shared]
        return Problem.of(Camera.stack([p.camera for p in problems]), *evidence)

    @property
    def map_camera(self) -> Camera:
        """The cameras in pixels of the feature map."""
        return self.camera.scaled(1 / self.get(FeatureMap).stride)


def _check_rows(camera: Camera, evidence: Sequence[Rows]) -> None:
    """Refuse evidence that does not have one row for each camera."""
    if wrong := [type(e).__name__ for e in evidence if len(e) != len(camera)]:
        raise ValueError(f"{', '.join(wrong)}: not one row for each of {len(camera)} cameras")
