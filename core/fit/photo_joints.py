"""Joints in the photo: as the network read them, and where a body has them.

The term "joint_estimate" (`core.fit.terms.joint_estimate`) compares the two; side by side they say
which joint pulls, and how sure the network was.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from core.body.params import BodyParams
from core.fit.engine import Engine
from core.fit.observation import Observation
from core.geometry.camera import Camera, project
from core.geometry.crop import CropView
from core.nets.joint_estimate import JointEstimate, bone_foreshortening


@dataclass(frozen=True)
class PhotoJoints:
    """Joints of one person, in SMPL's order.

    Attributes:
        xy: pixels of the photo.
        foreshortening: depth from the parent joint over the bone's length in the crop camera: -1
            points at it. 0 for the root.
        sigma: standard deviation of x and of y in pixels of the photo; 0 if they are not read.
        sigma_foreshortening: standard deviation of the foreshortening.
    """

    xy: Float[np.ndarray, "24 2"]
    foreshortening: Float[np.ndarray, "24"]
    sigma: Float[np.ndarray, "24"]
    sigma_foreshortening: Float[np.ndarray, "24"]


def read_joints(observation: Observation) -> PhotoJoints:
    """What the network read."""
    view, estimate = observation.view, observation.problem.get(JointEstimate)
    half = view.size / 2
    crop = (estimate.xy[0].double().numpy() + 1) * half
    foreshortening = estimate.foreshortening[0].double().numpy().copy()
    foreshortening[0] = 0
    return PhotoJoints(
        xy=view.to_photo(crop),
        foreshortening=foreshortening,
        sigma=half * estimate.log_sigma[0].double().exp().numpy() * photo_scale(crop, view),
        sigma_foreshortening=estimate.log_sigma_foreshortening[0].double().exp().numpy(),
    )


@torch.no_grad()
def body_joints(engine: Engine, observation: Observation, body: BodyParams) -> PhotoJoints:
    """Where a body in the crop camera's frame has its joints."""
    volume = engine.volume
    joints = volume.pose(body.rotations(), body.betas, body.transl).joints.double()
    none = np.zeros(joints.shape[1])
    on_photo = photo_points(joints[0], observation.view)
    return PhotoJoints(on_photo, bone_foreshortening(joints)[0].numpy(), none, none)


def photo_points(
    points: Float[Tensor, "points 3"], view: CropView
) -> Float[np.ndarray, "points 2"]:
    """Where points (metres, in the crop camera's frame) lie in the photo, in pixels."""
    exact = points.double()[None]
    crop = project(Camera.centered(exact.new_tensor([view.focal]), view.size), exact)[0]
    return view.to_photo(crop.numpy())


def photo_scale(crop: Float[np.ndarray, "n 2"], view: CropView) -> Float[np.ndarray, " n"]:
    """Pixels of the photo for a pixel of the crop, at some of its points."""
    here = view.to_photo(crop)
    right, down = (view.to_photo(crop + step) - here for step in ([1, 0], [0, 1]))
    return np.sqrt(np.abs(right[:, 0] * down[:, 1] - right[:, 1] * down[:, 0]))
