"""Joints over the photo: which one is meant, and what is said of it."""

import pytest

from app.geometry.plane import View
from app.panels.joints import LEFT, MIDDLE, RIGHT, joint_at, joint_name, joint_text, side_color
from core.body.names import JOINT_NAMES

VIEW = View(2.0, (10.0, 20.0))
ESTIMATED = ((0.0, 0.0, 0.0), (30.0, 40.0, -0.5))


def test_the_nearest_joint_is_meant():
    joints = [(joint,) for joint in ESTIMATED]
    assert joint_at(VIEW, joints, (12.0, 22.0)) == 0
    assert joint_at(VIEW, joints, (71.0, 95.0)) == 1  # (30, 40) lies at (70, 100)
    assert joint_at(VIEW, joints, (40.0, 60.0)) is None
    assert joint_at(VIEW, (), (12.0, 22.0)) is None
    on_body = (15.0, 20.0, 0.0)  # at (40, 60)
    assert joint_at(VIEW, [joints[0], (*joints[1], on_body)], (40.0, 60.0)) == 1


@pytest.mark.parametrize(
    ("joint", "words"), [("l_wrist", "left wrist"), ("r_knee", "right knee"), ("head", "head")]
)
def test_joints_have_names_in_words(joint, words):
    assert joint_name(JOINT_NAMES.index(joint)) == words


def test_sides_have_colours():
    assert [side_color(name) for name in ("l_knee", "r_knee", "neck")] == [LEFT, RIGHT, MIDDLE]


def test_an_estimate_is_told_beside_the_body():
    text = joint_text(1, ESTIMATED[1], (7.6, 0.25), (33.0, 44.0, 0.125))
    estimate = "left hip: estimated to 8 px, foreshortening -0.50 ± 0.25"
    assert text == f"{estimate} · body 5 px off, foreshortening +0.12"
    assert joint_text(1, ESTIMATED[1], (7.6, 0.25), None) == estimate


def test_the_root_has_no_bone_and_no_foreshortening():
    assert "foreshortening" not in joint_text(0, ESTIMATED[0], (7.6, 0.25), ESTIMATED[0])
