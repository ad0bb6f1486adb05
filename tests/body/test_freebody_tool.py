"""The tool that builds the free body: everything that needs no MakeHuman data."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import trimesh

from core.body.names import JOINT_FLIP, JOINT_NAMES
from core.errors import UserError
from tests.toys import JOINTS
from tools.freebody.compare import compare
from tools.freebody.decimate import Decimator, _flips
from tools.freebody.eyes import eye_caps
from tools.freebody.halfmesh import both_halves, left_half, volumes
from tools.freebody.landmarks import VERTEX_NUMBERS, order_for_landmarks
from tools.freebody.people import People, sample_adults
from tools.freebody.regressor import joint_regressor, prune_weights
from tools.freebody.shape_space import ShapeSpace, regress
from tools.freebody.skeleton import (
    JOINT,
    joint_of_bone,
    merge_weights,
    mirror_weights,
    split_chest_weights,
)
from tools.freebody.source import Source
from tools.freebody.tpose import symmetrized, to_tpose, tpose_rotations

SIDES = 8  # quads along an edge of the toy's cube


def quad_ball():
    """A ball of quads, symmetric in x; texture rows encode the vertex and the half."""
    grid = np.stack(np.meshgrid(np.arange(SIDES), np.arange(SIDES)), -1).reshape(-1, 2)
    corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1)])
    flat = (grid[:, None] + corners) / SIDES * 2 - 1
    places = []
    for axis in range(3):
        for sign in (-1, 1):
            square = np.insert(flat[:, ::sign], axis, sign, axis=-1)
            places.append(square if axis != 1 else square[:, ::-1])
    places = np.concatenate(places)
    points, quads = np.unique(np.round(places.reshape(-1, 3), 6), axis=0, return_inverse=True)
    quads = quads.reshape(-1, 4)
    front = points[quads].mean(1)[:, 2] > 0
    uv_quads = quads + len(points) * front[:, None]
    uv = np.stack(
        [np.tile(np.arange(len(points)), 2), np.arange(2 * len(points)) >= len(points)], 1
    )
    points = points / np.linalg.norm(points, axis=1, keepdims=True) * [0.3, 0.5, 0.2]
    mirror = np.array([np.abs(points - p * [-1, 1, 1]).sum(1).argmin() for p in points])
    return points, quads, uv_quads, uv.astype(float), mirror


@pytest.fixture(scope="module")
def ball():
    return quad_ball()


def decimated(ball, target, importance=None):
    points, quads, uv_quads, uv, mirror = ball
    half = left_half(quads, uv_quads, points, mirror)
    importance = np.ones(len(points)) if importance is None else importance
    Decimator(half, np.stack([points, 1.2 * points]), importance).run(target)
    return both_halves(half, mirror, uv)


def check_mesh(mesh, ball):
    points, mirror = ball[0][mesh.kept], mesh.mirror
    surface = trimesh.Trimesh(points, mesh.faces, process=False)
    assert (surface.face_normals * surface.triangles_center).sum(1).min() > 0  # all look outwards
    assert surface.is_watertight and surface.is_winding_consistent and surface.euler_number == 2
    np.testing.assert_array_equal(mirror[mirror], np.arange(len(points)))
    np.testing.assert_allclose(points[mirror], points * [-1, 1, 1], atol=1e-12)
    faces = {tuple(sorted(face)) for face in mesh.faces.tolist()}
    assert faces == {tuple(sorted(face)) for face in mirror[mesh.faces].tolist()}
    corners = mesh.uv[mesh.uv_faces]
    np.testing.assert_array_equal(corners[..., 0], mesh.kept[mesh.faces])  # its own vertex's
    np.testing.assert_array_equal(corners[..., 1], corners[:, :1, 1].repeat(3, 1))  # one chart
    front = points[mesh.faces].mean(1)[:, 2] > 0
    np.testing.assert_array_equal(corners[:, 0, 1], front)


def test_halves_make_the_mesh_again(ball):
    points, quads, uv_quads, uv, mirror = ball
    half = left_half(quads, uv_quads, points, mirror)
    assert len(half.faces) == len(quads)  # half of them, two triangles each
    mesh = both_halves(half, mirror, uv)
    assert len(mesh.kept) == len(points) and len(mesh.faces) == 2 * len(quads)
    check_mesh(mesh, ball)
    assert volumes(points[None, mesh.kept], mesh.faces)[0] > 0.1


@pytest.mark.parametrize(("target", "share"), [(200, 0.94), (101, 0.9), (40, 0.7)])
def test_decimation_keeps_surface_symmetry_and_seams(ball, target, share):
    whole, mesh = decimated(ball, len(ball[0])), decimated(ball, target)
    assert len(mesh.kept) == target
    check_mesh(mesh, ball)
    before, after = (volumes(ball[0][None, m.kept], m.faces)[0] for m in (whole, mesh))
    assert share * before < after < before


def test_less_important_vertices_are_removed_first(ball):
    low = ball[0][:, 1] < -0.2
    plain = decimated(ball, 250)
    uneven = decimated(ball, 250, np.where(low, 0.001, 1.0))
    assert low[uneven.kept].sum() < 0.7 * low[plain.kept].sum()
    check_mesh(uneven, ball)


def test_decimation_says_when_it_is_stuck(ball):
    with pytest.raises(ValueError, match="stuck at"):
        decimated(ball, 4)


@pytest.mark.parametrize(
    ("corner", "spoilt"),
    [
        ((0.2, 0.9, 0.1), False),
        ((0.2, -0.9, 0), True),
        ((0.2, 0.2, 0.9), True),
        ((2, 0.01, 0), True),
    ],
)
def test_flipped_steep_and_thin_faces_are_refused(corner, spoilt):
    old = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    new = np.array([[0.0, 0, 0], [1, 0, 0], corner])
    assert _flips(old, new, least=0.04) == spoilt


def test_reordering_renames_and_changes_nothing(ball):
    mesh = decimated(ball, 200)
    order = np.random.default_rng(0).permutation(200)
    moved = mesh.reordered(order)
    check_mesh(moved, ball)
    np.testing.assert_array_equal(moved.kept[moved.faces], mesh.kept[mesh.faces])


@pytest.mark.parametrize(
    ("bone", "joint"),
    [
        ("root", "pelvis"),
        ("spine01", "spine3"),
        ("eye.L", "head"),
        ("upperleg02.R", "r_hip"),
        ("shoulder01.L", "l_collar"),
        ("finger1-1.L", "l_wrist"),
        ("finger1-2.L", "l_hand"),
        ("metacarpal3.R", "r_wrist"),
        ("toe4-1.R", "r_foot"),
    ],
)
def test_bones_go_to_joints(bone, joint):
    assert JOINT_NAMES[joint_of_bone(bone)] == joint


def test_unknown_bones_are_an_error():
    with pytest.raises(KeyError):
        joint_of_bone("tail.L")
    with pytest.raises(KeyError):
        joint_of_bone("upperleg01")


def test_merged_weights_stay_affine_and_symmetric():
    bones = ["spine02", "head", "upperarm01.L", "upperarm01.R"]
    indices = np.array([[0, 2], [0, 3], [0, 1]])
    values = np.array([[1.0, 3.0], [1.0, 2.9], [0.5, 0.5]])
    weights = merge_weights(bones, indices, values)
    assert weights[0, JOINT["l_shoulder"]] == 0.75
    weights = mirror_weights(weights, np.array([1, 0, 2]))
    np.testing.assert_array_equal(weights[[1, 0, 2]][:, JOINT_FLIP], weights)
    shared = split_chest_weights(weights, np.array([0.0, 0.2, 0.1]), 0.1)
    np.testing.assert_allclose(shared.sum(1), 1)
    spine3 = shared[:, JOINT["spine3"]]
    assert spine3[0] == 0 and spine3[1] == weights[1, JOINT["spine2"]] and spine3[2] == 0.25


def test_arms_become_level_and_palms_face_down():
    """A toy person with hanging arms and rotated hands, and its mirror image."""
    joints = JOINTS.copy()
    down = np.array([[np.cos(0.7), np.sin(0.7), 0], [-np.sin(0.7), np.cos(0.7), 0], [0, 0, 1]])
    for side, turn in (("l", down), ("r", down.T)):
        shoulder = joints[JOINT[side + "_shoulder"]]
        for name in ("elbow", "wrist", "hand"):
            joints[JOINT[f"{side}_{name}"]] = turn @ (joints[JOINT[f"{side}_{name}"]] - shoulder)
            joints[JOINT[f"{side}_{name}"]] += shoulder
    joints = np.stack([joints, joints * 1.1])
    knuckles = np.tile([[0.0, 0.03, 0.03], [0.0, 0.03, 0.03]], (2, 1, 1))
    rotations = tpose_rotations(joints, knuckles)
    vertices, posed = to_tpose(joints, joints, rotations, np.eye(24))
    np.testing.assert_allclose(vertices, posed, atol=1e-9)  # skin goes with its joint
    np.testing.assert_allclose(
        rotations @ rotations.swapaxes(-1, -2), np.tile(np.eye(3), (2, 24, 1, 1)), atol=1e-9
    )
    arm = posed[:, [JOINT[f"l_{name}"] for name in ("shoulder", "elbow", "wrist", "hand")]]
    np.testing.assert_allclose(np.diff(arm, axis=1)[..., 1:], 0, atol=1e-9)
    line = rotations[0, JOINT["l_wrist"]] @ knuckles[0, 0]
    assert line[1] == pytest.approx(0, abs=1e-9) and line[2] > 0.02
    shoulder, elbow, wrist = (rotations[0, JOINT[f"l_{n}"]] for n in ("shoulder", "elbow", "wrist"))
    half = elbow @ shoulder.T  # the arm is straight: what is left is the twist of the forearm
    np.testing.assert_allclose(wrist @ shoulder.T, half @ half, atol=1e-9)
    mirrored, _ = symmetrized(vertices, posed, np.array(JOINT_FLIP))
    np.testing.assert_allclose(mirrored, vertices, atol=1e-9)


def test_eye_caps_close_a_pit():
    """Two plates, each with a pit: closed, the pit bulges in front of its rim's plane."""
    x, y = np.meshgrid(np.arange(7.0), np.arange(7.0))
    plate = np.stack([x - 3, y - 3, np.zeros_like(x)], -1).reshape(-1, 3) * 0.004
    pit = np.abs(plate[:, :2]).max(1) < 0.01
    plate[pit, 2] = -0.03
    first = (np.arange(6)[:, None] * 7 + np.arange(6)).reshape(-1, 1)
    quads = first + np.array([0, 1, 8, 7])
    right, up = np.array([0.03, 0, 0]), np.array([0, 1, 0])
    adult = np.concatenate([plate + right, plate - right, [[9.0, 9, 9]]])
    source = Source(
        model=None,
        bones=["eye.L", "eye.R"],
        bone_indices=np.zeros((99, 1), int),
        bone_weights=np.ones((99, 1)),
        skin=np.arange(98),
        quads=np.concatenate([quads, quads + 49]),
        uv_quads=np.zeros((72, 4), int),
        uv=np.zeros((1, 2)),
        inside=np.tile(pit, 2),
    )
    heads = np.array([[0.03, 0, -0.01], [-0.03, 0, -0.01]])
    caps = eye_caps(source, adult, heads)
    people = np.stack([adult, adult + up])
    for cap in caps:
        cap.close(people)
    assert people[0, :98][np.tile(pit, 2), 2].min() >= 0
    assert 0.001 < people[0, :98, 2].max() < 0.02
    np.testing.assert_array_equal(people[0, :98][~np.tile(pit, 2)], adult[:98][~np.tile(pit, 2)])
    np.testing.assert_allclose(people[1], people[0] + up, atol=1e-9)


def test_shape_space_renders_its_people():
    rng = np.random.default_rng(0)
    basis = rng.normal(size=(10, 90)) * np.geomspace(1, 0.1, 10)[:, None]
    vertices = (rng.normal(size=(60, 10)) @ basis + 5).reshape(60, 30, 3)
    space = ShapeSpace.of(vertices)
    shown = space.mean + np.einsum("vck,nk->nvc", space.shapedirs, space.betas)
    np.testing.assert_allclose(shown, vertices, atol=1e-9)
    np.testing.assert_allclose(space.betas.std(0, ddof=1), 1)
    np.testing.assert_allclose(space.betas.mean(0), 0, atol=1e-9)
    assert (np.diff(np.linalg.norm(space.shapedirs, axis=(0, 1))) < 0).all()
    mean, again = regress(vertices, space.betas)
    np.testing.assert_allclose(again, space.shapedirs, atol=1e-9)
    np.testing.assert_allclose(mean, space.mean)
    turned = ShapeSpace.of(vertices[::-1])  # the same people in another order: the same signs
    np.testing.assert_allclose(turned.shapedirs, space.shapedirs, atol=1e-9)


def test_pruned_weights():
    rng = np.random.default_rng(0)
    mirror = np.arange(20) ^ 1
    weights = prune_weights(rng.dirichlet(np.ones(24), 20), mirror)
    np.testing.assert_allclose(weights.sum(1), 1)
    np.testing.assert_allclose(weights[mirror][:, JOINT_FLIP], weights)
    assert (weights > 0).sum(1).max() <= 8


def test_joints_are_found_from_the_skin_around_them():
    """Ten points about each joint, of people of all sizes; a joint is the mean of its points."""
    rng = np.random.default_rng(0)
    around = rng.normal(size=(24, 10, 3)) * 0.05
    around -= around.mean(1, keepdims=True)
    flip = np.array(JOINT_FLIP)
    around = 0.5 * (around + around[flip] * [-1, 1, 1])
    skin = (JOINTS[:, None] + around).reshape(-1, 3)
    mirror = (flip[:, None] * 10 + np.arange(10)).reshape(-1)
    scale = rng.uniform(0.8, 1.2, (40, 1, 3))
    people = People(skin * scale, JOINTS * scale)
    weights = np.repeat(np.eye(24), 10, 0)
    regressor = joint_regressor(people, np.arange(30), weights, mirror)
    assert regressor.min() >= 0
    np.testing.assert_allclose(regressor.sum(1), 1)
    np.testing.assert_allclose(regressor[flip][:, mirror], regressor, atol=1e-12)
    np.testing.assert_allclose(regressor @ people.vertices[30:], people.joints[30:], atol=0.004)


def test_landmark_numbers_are_smpls():
    from smplx.vertex_ids import vertex_ids

    assert {name: vertex_ids["smplh"][name] for name in VERTEX_NUMBERS} == VERTEX_NUMBERS


def test_landmarks_take_their_numbers():
    rng = np.random.default_rng(0)
    landmarks = dict(zip(VERTEX_NUMBERS, rng.choice(6890, 21, replace=False).tolist(), strict=True))
    landmarks["leye"] = VERTEX_NUMBERS["nose"]  # one stands where another belongs
    order = order_for_landmarks(landmarks, 6890)
    np.testing.assert_array_equal(np.sort(order), np.arange(6890))
    assert {name: order[number] for name, number in VERTEX_NUMBERS.items()} == landmarks
    assert (order != np.arange(6890)).sum() <= 42
    landmarks["reye"] = landmarks["leye"]
    with pytest.raises(ValueError, match="coincide"):
        order_for_landmarks(landmarks, 6890)


def test_adults_are_drawn_alike_for_the_same_seed():
    first, again = (sample_adults(200, np.random.default_rng(4)) for _ in range(2))
    for name, values in first.items():
        np.testing.assert_array_equal(values, again[name])
        assert values.shape == (200,) and values.min() >= 0 and values.max() <= 1
    assert first["age"].min() >= 2 / 3


def test_without_anny_one_line_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "anny", None)
    with pytest.raises(UserError, match="pip install anny"):
        Source.load()


@pytest.mark.parametrize(
    ("change", "agrees", "words"),
    [
        ({}, True, "byte-identical"),
        ({"compressed": True}, True, "every array equals"),
        ({"a": np.float32(1e-7)}, True, "within rounding: at most 1.2e-07, in a"),
        ({"a": np.float32(0.5)}, False, "a differs by 0.5"),
        ({"f": 1}, False, "f differs"),
        ({"more": 1}, False, "other arrays"),
    ],
)
def test_comparison(tmp_path, change, agrees, words):
    arrays = {"a": np.ones(4, np.float32), "f": np.arange(3), "topology": np.array("toy")}
    np.savez(tmp_path / "shipped.npz", **arrays)
    save = np.savez_compressed if change.pop("compressed", False) else np.savez
    for name, value in change.items():
        arrays[name] = arrays.get(name, 0) + value
    save(tmp_path / "built.npz", **arrays)
    same, line = compare(tmp_path / "built.npz", tmp_path / "shipped.npz")
    assert same == agrees and words in line and "\n" not in line
