"""Motion capture readers on tiny files, and the pose bank made of them."""

import gzip
import json

import numpy as np
import pytest

from core.errors import UserError
from core.mocap import asf_amc, deepmimic, expmap
from core.mocap.pose_bank import LEAD_IN, read_bank, thin, without_broken_frames
from core.mocap.retarget import smpl_poses
from core.synth.sampling.poses import PoseBank
from tests.toys import JOINTS

BONES = {
    "lhipjoint": ("root", ""),
    "lfemur": ("lhipjoint", "xyz"),
    "ltibia": ("lfemur", "x"),
    "lfoot": ("ltibia", "xz"),
    "ltoes": ("lfoot", "x"),
    "rhipjoint": ("root", ""),
    "rfemur": ("rhipjoint", "xyz"),
    "rtibia": ("rfemur", "x"),
    "rfoot": ("rtibia", "xz"),
    "rtoes": ("rfoot", "x"),
    "lowerback": ("root", "xyz"),
    "upperback": ("lowerback", "xyz"),
    "thorax": ("upperback", "xyz"),
    "lowerneck": ("thorax", "xyz"),
    "head": ("lowerneck", "x"),
    "lclavicle": ("thorax", "yz"),
    "lhumerus": ("lclavicle", "xyz"),
    "lradius": ("lhumerus", "x"),
    "lwrist": ("lradius", "y"),
    "lhand": ("lwrist", "xz"),
    "rclavicle": ("thorax", "yz"),
    "rhumerus": ("rclavicle", "xyz"),
    "rradius": ("rhumerus", "x"),
    "rwrist": ("rradius", "y"),
    "rhand": ("rwrist", "xz"),
}


def direction_of(name: str) -> np.ndarray:
    side = -1.0 if name[0] == "r" else 1.0
    if name[1:] in ("femur", "tibia"):
        return np.array([0.342 * side, -0.940, 0])
    if name[1:] in ("clavicle", "humerus", "radius", "wrist", "hand"):
        return np.array([side, 0, 0])
    return np.array([0, 0, 1.0]) if name[1:] in ("foot", "toes") else np.array([0, 1.0, 0])


def write_skeleton(path):
    lines = [":version 1.10", ":bonedata"]
    for name, (_, freedom) in BONES.items():
        lines += ["begin", f"name {name}", "direction " + " ".join(map(str, direction_of(name)))]
        lines += ["axis 0 0 0 XYZ"]
        lines += ["dof " + " ".join(f"r{letter}" for letter in freedom)] if freedom else []
        lines += ["end"]
    lines += [":hierarchy", "begin"]
    lines += [f"{parent} {name}" for name, (parent, _) in BONES.items()]
    path.write_text("\n".join([*lines, "end"]))


def write_motion(path, frames: int, knee: float = 60.0, hand: float = 0.0):
    lines = [":FULLY-SPECIFIED", ":DEGREES"]
    for frame in range(frames):
        lines += [str(frame + 1), "root 0 17 0 0 0 0"]
        for name, (_, freedom) in BONES.items():
            if freedom:
                angles = [0.0] * len(freedom)
                if name == "ltibia":
                    angles[0] = knee * frame / max(frames - 1, 1)
                if name == "lhand":
                    angles[0] = hand + 10 * (-1) ** frame
                lines.append(f"{name} " + " ".join(map(str, angles)))
    with gzip.open(path, "wt") as file:
        file.write("\n".join(lines))


def test_acclaim_knee_becomes_the_smpl_knee(tmp_path):
    write_skeleton(tmp_path / "01.asf")
    write_motion(tmp_path / "01_01.amc.gz", 5)
    skeleton = asf_amc.read_skeleton(tmp_path / "01.asf")
    motion = asf_amc.read_motion(tmp_path / "01_01.amc.gz", skeleton, every=1)
    poses = smpl_poses(motion, JOINTS)
    bend = np.rad2deg(np.linalg.norm(poses[:, 4], axis=1))
    assert np.allclose(bend, [0, 15, 30, 45, 60], atol=3)
    assert poses[-1, 4, 0] > 0.9  # bends backwards, about +x
    assert np.ptp(poses[:, 5], axis=0).max() < 1e-6
    hip = np.rad2deg(poses[0, 1])  # the skeleton's legs are spread by 20 degrees
    assert hip[2] > 10 and np.allclose(hip, np.rad2deg(poses[0, 2]) * [1, -1, -1], atol=1e-4)
    assert np.abs(poses[:, [7, 8]]).max() < 1e-6  # the feet stay square to the shins


def test_hands_are_straight_on_average_but_still_move(tmp_path):
    write_skeleton(tmp_path / "01.asf")
    write_motion(tmp_path / "01_01.amc.gz", 6, hand=50)
    skeleton = asf_amc.read_skeleton(tmp_path / "01.asf")
    poses = smpl_poses(asf_amc.read_motion(tmp_path / "01_01.amc.gz", skeleton, every=1), JOINTS)
    assert np.rad2deg(poses[:, 20, 0]) == pytest.approx([10, -10] * 3, abs=1e-3)


def test_exponential_maps_are_transposed(tmp_path):
    numbers = np.zeros((3, expmap.COLUMNS))
    knee = 3 + 3 * [name for name, _ in expmap.JOINTS].index("ltibia")
    numbers[:, knee] = -1.0  # a row-vector rotation of -1 bends the knee by +1
    np.savez(tmp_path / "walk.npz", x=numbers)
    poses = smpl_poses(expmap.read_motion(tmp_path / "walk.npz"), JOINTS)
    assert np.allclose(np.linalg.norm(poses[:, 4], axis=1), 1.0, atol=0.01)
    assert (poses[:, 4, 0] > 0.9).all()


def test_deepmimic_arms_hang_and_knees_bend_back(tmp_path):
    frame = np.zeros(deepmimic.WIDTH)
    for start, width in deepmimic.COLUMNS.values():
        if width == 4:
            frame[start] = 1.0
    frame[deepmimic.COLUMNS["l_knee"][0]] = -0.8
    (tmp_path / "m.txt").write_text(json.dumps({"Frames": [frame.tolist()] * 2}))
    pose = smpl_poses(deepmimic.read_motion(tmp_path / "m.txt"), JOINTS)[0]
    assert np.rad2deg(pose[13] + pose[16]) == pytest.approx([0, 0, -90], abs=1e-4)
    assert np.rad2deg(pose[14] + pose[17]) == pytest.approx([0, 0, 90], abs=1e-4)
    assert 10 < np.rad2deg(pose[14, 2]) < 20  # the shoulders sink with the arms
    assert pose[4] == pytest.approx([0.8, 0, 0], abs=0.06)


def test_thinning_keeps_frames_that_differ():
    poses = np.zeros((100, 24, 3), np.float32)
    poses[:, 18, 1] = np.linspace(0, -1, 100)
    poses[:, 0, 1] = np.linspace(0, 3, 100)  # turning on the spot is no new pose
    kept = thin(poses, np.deg2rad(8))
    steps = np.abs(np.diff(kept[:, 18, 1]))
    assert len(kept) == 1 + int(1 / np.deg2rad(8)) and steps.min() > np.deg2rad(8)


def test_impossible_hands_are_set_to_rest_and_impossible_frames_removed():
    poses = np.zeros((3, 24, 3), np.float32)
    poses[:, 18, 1] = -0.5
    poses[1, 20, 1] = 2.5  # a wrist bent sideways by 143 degrees
    poses[2, 4, 0] = -1.0  # a knee bent forwards
    whole = without_broken_frames(poses)
    assert len(whole) == 2 and np.array_equal(whole[0], poses[0])
    assert not whole[1, 20].any() and whole[1, 18, 1] == -0.5


def test_bank_round_trip_holds_out_complete_sequences(tmp_path):
    folder = tmp_path / "cmu_asfamc"
    folder.mkdir()
    write_skeleton(folder / "01.asf")
    for name in ("01_01", "01_05"):
        write_motion(folder / f"{name}.amc.gz", 2 * (LEAD_IN + 20), knee=120)
    bank = read_bank(tmp_path, JOINTS)
    bank.save(tmp_path / "poses.npz")
    train = PoseBank.load(tmp_path / "poses.npz", "train")
    test = PoseBank.load(tmp_path / "poses.npz", "test")
    assert len(train.poses) and len(test.poses)
    assert {n for n, s in zip(bank.source, bank.split, strict=True) if s} == {"01_05"}


@pytest.mark.parametrize("text", ["", "rubbish\x00", ":bonedata\nbegin\nname a\naxis x\nend"])
def test_damaged_skeletons_are_named(tmp_path, text):
    (tmp_path / "bad.asf").write_text(text)
    with pytest.raises(UserError, match=r"bad\.asf"):
        asf_amc.read_skeleton(tmp_path / "bad.asf")


def test_damaged_motions_are_named(tmp_path):
    (tmp_path / "bad.amc").write_text("1\nroot 0 0 0 0 0 0\n")
    skeleton = {"lfemur": asf_amc.Bone(freedom="x")}
    with pytest.raises(UserError, match=r"bad\.amc does not fit"):
        asf_amc.read_motion(tmp_path / "bad.amc", skeleton)
    np.savez(tmp_path / "bad.npz", x=np.zeros((3, 5)))
    with pytest.raises(UserError, match="117"):
        expmap.read_motion(tmp_path / "bad.npz")
    (tmp_path / "nan.amc").write_text("1\nroot 0 0 0 nan 0 0\n")
    with pytest.raises(UserError, match="root is not finite"):
        asf_amc.read_motion(tmp_path / "nan.amc", skeleton)
    (tmp_path / "cut.amc.gz").write_bytes(gzip.compress(b"1\nroot 0 0 0 0 0 0\n" * 99)[:-20])
    with pytest.raises(UserError, match=r"cut\.amc\.gz .* copy it again"):
        asf_amc.read_motion(tmp_path / "cut.amc.gz", skeleton)
    (tmp_path / "bad.txt").write_text('{"Frames": [[1, 2]]}')
    with pytest.raises(UserError, match="44"):
        deepmimic.read_motion(tmp_path / "bad.txt")
    with pytest.raises(UserError, match="no motion capture"):
        read_bank(tmp_path, JOINTS)
