"""Skeletons with another rest pose, and bvh files of one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from core.body.names import PARENTS
from core.errors import UserError
from core.mocap import bvh
from core.mocap.retarget import BoneMotion, smallest_rotation, smpl_poses
from tests.toys import JOINTS

ANGLES = st.floats(-2.5, 2.5)
LONG = {1: 4, 2: 5, 4: 7, 5: 8, 16: 18, 17: 19, 18: 20, 19: 21}
BONES = {joint: f"bone{joint}" for joint in range(24)}


def whole_turns(pose: np.ndarray) -> list[Rotation]:
    whole = [Rotation.from_rotvec(pose[0])]
    for joint in range(1, 24):
        whole.append(whole[PARENTS[joint]] * Rotation.from_rotvec(pose[joint]))
    return whole


def test_same_rest_pose_gives_the_pose_back():
    pose = np.random.default_rng(0).uniform(-0.8, 0.8, (24, 3))
    rotations = {BONES[j]: t.as_matrix()[None] for j, t in enumerate(whole_turns(pose))}
    assert np.allclose(smpl_poses(BoneMotion(rotations, {}, BONES), JOINTS)[0], pose, atol=1e-6)


@given(st.lists(ANGLES, min_size=8, max_size=8))
def test_bones_point_where_the_recording_points_them(angles):
    """The rest pose of a skeleton with rotated long bones becomes SMPL's pose."""
    directions, bones = {}, {}
    for (joint, end), angle in zip(LONG.items(), angles, strict=True):
        turn = Rotation.from_euler("z", angle)
        directions[BONES[joint]] = turn.apply(JOINTS[end] - JOINTS[joint])
        bones[joint] = BONES[joint]
    rotations = {name: np.eye(3)[None] for name in directions}
    whole = whole_turns(smpl_poses(BoneMotion(rotations, directions, bones), JOINTS)[0])
    for joint, end in LONG.items():
        pointing = whole[joint].apply(JOINTS[end] - JOINTS[joint])
        theirs = directions[BONES[joint]]
        assert np.allclose(pointing, theirs, atol=1e-4)


def test_hands_and_feet_keep_their_orientation_on_spread_limbs():
    directions = {BONES[j]: Rotation.from_euler("z", 25, True).apply([0, -1, 0]) for j in (1, 4)}
    bones = {j: BONES[j] for j in (1, 4, 7)}
    rotations = {name: np.eye(3)[None] for name in bones.values()}
    pose = smpl_poses(BoneMotion(rotations, directions, bones), JOINTS)[0]
    assert np.abs(pose[7]).max() < 1e-6


@pytest.mark.parametrize(("arm", "axis", "sign"), [((0, 0, -1.5), 2, -1), ((0, 0, 1.5), 2, 1)])
def test_collar_bones_follow_arms_they_are_not_recorded_for(arm, axis, sign):
    rotations = {"arm": Rotation.from_rotvec(arm).as_matrix()[None]}
    pose = smpl_poses(BoneMotion(rotations, {}, {16: "arm"}), JOINTS)[0]
    assert 0.2 < sign * pose[13, axis] < 0.35
    assert np.allclose(pose[13] + pose[16], arm, atol=1e-6)


def test_smallest_rotation():
    source, target = np.array([1.0, 0, 0]), np.array([[0, 2.0, 0], [1, 0, 0], [0, 0, -3]])
    rotated = smallest_rotation(source, target)
    assert np.allclose(rotated.apply(source), target / np.linalg.norm(target, axis=1)[:, None])
    assert np.allclose(rotated.magnitude(), [np.pi / 2, 0, np.pi / 2])
    assert np.isfinite(smallest_rotation(source, -source).as_rotvec()).all()


def test_a_missing_bone_is_named():
    with pytest.raises(ValueError, match="lacks the bone arm"):
        BoneMotion({"leg": np.eye(3)[None]}, {}, {16: "arm"})


# name -> (parent, place at rest in the file's axes: z up, facing -y), arms hanging by 45 degrees
MAKEHUMAN = {
    "root": ("", (0, 0, 10)),
    **{
        f"{name}.{side}": (parent if parent in ("root", "spine01") else f"{parent}.{side}", place)
        for side, s in (("L", 1), ("R", -1))
        for name, parent, place in (
            ("upperleg01", "root", (s, 0, 9)),
            ("upperleg02", "upperleg01", (s, 0, 7)),
            ("lowerleg01", "upperleg02", (s, 0, 5)),
            ("foot", "lowerleg01", (s, 0, 1)),
            ("shoulder01", "spine01", (s, 0, 14)),
            ("upperarm01", "shoulder01", (2 * s, 0, 14)),
            ("upperarm02", "upperarm01", (3 * s, 0, 13)),
            ("lowerarm01", "upperarm02", (4 * s, 0, 12)),
            ("wrist", "lowerarm01", (6 * s, 0, 10)),
        )
    },
    "spine04": ("root", (0, 0, 11)),
    "spine03": ("spine04", (0, 0, 12)),
    "spine01": ("spine03", (0, 0, 13)),
    "neck01": ("spine01", (0, 0, 15)),
    "head": ("neck01", (0, 0, 16)),
}


def hierarchy(name: str) -> list[str]:
    parent, place = MAKEHUMAN[name]
    offset = np.subtract(place, MAKEHUMAN[parent][1] if parent else (0, 0, 0))
    children = [child for child, (p, _) in MAKEHUMAN.items() if p == name]
    lines = [f"{'JOINT' if parent else 'ROOT'} {name}", "{", "OFFSET {} {} {}".format(*offset)]
    lines += ["CHANNELS 6 Xposition Yposition Zposition Xrotation Yrotation Zrotation"]
    lines += [line for child in children for line in hierarchy(child)]
    lines += [] if children else ["End Site", "{", "OFFSET 0 0 1", "}"]
    return [*lines, "}"]


def write_bvh(path, turns: dict[str, tuple[float, float, float]], frames: int = 1) -> None:
    lines = hierarchy("root")
    order = [line.split()[1] for line in lines if line.startswith(("ROOT", "JOINT"))]
    numbers = [f"0 0 0 {x} {y} {z}" for x, y, z in (turns.get(n, (0, 0, 0)) for n in order)]
    motion = [f"Frames: {frames}", "Frame Time: 0.04", *[" ".join(numbers)] * frames]
    path.write_text("\n".join(["HIERARCHY", *lines, "MOTION", *motion]))


def test_bvh_arms_hang_by_45_degrees_and_knees_bend_back(tmp_path):
    write_bvh(tmp_path / "a.bvh", {"lowerleg01.L": (50, 0, 0), "head": (0, 0, 30)}, frames=2)
    poses = np.rad2deg(smpl_poses(bvh.read_motion(tmp_path / "a.bvh"), JOINTS))
    assert poses.shape == (2, 24, 3)
    assert poses[0, 4] == pytest.approx([50, 0, 0], abs=3)
    assert poses[0, 15] == pytest.approx([0, 30, 0], abs=1e-3)  # looks to its left
    assert poses[0, 16] == pytest.approx([0, 0, -45], abs=1e-3)
    assert poses[0, 17] == pytest.approx([0, 0, 45], abs=1e-3)


def damaged(text: str, kind: str) -> str:
    return {
        "empty": "",
        "cut in the hierarchy": text[: text.index("MOTION") - 9],
        "cut in the frames": text[:-40],
        "no frames": text.replace("Frames: 1", "Frames: 0"),
        "a number too many": text + " 1",
        "not a number": text[:-3] + "x 0",
        "nan": text[:-1] + "nan",
        "a huge announcement": text.replace("Frames: 1", "Frames: 999999999"),
        "another skeleton": text.replace("upperarm01.L", "arm"),
    }[kind]


@pytest.mark.parametrize(
    "kind",
    [
        *("empty", "cut in the hierarchy", "cut in the frames", "no frames", "a number too many"),
        *("not a number", "nan", "a huge announcement", "another skeleton"),
    ],
)
def test_damaged_bvh_is_named(tmp_path, kind):
    path = tmp_path / "bad.bvh"
    write_bvh(path, {})
    path.write_text(damaged(path.read_text(), kind))
    with pytest.raises(UserError, match=r"bad\.bvh is not"):
        bvh.read_motion(path)
