"""Bodies between the frame of a crop's virtual camera and that of the photo's camera.

Both cameras have the same centre; only their directions differ. A body turns about its rest
pelvis, so its translation changes with the rotation as well.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from core.body.params import BodyParams
from core.fit.state import rest_pelvis
from core.geometry.crop import CropView
from core.geometry.rotations import axis_angle_from_rotation, rotation_from_axis_angle
from core.nbv.volume import NeuralBodyVolume


def photo_from_crop(params: BodyParams, view: CropView, volume: NeuralBodyVolume) -> BodyParams:
    """Bodies of the crop camera's frame in the photo camera's frame."""
    return turned(params, torch.as_tensor(view.rotation), volume)


def crop_from_photo(params: BodyParams, view: CropView, volume: NeuralBodyVolume) -> BodyParams:
    """Bodies of the photo camera's frame in the crop camera's frame."""
    return turned(params, torch.as_tensor(view.rotation.T.copy()), volume)


def turned(
    params: BodyParams, rotation: Float[Tensor, "3 3"], volume: NeuralBodyVolume
) -> BodyParams:
    """The same bodies seen from a camera turned the other way: every point x becomes R x."""
    rotation = rotation.to(params.transl)
    root = rotation @ rotation_from_axis_angle(params.global_orient)
    pelvis = rest_pelvis(volume, params.betas)
    transl = (params.transl + pelvis) @ rotation.T - pelvis
    return BodyParams(axis_angle_from_rotation(root), params.body_pose, params.betas, transl)
