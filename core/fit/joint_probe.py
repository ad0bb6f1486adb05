"""Why a joint is where it is: what its limb explains, and which term pulls it where."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from core.body.names import JOINT_NAMES, LIMB_OF_JOINT
from core.fit.comparison import Comparison
from core.fit.limb_shares import LimbShare, limb_shares
from core.fit.observation import Observation
from core.fit.pull import joint_pulls
from core.fit.visit import Visit
from core.geometry.camera import Camera, project

Vector = tuple[float, float, float]
Pixel = tuple[float, float]
WHOLE = "total"
"""Name of the pull of the whole objective."""


@dataclass(frozen=True)
class TermPull:
    """The pull of one term on a joint, see `core.fit.pull`.

    Attributes:
        motion: metres in the photo's camera.
        arrow: pixels of the photo.
    """

    term: str
    motion: Vector
    arrow: Pixel


@dataclass(frozen=True)
class JointProbe:
    """What is behind the place of one joint.

    Attributes:
        position: metres in the photo's camera.
        place: pixels of the photo.
        share: what the joint's limb explains of the feature map.
        pulls: of all terms, and of the whole objective (`WHOLE`), which is their sum.
    """

    joint: str
    position: Vector
    place: Pixel
    share: LimbShare
    pulls: tuple[TermPull, ...]


def probe_joints(
    visit: Visit, observation: Observation, seen: Comparison
) -> tuple[JointProbe, ...]:
    """What is behind the places of all joints at a step.

    Args:
        seen: the step compared with the observation.
    """
    shares = limb_shares(visit.problem, seen, visit.model.volume)
    pulls = joint_pulls(visit).turned(torch.as_tensor(observation.view.rotation))
    camera = _photo_camera(observation).to(pulls.joints.device)
    terms, motions = (*pulls.terms, WHOLE), torch.cat([pulls.motion, pulls.whole[None]])
    arrows = pulls.arrows(camera)
    arrows = torch.cat([arrows, arrows.sum(0, keepdim=True)])
    places = project(camera, pulls.joints[None])[0]
    return tuple(
        JointProbe(
            joint=name,
            position=_vector(pulls.joints[j].tolist()),
            place=_pixel(places[j].tolist()),
            share=shares[LIMB_OF_JOINT[j]],
            pulls=tuple(
                TermPull(term, _vector(motions[t, j].tolist()), _pixel(arrows[t, j].tolist()))
                for t, term in enumerate(terms)
            ),
        )
        for j, name in enumerate(JOINT_NAMES)
    )


def _photo_camera(observation: Observation) -> Camera:
    """The camera of the whole photo, in its pixels."""
    height, width = observation.photo.shape[:2]
    focal = torch.tensor([observation.focal], dtype=torch.float32)
    return Camera(focal, torch.tensor([[width / 2, height / 2]]))


def _vector(values: list[float]) -> Vector:
    x, y, z = values
    return x, y, z


def _pixel(values: list[float]) -> Pixel:
    x, y = values
    return x, y
