"""Points of the body move with the joints that carry them."""

import torch

from core.body.kinematics import forward_kinematics
from core.body.load import load_body
from core.body.names import JOINT_NAMES
from core.body.points import CARRIERS, LIMB_POINTS, POINTS, global_rotations, place_points
from core.geometry.rotations import rotation_from_axis_angle


def posed(seed=0):
    torch.manual_seed(seed)
    rotations = rotation_from_axis_angle(torch.randn(2, 24, 3))
    rest = load_body().rest_joints(torch.zeros(2, 10))
    return rotations, forward_kinematics(rotations, rest)


def test_rotations_accumulate_as_in_the_kinematics():
    rotations, kinematics = posed()
    torch.testing.assert_close(global_rotations(rotations), kinematics.rotations)


def test_points_are_fixed_to_their_joints():
    """A point is where the rigid motion of its joint takes it."""
    rotations, kinematics = posed()
    offsets = 0.1 * torch.randn(len(POINTS), 3)
    rest = load_body().rest_joints(torch.zeros(2, 10))
    carriers = list(CARRIERS)
    moved = kinematics.rotations[:, carriers] @ (rest[:, carriers] + offsets)[..., None]
    expected = moved[..., 0] + kinematics.translations[:, carriers]
    found = place_points(rotations, kinematics.joints, offsets)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_points_hang_on_joints_of_their_name_or_near():
    hung = {point: JOINT_NAMES[joint] for point, joint in zip(POINTS, CARRIERS, strict=True)}
    assert all(hung[name] == name for name in LIMB_POINTS)
    assert hung["nose"] == hung["l_ear"] == "head"
    assert hung["r_toe"] == "r_foot" and hung["l_heel"] == "l_ankle"
    assert hung["l_thumb"] == hung["l_pinky"] == "l_wrist"


def test_rest_points_are_near_the_surface():
    """A sanity check of the table: nothing floats beside the body."""
    body = load_body()
    eye = torch.eye(3).expand(1, 24, 3, 3)
    still = body.pose(eye, torch.zeros(1, 10), torch.zeros(1, 3))
    points = place_points(eye, body.rest_joints(torch.zeros(1, 10)))[0]
    assert torch.cdist(points, still.vertices[0]).amin(1).max() < 0.12
