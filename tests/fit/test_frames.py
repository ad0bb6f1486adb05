"""A body keeps its pixels when it changes camera frames."""

import numpy as np
import torch

from core.fit.frames import crop_from_photo, photo_from_crop
from core.geometry.crop import Box, crop_view
from tests.fit.toy_problem import perturbed, toy_model, true_body

VIEW = crop_view(800, 600, Box(520, 60, 150, 400), 900.0, 256)


def pose_joints(model, params):
    return model.volume.pose(params.rotations(), params.betas, params.transl).joints[0]


def test_pixels_agree_between_photo_and_crop():
    model = toy_model(torch.float64)
    body = perturbed(true_body(dtype=torch.float64))
    in_crop = pose_joints(model, body).numpy()
    in_photo = pose_joints(model, photo_from_crop(body, VIEW, model.volume)).numpy()
    crop_pixels = VIEW.focal * in_crop[:, :2] / in_crop[:, 2:] + VIEW.size / 2
    photo_pixels = 900.0 * in_photo[:, :2] / in_photo[:, 2:] + [400, 300]
    mapped = np.c_[photo_pixels, np.ones(24)] @ VIEW.homography.T
    assert np.allclose(mapped[:, :2] / mapped[:, 2:], crop_pixels)


def test_round_trip():
    model = toy_model(torch.float64)
    body = perturbed(true_body(dtype=torch.float64))
    again = crop_from_photo(photo_from_crop(body, VIEW, model.volume), VIEW, model.volume)
    assert torch.allclose(again.rotations(), body.rotations())
    assert torch.allclose(again.transl, body.transl)
