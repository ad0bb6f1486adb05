"""Fitted scenes of a small body, for the tests of presentation pictures."""

import numpy as np

from core.geometry.rotations import rotation_from_axis_angle
from core.pictures.fitted_scene import FittedScene
from tests.toys import toy_body

FLIP = np.diag([1.0, -1.0, -1.0])  # y up, facing the camera -> y down, z forward


def toy_scene(pitch=0.0, heading=0.0, knees=0.0, distance=4.0, focal=300.0, lift=0.0):
    """The toy body before a camera that looks down by ``pitch`` degrees.

    Args:
        heading: degrees that the person is turned to its left.
        knees: degrees that hips and knees are bent, as of one who sits.
        lift: metres that the body stands too high in the camera's frame.
    """
    import torch

    body = toy_body()
    pose = torch.zeros(1, 24, 3)
    pose[:, 0, 1] = np.radians(heading)
    pose[:, [1, 2], 0], pose[:, [4, 5], 0] = -np.radians(knees), np.radians(knees)
    betas, transl = torch.zeros(1, 10), torch.zeros(1, 3)
    posed = body.pose(rotation_from_axis_angle(pose), betas, transl)
    angle = np.radians(pitch)
    cos, sin = np.cos(angle), np.sin(angle)
    tilt = FLIP @ np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])

    def in_camera(points):
        moved = points[0].numpy() @ tilt.T + [0, -lift, distance]
        return moved.astype(np.float32)

    return FittedScene(
        vertices=in_camera(posed.vertices),
        start=in_camera(posed.vertices + 0.1),
        joints=in_camera(posed.joints),
        faces=body.faces.numpy().astype(np.int32),
        photo=np.full((240, 320, 3), 120, np.uint8),
        focal=focal,
    )


def true_up(pitch):
    """The way up in the frame of a camera that looks down by ``pitch`` degrees."""
    angle = np.radians(pitch)
    return np.array([0.0, -np.cos(angle), -np.sin(angle)])
