"""Dense labels: they agree with the posed body, with each other, and with rays."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from core.body.load import load_body
from core.nbv.volume import NeuralBodyVolume
from core.render.shade.render import vertex_normals
from core.synth.contact_sheet import contact_sheet
from core.synth.drawing.labels import (
    IN_FRAME,
    NOT_OCCLUDED,
    NOT_SELF_OCCLUDED,
    VISIBLE,
    kernel_vertices,
)
from core.synth.people import PeopleSampler
from core.synth.sample import label_layout
from core.synth.shards import Recipe, ShardDataset, write_shards

SIZE = 128


@pytest.fixture(scope="module")
def labelled():
    sampler = PeopleSampler(seed=3, size=SIZE, labels=True)
    return [sampler.sample(index) for index in range(6)]


def posed(sample):
    rotations = Rotation.from_rotvec(sample.pose).as_matrix().astype(np.float32)
    tensors = (torch.from_numpy(x)[None] for x in (rotations, sample.betas, sample.transl))
    return load_body().pose(*tensors).vertices[0].numpy()


def places(sample, vertices):
    """Vertices of the kernels, and the half-resolution pixels of those in the frame."""
    body = load_body()
    chosen = np.asarray(NeuralBodyVolume.from_body(body, 858).vertices)
    points = vertices[chosen]
    screen = (sample.focal * points[:, :2] / points[:, 2:] + SIZE / 2) // 2
    return chosen, screen.astype(int).clip(0, SIZE // 2 - 1)


def test_fields_have_the_stated_layout(labelled):
    for name, (shape, dtype) in label_layout(SIZE).items():
        array = getattr(labelled[0], name)
        assert array.shape == shape, name
        assert array.dtype == dtype, name


def test_kernels_are_those_of_the_volume(sampler):
    expected = NeuralBodyVolume.from_body(load_body(), 858).vertices.numpy()
    np.testing.assert_array_equal(kernel_vertices(sampler.dressable), expected)


def test_body_is_where_its_depth_is(labelled):
    for sample in labelled:
        body = np.isfinite(sample.depth)
        np.testing.assert_array_equal(sample.iuv[..., 0] > 0, body)
        length = np.linalg.norm(sample.normals / 127.0, axis=-1)
        np.testing.assert_allclose(length[body], 1, atol=0.02)
        assert not length[~body].any()


def test_seen_kernels_carry_their_texture_coordinates_and_normals(labelled):
    body = load_body()
    faces = body.faces.numpy().astype(np.int32)
    uv_of_vertex = np.zeros((len(body.v_template), 2))
    uv_of_vertex[faces.ravel()] = body.uv.numpy()[body.uv_faces.numpy().ravel()]
    near_uv, near_normal = [], []
    for sample in labelled:
        vertices = posed(sample)
        chosen, pixel = places(sample, vertices)
        seen = sample.kernels & (IN_FRAME | NOT_SELF_OCCLUDED) == IN_FRAME | NOT_SELF_OCCLUDED
        column, row = pixel[seen].T
        on = sample.iuv[row, column, 0] > 0
        uv = sample.iuv[row, column, 1:][on] / 65535
        near_uv += list(np.abs(uv - uv_of_vertex[chosen[seen][on]]).max(1) < 0.03)
        normals = vertex_normals(vertices, faces)[chosen[seen][on]]
        cosine = (normals * sample.normals[row, column][on] / 127).sum(1)
        near_normal += list(cosine > 0.8)
    assert len(near_uv) > 500
    assert np.mean(near_uv) > 0.85  # the rest is at seams of the texture
    assert np.mean(near_normal) > 0.9  # a pixel is next to its vertex, and ears are small


def hidden_by_rays(vertices, faces, targets):
    """Whether a triangle is between the camera and each target, more than 5 mm in front of it."""
    corner, edge1, edge2 = (
        vertices[faces[:, 0]],
        vertices[faces[:, 1]] - vertices[faces[:, 0]],
        vertices[faces[:, 2]] - vertices[faces[:, 0]],
    )
    hidden = []
    for target in targets.astype(float):
        cross = np.cross(target, edge2)
        scale = (edge1 * cross).sum(1)
        with np.errstate(divide="ignore", invalid="ignore"):
            u = (-corner * cross).sum(1) / scale
            second = np.cross(-corner, edge1)
            v = second @ target / scale
            t = (edge2 * second).sum(1) / scale
        crosses = (u >= 0) & (v >= 0) & (u + v <= 1) & (t > 0)
        hidden.append((crosses & (t < 1 - 0.005 / np.linalg.norm(target))).any())
    return np.array(hidden)


def test_self_occlusion_is_what_rays_say(labelled):
    faces = load_body().faces.numpy()
    agree = []
    for sample in labelled[:3]:
        vertices = posed(sample)
        chosen, _ = places(sample, vertices)
        normals = vertex_normals(vertices, faces.astype(np.int32))[chosen]
        rays = vertices[chosen] / np.linalg.norm(vertices[chosen], axis=1, keepdims=True)
        clear = np.abs((normals * rays).sum(1)) > 0.2  # on the rim both answers are right
        inside = np.flatnonzero((sample.kernels & IN_FRAME > 0) & clear)[::6]
        hidden = hidden_by_rays(vertices.astype(float), faces, vertices[chosen[inside]])
        agree += list(hidden == ~(sample.kernels[inside] & NOT_SELF_OCCLUDED > 0))
    assert np.mean(agree) > 0.95


def test_kernels_under_an_occluder_are_marked(labelled):
    marks = []
    for sample in labelled:
        vertices = posed(sample)
        chosen, _ = places(sample, vertices)
        points = vertices[chosen]
        screen = np.floor(sample.focal * points[:, :2] / points[:, 2:] + SIZE / 2).astype(int)
        inside = (sample.kernels & IN_FRAME) > 0
        np.testing.assert_array_equal(inside, ((screen >= 0) & (screen < SIZE)).all(1))
        column, row = screen[inside].T
        covered = sample.kernels[inside] & NOT_OCCLUDED == 0
        np.testing.assert_array_equal(covered, sample.occluder[row, column])
        assert not sample.kernels[~inside].any()
        marks += list(sample.kernels == VISIBLE)
    assert 0.1 < np.mean(marks) < 0.7


def test_labels_change_nothing_else(labelled):
    plain = PeopleSampler(seed=3, size=SIZE).sample(2)
    assert plain.iuv is None
    for name, value in plain.arrays().items():
        np.testing.assert_array_equal(value, getattr(labelled[2], name), err_msg=name)


def test_shards_carry_labels_and_do_without(labelled, tmp_path):
    list(write_shards(tmp_path, Recipe(seed=3, size=SIZE, labels=True), 2))
    dataset = ShardDataset(tmp_path)
    for name, value in labelled[1].arrays().items():
        np.testing.assert_array_equal(value, dataset[1].arrays()[name], err_msg=name)
    for name in label_layout(SIZE):
        (tmp_path / "shard-00000" / f"{name}.npy").unlink()
    old = ShardDataset(tmp_path)[1]
    assert old.kernels is None
    np.testing.assert_array_equal(old.image, labelled[1].image)


def test_sheet_has_a_row_for_each_sample(labelled):
    sheet = contact_sheet(labelled[:2], columns=1)
    assert sheet.shape == (2 * SIZE, 5 * SIZE, 3)
    np.testing.assert_array_equal(sheet[SIZE:, :SIZE], labelled[1].image)
    green = (sheet[:SIZE, 4 * SIZE :] == (60, 230, 60)).all(-1)
    assert green.any() == (labelled[0].kernels == VISIBLE).any()
