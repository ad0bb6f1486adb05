"""The shipped body as a thing: joints inside, eyes closed, people of all builds, smplx reads it."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch

from core.assets import asset_path
from core.body.load import check_regressor, load_body
from core.body.names import JOINT_NAMES
from core.errors import UserError
from core.geometry.rotations import rotation_from_axis_angle
from core.render.mesh.raster import rasterize

JOINT = {name: i for i, name in enumerate(JOINT_NAMES)}


@pytest.fixture(scope="module")
def body():
    return load_body()


@pytest.fixture(scope="module")
def tables():
    with np.load(asset_path("body/freebody.npz"), allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


@pytest.fixture(scope="module")
def landmarks(tables):
    return dict(zip(tables["landmark_names"].tolist(), tables["landmark_vertices"], strict=True))


def winding(points, vertices, faces):
    """How often a closed mesh winds around each point: 1 inside, 0 outside."""
    a, b, c = (vertices[faces[:, k]] - points[:, None] for k in range(3))
    la, lb, lc = (np.linalg.norm(x, axis=-1) for x in (a, b, c))
    dots = la * lb * lc + (a * b).sum(-1) * lc + (b * c).sum(-1) * la + (c * a).sum(-1) * lb
    return np.arctan2((a * np.cross(b, c)).sum(-1), dots).sum(-1) / (2 * np.pi)


def test_joints_lie_inside_whoever_it_is(body):
    betas = torch.randn(2, 10, generator=torch.Generator().manual_seed(1))
    betas[0] = 0
    shaped, joints = body.rest_vertices(betas).numpy(), body.rest_joints(betas).numpy()
    for vertices, inner in zip(shaped, joints, strict=True):
        points = np.concatenate([inner, [[0, 2.0, 0]]]).astype(np.float64)
        turns = winding(points, vertices, body.faces.numpy())
        np.testing.assert_allclose(turns, [*np.ones(24), 0], atol=1e-3)


def eye_depths(vertices, faces, eye, height=0.008, width=0.024):
    """How far behind the nearest point the skin lies over an eye, seen from afar, in metres."""
    camera = (vertices - [eye[0], eye[1], 0]) * [1, -1, -1] + [0, 0, 10.0]
    rows, columns, focal = 8, 24, 10.0 / 0.001  # one pixel is a millimetre
    seen = rasterize(
        camera.astype(np.float32), faces, focal, (columns / 2, rows / 2), rows, columns
    )
    assert seen.mask.all()
    return seen.depth - seen.depth.min()


@pytest.mark.parametrize("side", ["l", "r"])
def test_eye_sockets_are_closed(body, landmarks, side):
    """An empty socket is three centimetres deep; between the corners an eye drops by some mm."""
    vertices = body.v_template.numpy()
    eye = vertices[landmarks[side + "eye"]]
    depths = eye_depths(vertices, body.faces.numpy().astype(np.int32), eye)
    assert depths.max() < 0.016


def test_builds_are_those_of_people(body):
    betas = torch.randn(500, 10, generator=torch.Generator().manual_seed(0))
    mass_index, height = [], []
    for some in betas.split(100):
        shaped = body.rest_vertices(some)
        a, b, c = (shaped[:, body.faces[:, k]] for k in range(3))
        tall = shaped[..., 1].amax(1) - shaped[..., 1].amin(1)
        mass_index.append((a * torch.linalg.cross(b, c)).sum((1, 2)) / 6 * 1010 / tall**2)
        height.append(tall)
    low, high = np.percentile(torch.cat(mass_index), [5, 95])
    assert low == pytest.approx(17.3, abs=0.6) and high == pytest.approx(31.3, abs=0.9)
    assert np.percentile(torch.cat(height), [5, 95]) == pytest.approx([1.56, 1.86], abs=0.02)
    assert torch.cat(mass_index).min() > 10


def test_faces_are_sound(body):
    """No slivers, no vertex with very many edges."""
    corners = body.v_template[body.faces]
    edges = (corners - corners.roll(1, 1)).norm(dim=-1)
    area = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]).norm(
        dim=-1
    )
    assert (area / edges.amax(1) ** 2).min() > 0.02
    assert edges.amax() < 0.06
    assert torch.bincount(body.faces.flatten()).max() <= 12


def test_the_stored_extras_agree_with_the_rest(body, tables):
    np.testing.assert_allclose(tables["J"], body.rest_joints(torch.zeros(1, 10))[0], atol=1e-5)
    np.testing.assert_array_equal(tables["part"], body.vertex_part)
    weights = tables["weights"]
    np.testing.assert_array_equal(tables["face_part"], weights[tables["f"]].sum(1).argmax(1))


@pytest.mark.parametrize("topology", ["smpl", "smplx", "freebody-2"])
def test_lists_made_for_other_bodies_are_refused(body, topology):
    with pytest.raises(UserError, match=topology):
        check_regressor(body, topology)


def test_it_loads_without_smplx():
    code = (
        "import sys; sys.modules['smplx'] = None\n"
        "from core.body.load import load_body\n"
        "assert load_body().topology == 'freebody-1'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_smplx_reads_it_from_a_file(body, tables, landmarks, tmp_path):
    """`smplx.SMPL`, unpatched: same joints, same vertices, and its landmarks are ours."""
    from smplx import SMPL
    from smplx.vertex_ids import vertex_ids

    plain = {name: table for name, table in tables.items() if table.dtype.kind != "U"}
    plain["posedirs"] = np.zeros((len(body.v_template), 3, 207), np.float32)
    path = tmp_path / "SMPL_NEUTRAL.pkl"
    path.write_bytes(pickle.dumps(plain, protocol=2))
    generator = torch.Generator().manual_seed(5)
    pose, betas = (
        0.4 * torch.randn(1, 24, 3, generator=generator),
        torch.randn(1, 10, generator=generator),
    )
    theirs = SMPL(str(path))(
        betas=betas, global_orient=pose[:, 0], body_pose=pose[:, 1:].flatten(1)
    )
    ours = body.pose(rotation_from_axis_angle(pose), betas, torch.zeros(1, 3))
    torch.testing.assert_close(ours.vertices, theirs.vertices, atol=1e-5, rtol=0)
    torch.testing.assert_close(ours.joints, theirs.joints[:, :24], atol=1e-5, rtol=0)
    assert landmarks == {name: vertex_ids["smplh"][name] for name in landmarks}
    extra = {tuple(joint) for joint in theirs.joints[0, 24:].tolist()}
    assert extra == {tuple(theirs.vertices[0, v].tolist()) for v in landmarks.values()}
