"""Furniture and neighbours: positions, occlusion of the person, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.render.shade.render import Material, TexturedMesh
from core.synth.drawing import interactions
from core.synth.drawing.backdrop import Ground
from core.synth.drawing.furniture import (
    Block,
    build,
    random_furniture,
    random_materials,
    seat,
    seat_place,
)
from core.synth.drawing.interactions import Solid
from core.synth.drawing.light import brightest_direction, random_lighting
from core.synth.drawing.scene import Scene, draw_person, draw_solid
from core.synth.dressing.appearance import MaterialLibrary
from core.synth.dressing.dressable_body import Outfit, pose_person
from core.synth.sampling.camera import Framing
from core.synth.sampling.poses import ARMS_DOWN, SITTING, pose_from_angles

FLIP = np.diag([1.0, -1.0, -1.0])
GREY = Material(np.full((8, 8, 3), 128, np.uint8))


def person_in(sampler, angles, depth=4.0):
    """An undressed person, facing the camera."""
    pose = pose_from_angles(angles)
    pose[0] = [np.pi, 0, 0]
    count = len(sampler.dressable.normals)
    outfit = Outfit(GREY, np.zeros(count, np.float32), [])
    person = pose_person(sampler.dressable, outfit, pose, np.zeros(10, np.float32))
    return person.moved(np.array([0, 0, depth]))


def scene_of(depth=4.0, size=64):
    rng = np.random.default_rng(0)
    sky = np.full((64, 128, 3), 0.3, np.float32)
    framing = Framing(120.0, np.array([0, 0, depth]), False)
    return Scene(size, FLIP, framing, random_lighting(sky, FLIP, rng))


def board(depth, half=0.4):
    """An upright board in the middle of the picture."""
    vertices = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], np.float32) * half
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    uv = np.zeros((2, 3, 2), np.float32)
    return Solid(
        TexturedMesh(vertices + np.float32([0, 0, depth]), faces, uv, np.zeros(2, np.int32)), [GREY]
    )


def test_board_in_front_hides_the_person_and_behind_does_not(sampler):
    scene = scene_of()
    person = draw_person(person_in(sampler, ARMS_DOWN), [GREY], scene)
    in_front, behind = (draw_solid(board(depth), person, scene) for depth in (3.0, 5.0))
    assert in_front.occlusion.any()
    np.testing.assert_array_equal(in_front.occlusion, in_front.full[..., 3] >= 0.5)
    assert (behind.full[..., 3] > 0.5).any()
    assert not behind.occlusion.any()
    assert not behind.front.any()


def test_board_through_the_person_hides_half(sampler):
    """Depth alone decides: the lifted leg is in front of the board, the rest behind it."""
    scene = scene_of()
    person = draw_person(person_in(sampler, ARMS_DOWN | {"l_hip": (-80, 0, 0)}), [GREY], scene)
    layers = draw_solid(board(3.85, 1.5), person, scene)
    seen = person.parts > 0
    assert (
        0.05 < (seen & ~layers.occlusion).sum() / seen.sum() < 0.6
    )  # the lifted leg comes through
    assert set(person.parts[seen & ~layers.occlusion]) >= {1 + 4}


def test_boxes_stand_on_the_ground_and_keep_their_size():
    ground = Ground(np.array([0, -1.0, 0]), -1.5, FLIP[:, [0, 2]].T, np.array([0, 1.5, 4.0]))
    facing = np.array([0, 0, -1.0])
    mesh = build([Block((-0.3, 0, -0.1), (0.3, 0.5, 0.2))], ground, ground.foot, facing)
    assert mesh.vertices.shape == (24, 3)
    assert len(mesh.faces) == 12
    heights = mesh.vertices @ ground.up - ground.height
    np.testing.assert_allclose([heights.min(), heights.max()], [0, 0.5], atol=1e-6)
    low, high = mesh.vertices.min(0), mesh.vertices.max(0)
    np.testing.assert_allclose(high - low, [0.6, 0.5, 0.3], atol=1e-6)
    np.testing.assert_allclose(low[2], 4.0 - 0.2, atol=1e-6)  # its front faces the camera
    a, b, c = (mesh.vertices[mesh.faces[:, k]] for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2
    assert area == pytest.approx(2 * (0.6 * 0.5 + 0.6 * 0.3 + 0.5 * 0.3), rel=1e-5)


def test_all_kinds_are_solid_boxes_on_the_floor():
    rng = np.random.default_rng(0)
    for _ in range(40):
        blocks = random_furniture(rng)
        low, high = np.array([b.low for b in blocks]), np.array([b.high for b in blocks])
        assert (high > low).all()
        assert low[:, 1].min() == pytest.approx(0, abs=0.11)
        assert high.max() < 3.1


def test_a_sitting_person_gets_a_seat(sampler):
    rng = np.random.default_rng(0)
    sitting, standing = (person_in(sampler, t) for t in (ARMS_DOWN | SITTING, ARMS_DOWN))
    ground = Ground.below(sitting.body_vertices, FLIP)
    assert interactions.is_sitting(sitting, ground)
    assert not interactions.is_sitting(standing, Ground.below(standing.body_vertices, FLIP))
    found = seat_place(sitting.joints[0], ground)
    assert found is not None
    height, place = found
    assert 0.25 < height < 0.6
    assert place @ ground.up == pytest.approx(ground.height, abs=1e-5)
    tops = [b.high[1] for b in seat(height, rng)]
    assert height in tops
    assert seat_place(ground.foot.astype(np.float32), ground) is None


def test_neighbour_stands_on_the_same_ground_within_reach(sampler):
    rng = np.random.default_rng(0)
    person, other = person_in(sampler, ARMS_DOWN), person_in(sampler, ARMS_DOWN | SITTING, 9.0)
    for _ in range(10):
        near = interactions.place_neighbour(other, person, FLIP, rng)
        grounds = [Ground.below(p.body_vertices, FLIP).height for p in (person, near)]
        assert grounds[0] == pytest.approx(grounds[1], abs=1e-4)
        gap = near.joints[0] - person.joints[0]
        assert np.linalg.norm(gap[[0, 2]]) < 1.2


def test_limb_ends_in_front_of_the_person(sampler):
    rng = np.random.default_rng(1)
    person, other = person_in(sampler, ARMS_DOWN), person_in(sampler, ARMS_DOWN, 9.0)
    sizes = set()
    for _ in range(12):
        mesh = interactions.reaching_limb(other, person, rng)
        sizes.add(len(mesh.faces))
        used = mesh.vertices[np.unique(mesh.faces)]
        rays = used[:, None, :2] / used[:, None, 2:] - person.joints[:, :2] / person.joints[:, 2:]
        assert np.linalg.norm(rays, axis=-1).min() < 0.05
    assert len(sizes) > 2  # complete people, arms, legs


def test_objects_too_near_to_the_camera_are_refused():
    assert board(1.0).clears_camera
    assert not board(0.2).clears_camera


def test_materials_are_two_without_folder():
    materials = random_materials(MaterialLibrary([], [], []), np.random.default_rng(0))
    assert len(materials) == 2
    assert all(m.texture.dtype == np.uint8 for m in materials)


def test_lamp_of_a_panorama_is_found():
    sky = np.full((64, 128, 3), 0.1, np.float32)
    assert brightest_direction(sky) is None
    sky[8:12, 60:68] = 20  # behind (+z), high
    direction = brightest_direction(sky)
    assert direction is not None
    assert direction[1] > 0.8
    assert direction[2] > 0.3


def test_a_person_in_front_leaves_enough_visible(sampler, monkeypatch):
    from core.synth import people as module

    shares = {
        "WITH_FURNITURE": 0.0,
        "SEAT_FOR_SITTING": 0.0,
        "WITH_LIMB": 0.0,
        "OCCLUDED": 0.0,
        "PAST_EDGE": 0.0,
    }
    for name, share in shares.items():
        monkeypatch.setattr(module, name, share)
    monkeypatch.setitem(module.WITH_NEIGHBOUR, sampler.split, 0.0)
    monkeypatch.setitem(module.IN_FRONT, sampler.split, 1.0)
    samples = [sampler.sample(index) for index in range(24)]
    hidden = [(s.occluder & (s.parts > 0)).sum() / (s.parts > 0).sum() for s in samples]
    assert 0.05 < max(hidden) <= 1 - module.MIN_VISIBLE


def test_interactions_occlude_and_are_reproducible(sampler, monkeypatch):
    from core.synth import people as module

    for name, share in {
        "WITH_FURNITURE": 1.0,
        "SEAT_FOR_SITTING": 1.0,
        "OCCLUDED": 0.0,
        "PAST_EDGE": 0.0,
    }.items():
        monkeypatch.setattr(module, name, share)
    samples = [sampler.sample(index) for index in range(12)]
    hidden = [(s.occluder & (s.parts > 0)).sum() / max((s.parts > 0).sum(), 1) for s in samples]
    assert np.mean(np.array(hidden) > 0.01) > 0.3
    assert max(hidden) < 0.8
    again = sampler.sample(4)
    np.testing.assert_array_equal(samples[4].image, again.image)
    assert replace(again).occluder.dtype == bool
