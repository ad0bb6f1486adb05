"""People are found on real photographs."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from core.geometry.crop import Box, iou
from core.io.images import load_image
from core.nets.people import PeopleFinder, Proposal, cut_square, person_at, same_person

ASTRONAUT_FACE = (222, 115)


@pytest.fixture(scope="module")
def finder() -> PeopleFinder:
    return PeopleFinder()


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    return load_image("skimage:astronaut").pixels


def test_box_of_a_cut_off_person(finder: PeopleFinder, astronaut: np.ndarray) -> None:
    (found,) = finder(astronaut)
    assert found.score > 0.9
    box = found.box
    assert box.x < ASTRONAUT_FACE[0] < box.x + box.width
    assert -30 < box.y < 20  # the hair, too
    assert box.y + box.height > 600  # the legs outside the photo belong to the box


def test_grey_photo(finder: PeopleFinder) -> None:
    image = load_image("skimage:camera").pixels
    best = finder(image)[0]
    assert best.box.x < 200 < best.box.x + best.box.width
    assert 20 < best.box.y < 65  # the crown of the bent head


def test_nobody(finder: PeopleFinder) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    assert finder(noise) == []
    assert finder(np.zeros((1, 1, 3), np.uint8)) == []


def test_two_people(finder: PeopleFinder, astronaut: np.ndarray) -> None:
    two = np.concatenate([astronaut, astronaut[:, ::-1]], 1)
    found = finder(two)
    assert len(found) == 2
    centers = sorted(p.box.center[0] for p in found)
    assert centers[0] < 512 < centers[1]


def test_box_follows_the_person(finder: PeopleFinder, astronaut: np.ndarray) -> None:
    (here,) = finder(astronaut)
    moved = np.pad(astronaut, ((100, 0), (60, 0), (0, 0)), mode="edge")
    (there,) = finder(moved)
    shift = np.array(there.box.center) - np.array(here.box.center)
    assert np.abs(shift - [60, 100]).max() < 60


@pytest.mark.parametrize("side", [16.0, 64.0])
def test_cut_square_is_exact(side: float) -> None:
    ramp = np.zeros((80, 100, 3), np.uint8)
    ramp[..., 0] = np.arange(100)[None]
    ramp[..., 1] = np.arange(80)[:, None]
    cut = cut_square(ramp, Box(8, 8, side, side), 16).astype(float)
    expected = 8 + (np.arange(16) + 0.5) * side / 16 - 0.5
    assert np.abs(cut[..., 0] - expected[None]).max() <= 1.0
    assert np.abs(cut[..., 1] - expected[:, None]).max() <= 1.0
    assert (cut_square(ramp, Box(-200, 0, 50, 50), 16) == 0).all()


def test_overlap() -> None:
    box = Box(0, 0, 10, 10)
    assert iou(box, box) == pytest.approx(1)
    assert iou(box, Box(5, 0, 10, 10)) == pytest.approx(1 / 3)
    assert iou(box, Box(20, 0, 10, 10)) == 0


@pytest.mark.parametrize("name", ["coffee", "rocket", "chelsea", "coins"])
def test_things_and_animals_are_nobody(finder: PeopleFinder, name: str) -> None:
    image = load_image(f"skimage:{name}").pixels
    assert finder(image) == []


def limbs(x: float, y: float, size: float) -> np.ndarray:
    """Twelve points of somebody."""
    grid = np.stack(np.meshgrid([0.3, 0.7], np.linspace(0.2, 0.9, 6)), -1).reshape(12, 2)
    return [x, y] + size * grid


def test_a_part_of_a_person_is_the_same_person() -> None:
    whole = Proposal(Box(0, 0, 200, 200), limbs(0, 0, 200), 0.9)
    seen = limbs(3, 2, 200)
    seen[6:] = np.nan
    assert same_person(Proposal(Box(50, 30, 100, 80), seen, 0.5), whole)


def test_a_child_before_an_adult_is_another_person() -> None:
    adult = Proposal(Box(0, 0, 200, 200), limbs(0, 0, 200), 0.9)
    child = Proposal(Box(90, 110, 60, 80), limbs(90, 110, 70), 0.5)
    assert not same_person(child, adult)
    nothing = Proposal(Box(90, 110, 60, 80), np.full((12, 2), np.nan), 0.5)
    assert not same_person(nothing, adult)


def test_large_photos_are_looked_at_in_small(finder: PeopleFinder, astronaut: np.ndarray) -> None:
    large = np.repeat(np.repeat(astronaut, 5, 0), 5, 1)
    here, there = finder(astronaut)[0].box, finder(large)[0].box
    small = Box(*(value / 5 for value in vars(there).values()))
    assert iou(here, small) > 0.8


def test_boxes_do_not_depend_on_threads(finder: PeopleFinder, astronaut: np.ndarray) -> None:
    before = torch.get_num_threads()
    try:
        found = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append(finder(astronaut))
    finally:
        torch.set_num_threads(before)
    assert found[0][0].box == found[1][0].box
    assert all(value == round(value) for value in vars(found[0][0].box).values())


def figure(x: float, y: float, size: float) -> Proposal:
    """Somebody whose points fill a square."""
    turn = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    points = np.stack([x + 0.4 * size * np.cos(turn), y + 0.4 * size * np.sin(turn)], 1)
    return Proposal(Box(x - size / 2, y - size / 2, size, size), points, 0.9)


def test_a_pixel_says_who_is_meant() -> None:
    near, far = figure(100, 100, 100), figure(140, 100, 100)
    assert person_at([near, far], 61, 100) is near
    assert person_at([near, far], 179, 100) is far
    assert person_at([near, far], 120, 60) in (near, far)
    assert person_at([near, far], 300, 100) is None
    assert person_at([], 61, 100) is None
    hidden = Proposal(near.box, np.full((12, 2), np.nan), 0.9)
    assert person_at([hidden, far], 99, 100) is far  # points count before boxes
    assert person_at([hidden], 99, 100) is hidden


def test_the_person_at_a_pixel(finder: PeopleFinder, astronaut: np.ndarray) -> None:
    two = np.concatenate([astronaut, astronaut[:, ::-1]], 1)
    left, right = finder.at(two, 200, 150), finder.at(two, 824, 150)
    assert left is not None and right is not None
    assert left.box.x < 200 < left.box.x + left.box.width < 700
    assert right.box.x > 400


def test_who_is_too_small_for_the_photo_is_found_at_the_pixel(
    finder: PeopleFinder, astronaut: np.ndarray
) -> None:
    """A person of 70 pixels in a photo of 1500."""
    photo = np.full((1500, 1500, 3), 90, np.uint8)
    photo[200:300, 1200:1300] = cv2.resize(astronaut, (100, 100), interpolation=cv2.INTER_AREA)
    assert not any(p.box.x > 1100 for p in finder(photo))
    found = finder.at(photo, 1242, 240)
    assert found is not None and iou(found.box, Box(1200, 200, 80, 100)) > 0.4
    assert finder.at(photo, 300, 1200) is None
