"""One person's points: of whom, where, and how sure."""

from __future__ import annotations

import pytest
import torch

from core.body.points import POINTS
from core.io.images import load_image
from core.nets.crowd import (
    COCO_ROWS,
    blanked,
    fill,
    look_at_mirror,
    look_for_people,
    regions_of,
)
from core.nets.movenet import load_multipose
from core.nets.person_points import (
    _COCO_ROWS,
    LOOKS,
    SHARED,
    VOICES,
    PersonPointsDetector,
    _not_of_others,
    _own_places,
    _votes,
)
from core.nets.point_vote import elect, sigma_of_support

SIZE = 384


@pytest.fixture(scope="module")
def find() -> PersonPointsDetector:
    return PersonPointsDetector()


@pytest.fixture(scope="module")
def astronaut() -> torch.Tensor:
    pixels = torch.from_numpy(load_image("skimage:astronaut").pixels.copy())
    small = pixels.permute(2, 0, 1)[None].float() / 255
    return torch.nn.functional.interpolate(small, (SIZE, SIZE), mode="bilinear", antialias=True)


def test_a_face_and_shoulders_are_found_surely(find, astronaut):
    seen = find(astronaut, torch.tensor([[40.0, 0.0, 300.0, SIZE]]))
    place = dict(zip(POINTS, seen.xy[0], strict=True))
    assert (place["nose"] - torch.tensor([170.0, 88.0])).norm() < 12
    assert place["l_shoulder"][0] > place["nose"][0] + 30 > place["r_shoulder"][0] + 30
    sigma = dict(zip(POINTS, seen.sigma[0].tolist(), strict=True))
    assert sigma["nose"] < 0.03 * SIZE < sigma["l_ankle"]  # the legs are outside the photo
    assert seen.xy.isfinite().all() and (seen.sigma > 0).all()
    assert seen.mask.shape == (1, 256, 256) and seen.mask.max() > 0
    world = dict(zip(POINTS, seen.world[0], strict=True))
    assert (world["l_shoulder"] - world["r_shoulder"])[0] > 0.15
    assert (world["nose"] - world["l_ear"])[2] < 0  # it points at the camera
    elected = elect(seen.votes.xy, seen.votes.weight, torch.tensor([float(SIZE)]))
    torch.testing.assert_close(seen.xy[:, : len(SHARED)], elected.xy)
    alone = SIZE * sigma_of_support(seen.votes.weight)
    torch.testing.assert_close(seen.votes.sigma, alone)
    torch.testing.assert_close(seen.votes.scaled(0.5).xy, seen.votes.xy / 2)
    legs, arms = seen.foreshortening_sigma[0, :2], seen.foreshortening_sigma[0, 2:3]
    assert legs.min() > arms.max() > 0.2


def test_the_box_says_who_is_meant(find, astronaut):
    two = torch.cat([astronaut, astronaut.flip(3)], 3)
    two = torch.nn.functional.interpolate(two, (SIZE // 2, SIZE), mode="bilinear", antialias=True)
    two = torch.nn.functional.pad(two, (0, 0, SIZE // 4, SIZE // 4))
    left, right = [20.0, 96.0, 150.0, 288.0], [234.0, 96.0, 364.0, 288.0]
    seen = find(two.expand(2, -1, -1, -1), torch.tensor([left, right]))
    nose = seen.xy[:, POINTS.index("nose"), 0]
    assert nose[0] < 120 and nose[1] > 264
    assert nose[0] + nose[1] == pytest.approx(SIZE, abs=8)


def test_everything_outside_the_box_is_black():
    shown = blanked(torch.ones(1, 3, 100, 100), torch.tensor([[20.0, 30.0, 60.0, 80.0]]), 0.1)
    rows, columns = shown[0, 0].nonzero().unbind(1)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (25, 84, 15, 64)


def test_a_person_who_fills_the_box_fills_it():
    box = torch.tensor([[10.0, 10.0, 50.0, 90.0]])
    corners = torch.tensor([[[16.7, 16.7, 0.9], [43.3, 83.3, 0.9], [500.0, 500.0, 0.1]]])
    assert fill(corners, box, 0.2) == pytest.approx(1, abs=0.02)  # the margin included
    assert fill(corners + torch.tensor([100.0, 0, 0]), box, 0.2) == 0
    assert fill(corners * torch.tensor([1.0, 1, 0]), box, 0.2) == 0


def test_heavy_looks_at_an_upright_region():
    points = torch.zeros(1, 17, 2)
    points[:, [5, 6]] = torch.tensor([[60.0, 45.0], [60.0, 55.0]])  # shoulders, lying on the side
    points[:, [11, 12]] = torch.tensor([[100.0, 45.0], [100.0, 55.0]])
    points[:, [15, 16]] = torch.tensor([[180.0, 45.0], [180.0, 55.0]])
    points[:, [0, 1, 2, 3, 4, 7, 8, 9, 10, 13, 14]] = 60.0
    regions = regions_of(points)
    torch.testing.assert_close(regions.center, torch.tensor([[100.0, 50.0]]))
    torch.testing.assert_close(regions.up, torch.tensor([[-1.0, 0.0]]))
    assert regions.side[0] == pytest.approx(2 * 1.25 * 80.2, abs=1)


def test_another_persons_points_count_less():
    people = torch.zeros(1, 6, len(SHARED), 3)
    people[0, 0] = torch.tensor([50.0, 50.0, 0.8])
    people[0, 1] = torch.tensor([80.0, 50.0, 0.8])
    points = torch.tensor([[50.0, 52.0], [79.0, 50.0], [120.0, 50.0]]).repeat(6, 1)[None]
    weight = _not_of_others(points[:, : len(SHARED)], people, torch.tensor([100.0]))
    assert weight[0, :3].tolist() == [1.0, pytest.approx(0.3), 1.0]


def test_nobody_else_takes_nothing_away():
    people = torch.zeros(1, 6, len(SHARED), 3)
    points = torch.zeros(1, len(SHARED), 2)
    assert _not_of_others(points, people, torch.tensor([100.0])).min() == 1


def test_the_person_who_is_meant_wins_where_voices_mix():
    """Thunder has the arms of a bystander; the others agree on whose they are."""
    meant = torch.rand(17, 2) * 60 + 20
    bystander = meant + torch.tensor([25.0, 0.0])
    score = torch.full((17, 1), 0.6)
    thunder = torch.cat([torch.where(torch.arange(17)[:, None] > 8, meant, bystander), score], 1)
    people = torch.zeros(1, 6, 17, 3)
    people[0, 0] = torch.cat([meant, score], 1)
    people[0, 1] = torch.cat([bystander, score], 1)
    heavy = torch.zeros(1, LOOKS, len(POINTS), 3)
    boxes = torch.tensor([[0.0, 0.0, 100.0, 100.0]])
    twice = torch.stack([thunder, thunder])[None], torch.stack([people, people], 1)
    votes = _votes(*twice, heavy, boxes)
    xy = elect(votes.xy, votes.weight, torch.tensor([100.0])).xy
    assert votes.voices == VOICES and votes.names == SHARED
    torch.testing.assert_close(votes.xy[0, :, [2, 3]], meant[_COCO_ROWS][:, None].expand(-1, 2, -1))
    assert (votes.weight[0, :, 4:] == 0).all()  # heavy says nothing
    assert (votes.weight[0, :12, 2] > votes.weight[0, :12, 0]).any()
    order = [5 + i for i in (6, 7, 8, 9, 10, 11, 0, 1, 2, 3, 4, 5)] + list(range(5))
    torch.testing.assert_close(xy[0], meant[order], atol=2.0, rtol=0)


def test_feet_that_are_hardly_seen_stay_where_heavy_puts_them():
    heavy = torch.full((1, LOOKS, len(POINTS), 3), 80.0)
    heavy[..., 2] = 1e-9
    places = _own_places(heavy, torch.tensor([100.0]))
    torch.testing.assert_close(places, torch.full_like(places, 80.0))


def test_two_looks_of_a_network_have_the_weight_of_one():
    """Networks that look twice say no more than networks that look once."""
    points = torch.cat([torch.rand(17, 2) * 60 + 20, torch.full((17, 1), 0.6)], 1)
    thunder = points.expand(1, LOOKS, 17, 3)
    people = torch.zeros(1, LOOKS, 6, 17, 3)
    people[:, :, 0] = points
    heavy = torch.zeros(1, LOOKS, len(POINTS), 3)
    votes = _votes(thunder, people, heavy, torch.tensor([[0.0, 0.0, 100.0, 100.0]]))
    support = elect(votes.xy, votes.weight, torch.tensor([100.0])).support
    fitting = fill(points[None], torch.tensor([[0.0, 0.0, 100.0, 100.0]]), 0.2)
    assert fitting > 0  # nobody fills the box better, so all weights are as they are
    torch.testing.assert_close(support, torch.full_like(support, 0.5 + 0.4 + 2 * 0.6 * 0.6))


def test_the_mirror_image_has_the_same_people(astronaut):
    """Left and right of the person stay left and right."""
    box = torch.tensor([[40.0, 0.0, 300.0, SIZE]])
    mirrored_box = torch.tensor([[SIZE - 300.0, 0.0, SIZE - 40.0, SIZE]])
    straight = look_for_people(load_multipose(), astronaut, box)
    mirrored = look_at_mirror(load_multipose(), astronaut.flip(3), mirrored_box)
    seen = straight[0, 0, :, 2] > 0.5
    left, right = COCO_ROWS["l_shoulder"], COCO_ROWS["r_shoulder"]
    assert seen[[left, right]].all() and straight[0, 0, left, 0] > straight[0, 0, right, 0]
    swapped = mirrored[0, 0, [right, left], 0]
    torch.testing.assert_close(SIZE - swapped, straight[0, 0, [left, right], 0])
    nobody = straight[0, :, :, 2].amax(1) == 0
    assert nobody.any() and (mirrored[0, nobody] == 0).all()
