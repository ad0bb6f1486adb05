"""Other people in a crop: whom the box does not mean, and how they are painted over."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.fit.detector import Crops
from core.fit.evidence import Bystanders, FeatureMap
from core.nets.bystanders import BystanderFinder, _in_the_way, painted_over
from core.synth.people import PeopleSampler

SIZE = 256
APART = 76  # pixels between the middles of two people


@pytest.fixture(scope="module")
def find() -> BystanderFinder:
    return BystanderFinder()


@pytest.fixture(scope="module")
def couple() -> tuple[torch.Tensor, torch.Tensor]:
    """Two people on grey, the right one in front: the picture, and the pixels of each."""
    sampler = PeopleSampler(3, None, "test", SIZE, unoccluded=True)
    picture, masks = np.full((SIZE, SIZE, 3), 120, np.uint8), []
    for index, shift in ((13, -APART // 2), (22, APART // 2)):
        sample = sampler.sample(index)
        masks.append(np.roll(sample.parts > 0, shift, 1))
        picture[masks[-1]] = np.roll(sample.image, shift, 1)[masks[-1]]
    masks[0] &= ~masks[1]
    image = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
    return image, torch.from_numpy(np.stack(masks))


def boxes(masks: torch.Tensor) -> torch.Tensor:
    edges = []
    for mask in masks:
        row, column = mask.nonzero().unbind(1)
        edges.append(torch.stack([column.min(), row.min(), column.max(), row.max()]).float())
    return torch.stack(edges)


def test_the_mask_is_of_the_other_one(find, couple):
    image, people = couple
    found = find(image.expand(2, -1, -1, -1), boxes(people))
    for mask, meant, other in zip(found, people, people.flip(0), strict=True):
        assert (mask & other).sum() > 0.95 * other.sum()
        assert (mask & meant).sum() < 0.1 * meant.sum()


def test_who_is_alone_has_no_bystander(find, couple):
    image, people = couple
    assert not find(torch.where(people[0], image, 0.5), boxes(people[:1])).any()


def test_the_mask_without_which_the_points_are_surest_is_kept(find, couple, monkeypatch):
    """One look takes the person who is meant for the other one."""
    image, people = couple
    meant, other = people
    guesses = iter([meant, other])
    monkeypatch.setattr(BystanderFinder, "_others", lambda *_: next(guesses))
    assert torch.equal(find(image, boxes(people[:1]))[0], other)


def test_nobody_is_painted_over_where_that_spoils_the_points(find, couple, monkeypatch):
    image, people = couple
    alone = torch.where(people[0], image, 0.5)
    row = people[0].nonzero()[:, 0]
    legs = people[0] & (torch.arange(SIZE)[:, None] > row.float().mean())
    guesses = iter([legs, torch.zeros_like(legs)])
    monkeypatch.setattr(BystanderFinder, "_others", lambda *_: next(guesses))
    assert not find(alone, boxes(people[:1])).any()


def test_fitting_one_of_two_sees_that_one(engine, couple):
    """The network gets the picture without the other person."""
    image, people = couple
    crops = Crops(image, boxes(people[:1]), SIZE)
    seen, at = engine.problem(image, torch.tensor([700.0]), crops=crops), torch.tensor([700.0])
    share = seen.get(Bystanders).share
    assert share.shape == (1, SIZE, SIZE) and share[0][people[1]].mean() > 0.95
    alone = engine.predict(painted_over(image, share > 0), at).features
    both = engine.predict(image, at).features
    features = seen.get(FeatureMap).maps
    assert (features - alone).abs().max() < 1e-4 < (features - both).abs().max()


def person(x: float, score: float = 0.8) -> torch.Tensor:
    """Points on a line of 100 pixels at ``x``, in COCO's order."""
    down = torch.linspace(20, 120, 17)
    return torch.stack([torch.full((17,), x), down, torch.full((17,), score)], 1)


def test_bystanders_are_sure_near_and_somebody_else():
    box = torch.tensor([0.0, 0.0, 100.0, 140.0])
    nobody = torch.zeros(17, 3)
    people = torch.stack(
        [person(50), person(80), person(80, 0.25), person(52), person(190), nobody]
    )
    people[1:5, 0, 0] += 20  # a nose, so that the boxes are not lines
    assert _in_the_way(people, box).tolist() == [True, False, False, False, False]


def test_paint_continues_what_is_around():
    images = torch.linspace(0, 1, 32).expand(2, 3, 32, 32).clone()
    masks = torch.zeros(2, 32, 32, dtype=torch.bool)
    masks[1, 10:20, 10:20] = True
    spoilt = torch.where(masks[:, None], 1.0, images)
    painted = painted_over(spoilt, masks)
    assert torch.equal(painted[0], images[0])
    assert torch.equal(painted[:, :, ~masks[1]], images[:, :, ~masks[1]])
    assert (painted - images).abs().max() < 0.15  # the ramp goes on
