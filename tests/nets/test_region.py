"""Regions are cut upright, and their points come back to where they were."""

import math

import pytest
import torch

from core.nets.region import upright_regions

SIZE = 128


def spot(x, y):
    """A picture that is dark but for a soft spot."""
    ticks = torch.arange(SIZE) + 0.5
    return torch.exp(-0.5 * ((ticks - x) ** 2 + (ticks[:, None] - y) ** 2) / 4)[None, None]


def middle(picture):
    """Centre of mass in shares of the picture."""
    ticks = (torch.arange(picture.shape[-1]) + 0.5) / picture.shape[-1]
    mass = picture[0, 0] / picture.sum()
    return torch.stack([(mass.sum(0) * ticks).sum(), (mass.sum(1) * ticks).sum()])


@pytest.mark.parametrize("degrees", [0, 35, 90, 180, -120])
def test_a_spot_is_found_where_the_region_shows_it(degrees):
    turn = math.radians(degrees)
    hips = torch.tensor([[60.0, 70.0]])
    shoulders = hips + 20 * torch.tensor([[math.sin(turn), -math.cos(turn)]])
    regions = upright_regions(hips, shoulders, torch.tensor([40.0]))
    shown = regions.cut(spot(72.0, 52.0), 64)
    found = regions.to_crop(middle(shown)[None, None])
    torch.testing.assert_close(found[0, 0], torch.tensor([72.0, 52.0]), atol=0.1, rtol=0)


@pytest.mark.parametrize("degrees", [0, 50, 170])
def test_shoulders_are_above_hips(degrees):
    turn = math.radians(degrees)
    hips = torch.tensor([[64.0, 64.0]])
    shoulders = hips + 24 * torch.tensor([[math.sin(turn), -math.cos(turn)]])
    regions = upright_regions(hips, shoulders, torch.tensor([48.0]))
    x, y = middle(regions.cut(spot(*shoulders[0].tolist()), 64)).tolist()
    assert x == pytest.approx(0.5, abs=0.005) and y == pytest.approx(0.25, abs=0.005)


def test_images_may_be_finer_than_the_crop():
    regions = upright_regions(
        torch.tensor([[30.0, 35.0]]), torch.tensor([[30.0, 20.0]]), torch.tensor([20.0])
    )
    found = regions.to_crop(middle(regions.cut(spot(72.0, 52.0), 64, scale=2.0))[None, None])
    torch.testing.assert_close(found[0, 0], torch.tensor([36.0, 26.0]), atol=0.1, rtol=0)


def test_a_trunk_without_length_is_upright():
    hips = torch.tensor([[5.0, 5.0]])
    regions = upright_regions(hips, hips, torch.tensor([3.0]))
    torch.testing.assert_close(regions.up, torch.tensor([[0.0, -1.0]]))


def test_what_is_cut_can_be_pasted_back():
    hips = torch.tensor([[60.0, 70.0]])
    regions = upright_regions(hips, hips + torch.tensor([[14.0, -14.0]]), torch.tensor([40.0]))
    image = spot(72.0, 62.0)
    pasted = regions.paste(regions.cut(image, 80)[:, 0], SIZE)
    assert (pasted - image[:, 0]).abs().max() < 0.12  # blurred by two resamplings
    assert pasted[0, 70, 5] == 0  # outside the region
