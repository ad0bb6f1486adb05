"""Layouts of bodies: reproducible, true to what is drawn, refused when damaged."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.body.load import load_body
from core.data.layouts import Layouts, sample_layouts
from core.data.people import PeopleSampler
from core.errors import UserError
from core.geometry.camera import Camera, project
from core.geometry.rotations import rotation_from_axis_angle


@pytest.fixture(scope="module")
def layouts(sampler) -> Layouts:
    return sample_layouts(sampler, 12)


def test_each_depends_on_its_number_only(sampler, layouts) -> None:
    again = sample_layouts(PeopleSampler(seed=3, size=64), 3)
    for one, two in zip(vars(again).values(), vars(layouts).values(), strict=True):
        np.testing.assert_array_equal(one, two[:3] if one.ndim else two)
    other = sample_layouts(PeopleSampler(seed=4, size=64), 1)
    assert (other.pose != layouts.pose[0]).any()


def test_parts_lie_where_the_body_is(layouts) -> None:
    """The middle of each large part is near the middle of its vertices on the screen."""
    body = load_body()
    rotations = rotation_from_axis_angle(torch.from_numpy(layouts.pose)).float()
    posed = body.pose(rotations, torch.from_numpy(layouts.betas), torch.from_numpy(layouts.transl))
    camera = Camera.centered(torch.from_numpy(layouts.focal), 64)
    screen = project(camera, posed.vertices) / 32 - 1
    checked = 0
    for row, points in zip(torch.from_numpy(layouts.layout).float(), screen, strict=True):
        for part in (0, 1, 2, 4, 5, 9, 15):
            own = points[body.vertex_part == part]
            if row[part, 1] < 0.8 or own.abs().max() > 1:
                continue
            assert (row[part, 2:4] / row[part, 0] - own.mean(0)).norm() < 0.2
            checked += 1
    assert checked > 20


def test_file_round_trip(layouts, tmp_path) -> None:
    layouts.save(tmp_path / "a.npz")
    back = Layouts.load(tmp_path / "a.npz")
    assert len(back) == 12
    for one, two in zip(vars(back).values(), vars(layouts).values(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_another_file_is_refused(layouts, tmp_path) -> None:
    np.savez(tmp_path / "b.npz", pose=layouts.pose)
    with pytest.raises(UserError, match="holds no layouts"):
        Layouts.load(tmp_path / "b.npz")
    with pytest.raises(UserError, match="missing"):
        Layouts.load(tmp_path / "c.npz")
