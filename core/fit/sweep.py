"""The objective along one parameter of the body, term by term."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from core.body.names import JOINT_NAMES
from core.body.numbers import AXES, LIMB_OF_START, PLACES, SHAPES, SIDES, check_parameter
from core.body.points import global_rotations
from core.errors import UserError
from core.fit.pose_perturbation import flip_angle, turn_about
from core.fit.pose_perturbation import turned as turned_in_camera
from core.fit.state import BodyState, rest_pelvis
from core.fit.visit import Visit
from core.geometry.rotations import axis_angle_from_rotation, rotation_from_axis_angle
from core.nbv.volume import NeuralBodyVolume

ROWS = 16  # bodies that are evaluated at once
"""A map is as large as that of a fit of as many people."""


@dataclass(frozen=True)
class Parameter:
    """One number of a body.

    Attributes:
        name: one of `core.body.numbers`.
    """

    name: str

    @staticmethod
    def parse(name: str) -> Parameter:
        """A parameter by its name.

        Raises:
            UserError: there is none of this name.
        """
        check_parameter(name)
        return Parameter(name)

    @property
    def unit(self) -> str:
        """Of its values."""
        if self.name in SHAPES:
            return "standard deviations"
        return "m" if self.name in PLACES else "degrees"

    def value(self, body: BodyState, volume: NeuralBodyVolume) -> float:
        """The value of one body."""
        if self.name in SHAPES:
            return float(body.betas[0, SHAPES.index(self.name)])
        if self.name in PLACES:
            return float(_pelvis(body, volume)[0, PLACES.index(self.name)])
        return 0.0

    def along(
        self, body: BodyState, origin: BodyState, volume: NeuralBodyVolume
    ) -> Float[Tensor, " rows"]:
        """The values of several bodies; turns are those from one body, about the parameter's axis.

        Args:
            origin: one row.
        """
        if "." not in self.name:
            return torch.tensor([self.value(body.select(i), volume) for i in range(len(body))])
        joint, _, axis = self.name.partition(".")
        number = JOINT_NAMES.index(joint)
        if axis not in SIDES:
            between = origin.rotations[:, number].mT @ body.rotations[:, number]
            return torch.rad2deg(axis_angle_from_rotation(between)[:, AXES.index(axis)])
        then, now = (global_rotations(b.rotations)[:, number] for b in (origin, body))
        about = turn_about(origin, volume, LIMB_OF_START[joint], axis)
        return torch.rad2deg((axis_angle_from_rotation(now @ then.mT) * about).sum(-1))

    def mirror(self, body: BodyState, volume: NeuralBodyVolume) -> float | None:
        """The turn to a limb's mirror image in depth, if that is what the parameter turns."""
        joint, _, axis = self.name.partition(".")
        if axis != "depth":
            return None
        angle, exists = flip_angle(body, volume, LIMB_OF_START[joint])
        return float(torch.rad2deg(angle)[0]) if bool(exists[0]) else None

    def span(self, here: float) -> tuple[float, float]:
        """The usual range around a value."""
        if self.name in SHAPES:
            return -3.0, 3.0
        if self.name == "depth":
            return 0.7 * here, 1.4 * here
        return (here - 0.3, here + 0.3) if self.name in PLACES else (-90.0, 90.0)

    def applied(
        self, body: BodyState, volume: NeuralBodyVolume, values: Float[Tensor, " rows"]
    ) -> BodyState:
        """One body with other values, a row for each."""
        rows = body.select(torch.zeros(len(values), dtype=torch.long, device=values.device))
        if self.name in SHAPES:
            betas = rows.betas.clone()
            betas[:, SHAPES.index(self.name)] = values
            return replace(
                rows, betas=betas, transl=_pelvis(rows, volume) - rest_pelvis(volume, betas)
            )
        if self.name in PLACES:
            moved = _placed(_pelvis(rows, volume), self.name, values)
            return replace(rows, transl=moved - rest_pelvis(volume, rows.betas))
        joint, _, axis = self.name.partition(".")
        angles, number = torch.deg2rad(values)[:, None], JOINT_NAMES.index(joint)
        if axis in SIDES:
            about = turn_about(rows, volume, LIMB_OF_START[joint], axis)
            return turned_in_camera(rows, volume, number, about * angles)
        turn = angles * torch.eye(3).to(angles)[AXES.index(axis)]
        rotations = rows.rotations.clone()
        rotations[:, number] = rotations[:, number] @ rotation_from_axis_angle(turn)
        return replace(rows, rotations=rotations)


@dataclass(frozen=True)
class Sweep:
    """Weighted terms along a parameter.

    Attributes:
        here: the value of the step, one of ``values``.
        terms: add up to ``total``.
        mirror: where a limb is its mirror image in depth; None for other parameters.
    """

    parameter: Parameter
    here: float
    values: Float[np.ndarray, " values"]
    terms: dict[str, Float[np.ndarray, " values"]]
    total: Float[np.ndarray, " values"]
    mirror: float | None = None

    @property
    def minima(self) -> tuple[int, ...]:
        """Where the total is smaller than on both sides, the smallest first; never at an end."""
        before, now, after = self.total[:-2], self.total[1:-1], self.total[2:]
        found = 1 + np.nonzero((now < before) & (now <= after))[0]
        return tuple(sorted(found.tolist(), key=lambda i: float(self.total[i])))

    @property
    def falls_at(self) -> float | None:
        """The end of the range at which the total is smallest of all, None if it is inside."""
        best = int(np.nanargmin(self.total)) if np.isfinite(self.total).any() else 1
        return float(self.values[best]) if best in (0, len(self.total) - 1) else None


def sweep(
    visit: Visit,
    parameter: Parameter,
    low: float | None = None,
    high: float | None = None,
    count: int = 61,
) -> Sweep:
    """Evaluate the objective at evenly spaced values of one parameter, and where the step is.

    Args:
        low, high: of the range; by default `Parameter.span`.
        count: number of values, without that of the step.

    Raises:
        UserError: the range is empty or not finite, has fewer than three values, or reaches behind
            the camera.
    """
    volume = visit.model.volume
    here = parameter.value(visit.body, volume)
    usual = parameter.span(here)
    low, high = usual[0] if low is None else low, usual[1] if high is None else high
    check_span(parameter, low, high, count)
    values = np.linspace(low, high, count)
    if low <= here <= high:
        values = np.union1d(values, [here])
    rows = torch.tensor(values, dtype=visit.vector.dtype, device=visit.vector.device)
    with torch.no_grad():
        bodies = parameter.applied(visit.body, volume, rows)
        vectors = visit.chart(len(rows)).vector(bodies)
        parts = [visit.costs(part) for part in vectors.split(ROWS)]
    terms = {n: torch.cat([part[n] for part in parts]).double().cpu().numpy() for n in parts[0]}
    mirror = parameter.mirror(visit.body, volume)
    return Sweep(parameter, here, values, terms, np.sum([*terms.values()], 0), mirror)


def check_span(parameter: Parameter, low: float, high: float, count: int) -> None:
    """Refuse a range that makes no sense."""
    name = f"the range {low:g} to {high:g} of {parameter.name}"
    if not -1e4 < low < high < 1e4:
        raise UserError(f"{name} is empty or endless; give the smaller end first")
    if parameter.name == "depth" and low <= 0:
        raise UserError(f"{name} reaches behind the camera; begin above 0 m")
    if count < 3:
        raise UserError(f"{name} needs 3 values or more, not {count}")


def _pelvis(body: BodyState, volume: NeuralBodyVolume) -> Float[Tensor, "batch 3"]:
    return body.transl + rest_pelvis(volume, body.betas)


def _placed(
    pelvis: Float[Tensor, "batch 3"], name: str, values: Float[Tensor, " batch"]
) -> Float[Tensor, "batch 3"]:
    """The pelvis at another place; another depth leaves it at its pixel."""
    if name == "depth":
        return pelvis * (values / pelvis[:, 2])[:, None]
    moved = pelvis.clone()
    moved[:, PLACES.index(name)] = values
    return moved
