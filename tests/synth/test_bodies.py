"""Bodies without pictures: reproducible, framed like people, refused when damaged."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.body.load import load_body
from core.errors import UserError
from core.geometry.camera import Camera, project
from core.geometry.rotations import rotation_from_axis_angle
from core.synth.bodies import Bodies, sample_bodies
from core.synth.people import PeopleSampler


@pytest.fixture(scope="module")
def bodies(sampler) -> Bodies:
    return sample_bodies(sampler, 12)


def test_each_depends_on_its_number_only(bodies) -> None:
    again = sample_bodies(PeopleSampler(seed=3, size=64), 3)
    for one, two in zip(vars(again).values(), vars(bodies).values(), strict=True):
        np.testing.assert_array_equal(one, two[:3] if one.ndim else two)
    other = sample_bodies(PeopleSampler(seed=4, size=64), 1)
    assert (other.pose != bodies.pose[0]).any()


def test_bodies_stand_in_their_crops(bodies) -> None:
    body = load_body()
    rotations = rotation_from_axis_angle(torch.from_numpy(bodies.pose)).float()
    posed = body.pose(rotations, torch.from_numpy(bodies.betas), torch.from_numpy(bodies.transl))
    assert (posed.vertices[..., 2] > 0.4).all()
    camera = Camera.centered(torch.from_numpy(bodies.focal), 64)
    inside = (project(camera, posed.vertices) / 32 - 1).abs().amax(-1) < 1
    assert (inside.float().mean(1) > 0.25).all()
    assert inside.all(1).float().mean() > 0.4


def test_file_round_trip(bodies, tmp_path) -> None:
    bodies.save(tmp_path / "a.npz")
    back = Bodies.load(tmp_path / "a.npz")
    assert len(back) == 12
    for one, two in zip(vars(back).values(), vars(bodies).values(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_another_file_is_refused(bodies, tmp_path) -> None:
    np.savez(tmp_path / "b.npz", pose=bodies.pose)
    with pytest.raises(UserError, match="is not a readable file of bodies"):
        Bodies.load(tmp_path / "b.npz")
    with pytest.raises(UserError, match=r"is missing; make them with: nbf synth --bodies"):
        Bodies.load(tmp_path / "c.npz")
