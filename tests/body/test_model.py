"""The body: our skinning against smplx's, and what the embedded asset promises."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import trimesh

from core.assets import asset_path
from core.body.load import load_body
from core.body.names import JOINT_FLIP, JOINT_NAMES
from core.geometry.rotations import rotation_from_axis_angle
from tests.toys import toy_body

JOINT = {name: i for i, name in enumerate(JOINT_NAMES)}


@pytest.fixture(scope="module")
def body():
    return load_body()


@pytest.fixture(scope="module")
def template(body):
    return body.v_template.numpy()


@pytest.fixture(scope="module")
def landmarks():
    """smplx's landmark vertices, which our numbering honours."""
    from smplx.vertex_ids import vertex_ids

    return vertex_ids["smplh"]


def random_inputs(batch, seed=0):
    generator = torch.Generator().manual_seed(seed)
    pose = 0.5 * torch.randn(batch, 24, 3, generator=generator)
    betas = torch.randn(batch, 10, generator=generator)
    return pose, betas, torch.randn(batch, 3, generator=generator)


@pytest.mark.parametrize("with_posedirs", [False, True])
def test_skinning_equals_smplx(body, with_posedirs):
    from smplx import SMPL
    from smplx.utils import Struct

    generator = torch.Generator().manual_seed(3)
    posedirs = 1e-3 * torch.randn(len(body.v_template), 3, 207, generator=generator)
    ours = replace(body, posedirs=posedirs if with_posedirs else None)
    with np.load(asset_path("body/freebody.npz")) as file:
        tables = {name: file[name] for name in file.files}
    tables["posedirs"] = (posedirs if with_posedirs else torch.zeros_like(posedirs)).numpy()
    theirs = SMPL("", data_struct=Struct(**tables), batch_size=2)
    pose, betas, transl = random_inputs(2)
    expected = theirs(
        betas=betas, global_orient=pose[:, 0], body_pose=pose[:, 1:].flatten(1), transl=transl
    )
    posed = ours.pose(rotation_from_axis_angle(pose), betas, transl)
    torch.testing.assert_close(posed.vertices, expected.vertices, atol=1e-5, rtol=0)
    torch.testing.assert_close(posed.joints, expected.joints[:, :24], atol=1e-5, rtol=0)


def test_whole_body_equivariance():
    body = toy_body(torch.float64)
    pose, betas, transl = (value.double() for value in random_inputs(2))
    rotations = rotation_from_axis_angle(pose)
    turn = rotation_from_axis_angle(torch.tensor([0.3, -1.0, 2.0], dtype=torch.float64))
    before = body.pose(rotations, betas, transl)
    turned = torch.cat([turn @ rotations[:, :1], rotations[:, 1:]], 1)
    after = body.pose(turned, betas, transl)
    pelvis = before.joints[:, :1]
    torch.testing.assert_close(after.vertices, (before.vertices - pelvis) @ turn.T + pelvis)


def test_zero_pose_is_the_rest(body):
    identity = torch.eye(3).expand(2, 24, 3, 3)
    _, betas, transl = random_inputs(2)
    posed = body.pose(identity, betas, transl)
    rest = body.rest_vertices(betas)
    torch.testing.assert_close(posed.vertices, rest + transl[:, None], atol=1e-5, rtol=0)
    torch.testing.assert_close(posed.joints, body.rest_joints(betas) + transl[:, None])


def test_parts_come_from_weights():
    body = toy_body()
    expected = torch.arange(24).repeat_interleave(len(body.v_template) // 24)
    assert torch.equal(body.vertex_part, expected)
    assert torch.equal(body.face_part, expected[body.faces[:, 0]])


def test_to_follows_a_tensor(body):
    moved = body.to(torch.zeros(1, dtype=torch.float64))
    assert moved.v_template.dtype == moved.weights.dtype == torch.float64
    assert moved.faces.dtype == torch.long and moved.posedirs is None


def test_counts(body):
    assert body.v_template.shape == (6890, 3)
    assert body.faces.shape == (13776, 3)
    assert body.shapedirs.shape == (6890, 3, 10)
    assert len(body.faces[:, 0].unique()) > 4000
    assert len(body.faces.unique()) == 6890
    assert set(body.vertex_part.tolist()) == set(range(24))


def test_watertight_and_in_one_piece(body, template):
    mesh = trimesh.Trimesh(template, body.faces.numpy(), process=False)
    assert mesh.is_watertight and mesh.is_winding_consistent
    assert mesh.euler_number == 2 and mesh.body_count == 1
    assert 0.04 < mesh.volume < 0.1  # a positive volume: faces look outwards


def test_symmetric(body, template):
    mirror = body.mirror.numpy()
    sign = np.array([-1, 1, 1], np.float32)
    np.testing.assert_array_equal(mirror[mirror], np.arange(6890))
    np.testing.assert_allclose(template[mirror], template * sign, atol=1e-6)
    np.testing.assert_allclose(
        body.shapedirs[mirror], body.shapedirs * torch.tensor(sign)[:, None], atol=1e-6
    )
    flip = list(JOINT_FLIP)
    np.testing.assert_allclose(body.weights[mirror][:, flip], body.weights, atol=1e-6)
    np.testing.assert_allclose(
        body.joint_regressor[flip][:, mirror], body.joint_regressor, atol=1e-6
    )
    faces = {tuple(sorted(face)) for face in body.faces.tolist()}
    assert faces == {tuple(sorted(face)) for face in mirror[body.faces.numpy()].tolist()}


def test_tables_are_affine(body):
    np.testing.assert_allclose(body.weights.sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(body.joint_regressor.sum(1), 1, atol=1e-5)
    assert body.weights.min() >= 0 and body.joint_regressor.min() >= 0
    assert (body.weights > 0).sum(1).max() <= 5


def test_uv_layout(body):
    assert body.uv.min() >= 0 and body.uv.max() <= 1
    corners = body.uv[body.uv_faces]
    (ax, ay), (bx, by) = ((corners[:, i] - corners[:, 0]).T for i in (1, 2))
    assert (ax * by - ay * bx).abs().gt(0).float().mean() > 0.99


def test_stands_in_smpl_pose(body, template):
    """T-pose, y up, facing +z, left = +x."""
    joints = body.rest_joints(torch.zeros(1, 10))[0].numpy()
    assert 1.6 < np.ptp(template[:, 1]) < 1.8
    for upper, lower in (("l_shoulder", "l_elbow"), ("l_elbow", "l_wrist"), ("l_wrist", "l_hand")):
        bone = joints[JOINT[lower]] - joints[JOINT[upper]]
        assert bone[0] > 0.95 * np.linalg.norm(bone)
    assert joints[JOINT["head"], 1] > joints[JOINT["pelvis"], 1] > joints[JOINT["l_ankle"], 1]
    assert joints[JOINT["l_foot"], 2] > joints[JOINT["l_ankle"], 2] + 0.05


def test_landmarks_where_smplx_expects_them(body, template, landmarks):
    part, mirror = body.vertex_part, body.mirror
    points = {name: template[index] for name, index in landmarks.items()}
    head = template[(part == JOINT["head"]).numpy()]
    assert abs(points["nose"][0]) < 1e-4
    assert points["nose"][2] == pytest.approx(head[:, 2].max(), abs=1e-3)
    assert points["leye"][1] > points["nose"][1] and 0.02 < points["leye"][0] < 0.05
    assert points["leye"][2] > head[:, 2].mean()
    assert points["lear"][0] > 0.06 and points["lear"][2] < points["leye"][2] - 0.03
    floor = template[:, 1].min()
    assert points["LHeel"][1] < floor + 0.06 and points["LBigToe"][1] < floor + 0.06
    assert points["LHeel"][2] < points["LBigToe"][2] - 0.18
    assert points["LBigToe"][0] < points["LSmallToe"][0]
    assert points["lmiddle"][0] == pytest.approx(template[:, 0].max(), abs=1e-3)
    assert points["lthumb"][2] > points["lindex"][2] > points["lpinky"][2]
    for left, right in {n: "r" + n[1:] if n[0] == "l" else "R" + n[1:] for n in landmarks}.items():
        if left[0] in "lL":
            assert mirror[landmarks[left]] == landmarks[right]


def test_shapes_are_people(body):
    """Height and body-mass index over random people, volume times 1010 kg/m3."""
    betas = torch.randn(200, 10, generator=torch.Generator().manual_seed(0))
    shaped = body.rest_vertices(betas).double()
    a, b, c = (shaped[:, body.faces[:, i]] for i in range(3))
    volume = (a * torch.linalg.cross(b, c)).sum((1, 2)) / 6
    height = shaped[..., 1].amax(1) - shaped[..., 1].amin(1)
    mass_index = volume * 1010 / height**2
    assert height.mean() == pytest.approx(1.71, abs=0.03)
    assert height.std() == pytest.approx(0.09, abs=0.02)
    assert mass_index.mean() == pytest.approx(24.0, abs=1.0)
    assert mass_index.std() == pytest.approx(4.3, abs=0.8)
