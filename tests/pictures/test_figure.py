"""The neutral figure: smooth where a suit hides detail, the body's own surface elsewhere."""

import numpy as np
import pytest
import torch

from core.body.load import load_body
from core.body.names import JOINT_NAMES
from core.pictures.figure import neutral_figure, smoothest
from core.render.shade.render import vertex_normals


@pytest.fixture(scope="module")
def body():
    return load_body()


def grid(side):
    """A triangulated square of ``side`` x ``side`` points."""
    rows, columns = np.mgrid[:side, :side]
    points = np.stack([rows.ravel(), columns.ravel(), np.zeros(side * side)], 1).astype(float)
    at = rows[:-1, :-1] * side + columns[:-1, :-1]
    corners = np.stack([at, at + 1, at + side, at + 1, at + side + 1, at + side], -1)
    return points, corners.reshape(-1, 3)


def test_a_bump_on_a_plane_is_levelled():
    points, faces = grid(11)
    replaced = np.abs(points[:, :2] - 5).max(1) < 2.5
    plane = 0.3 * points[:, 0] - 0.2 * points[:, 1] + 1
    bumpy = np.where(replaced, plane + 2, plane)[:, None]
    smooth = smoothest(bumpy, points, faces, replaced)
    np.testing.assert_allclose(smooth[:, 0], plane, atol=1e-9)


def test_what_is_not_replaced_stays(body):
    figure = neutral_figure(body)
    moved = (figure.v_template - body.v_template).norm(dim=1) > 1e-9
    assert 0.03 < moved.float().mean() < 0.2
    parts = {JOINT_NAMES[k] for k in body.vertex_part[moved].unique().tolist()}
    assert parts.isdisjoint({"head", "neck", "l_elbow", "r_wrist", "l_knee", "r_ankle", "l_foot"})
    assert figure.faces is body.faces


def test_the_figure_has_the_bodys_size_and_symmetry(body):
    figure = neutral_figure(body)
    before, after = body.v_template, figure.v_template
    torch.testing.assert_close(after.amin(0), before.amin(0), atol=2e-3, rtol=0)
    torch.testing.assert_close(after.amax(0)[:2], before.amax(0)[:2])
    assert (after - before).norm(dim=1).max() < 0.06
    torch.testing.assert_close(
        after[body.mirror] * torch.tensor([-1.0, 1, 1]), after, atol=1e-3, rtol=0
    )


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_trunks_bend_less_for_every_shape(body, seed):
    """Normals of neighbouring faces in the chest differ less."""
    betas = torch.randn(1, 10, generator=torch.Generator().manual_seed(seed))
    figure = neutral_figure(body)
    chest = (figure.v_template - body.v_template).norm(dim=1) > 1e-9
    faces = body.faces[chest[body.faces].all(1)]

    def bend(surface):
        normals = vertex_normals(surface.rest_vertices(betas)[0].numpy(), body.faces.numpy())
        pairs = normals[faces[:, 0]] * normals[faces[:, 1]]
        return np.degrees(np.arccos(np.clip(pairs.sum(1), -1, 1))).mean()

    assert bend(figure) < 0.75 * bend(body)


def test_joints_are_the_bodys_own(body):
    rotations = torch.eye(3).repeat(1, 24, 1, 1)
    betas, transl = torch.ones(1, 10), torch.tensor([[0.0, 0.0, 3.0]])
    figure = neutral_figure(body)
    posed = body.pose(rotations, betas, transl, figure)
    plain = body.pose(rotations, betas, transl)
    assert torch.equal(posed.joints, plain.joints)
    hands = body.vertex_part == JOINT_NAMES.index("l_hand")
    assert torch.equal(posed.vertices[:, hands], plain.vertices[:, hands])
    assert not torch.equal(posed.vertices, plain.vertices)
