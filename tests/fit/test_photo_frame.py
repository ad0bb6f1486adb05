"""Where photos end, in pixels of their crops."""

from __future__ import annotations

import numpy as np
import torch

from core.fit.photo_frame import PhotoFrame
from core.geometry.crop import Box, crop_view, inside_photo

WIDTH, HEIGHT, SIZE = 640, 480, 224
VIEW = crop_view(WIDTH, HEIGHT, Box(450.0, 250.0, 260.0, 300.0), 800.0, SIZE)
FRAME = PhotoFrame.of_view(WIDTH, HEIGHT, VIEW)


MIDDLE = torch.tensor(VIEW.to_crop(np.array([[WIDTH / 2, HEIGHT / 2]]))).float()[None]


def in_crop(photo: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(VIEW.to_crop(photo)).float()[None]


def test_the_photo_is_where_the_crop_shows_it() -> None:
    middles = torch.arange(SIZE) + 0.5
    row, column = torch.meshgrid(middles, middles, indexing="ij")
    places = torch.stack([column, row], -1).flatten(0, 1)[None]
    stayed = (FRAME.nearest(places, MIDDLE.expand_as(places)) == places).all(-1)[0]
    drawn = torch.from_numpy(inside_photo(WIDTH, HEIGHT, VIEW)).flatten() > 0.5
    assert 0.2 < drawn.float().mean() < 0.8
    assert (stayed == drawn).float().mean() > 0.99


def test_the_nearest_place_is_that_of_the_photo() -> None:
    photo = np.array([[500.0, 300.0], [700.0, 300.0], [600.0, 900.0], [-50.0, -10.0]])
    xy, nearest = in_crop(photo), in_crop(photo.clip(0, [WIDTH, HEIGHT]))
    found = FRAME.nearest(xy, MIDDLE.expand_as(xy))
    torch.testing.assert_close(found, nearest, atol=1e-2, rtol=1e-4)
    assert torch.equal(found[0, 0], xy[0, 0])


def test_a_place_may_be_as_far_outside_as_another() -> None:
    """On the side on which that one is, and no farther."""
    photo = np.array([[660.0, 300.0], [720.0, 300.0], [-30.0, 300.0], [600.0, 500.0]])
    beyond = np.array([[680.0, 300.0], [680.0, 100.0], [680.0, 300.0], [680.0, 490.0]])
    kept = np.array([[660.0, 300.0], [680.0, 300.0], [0.0, 300.0], [600.0, 490.0]])
    found = FRAME.nearest(in_crop(photo), in_crop(beyond))
    torch.testing.assert_close(found, in_crop(kept), atol=1e-2, rtol=1e-4)


def test_a_crop_is_its_own_photo() -> None:
    xy = torch.tensor([[[5.0, 50.0], [-3.0, 50.0], [120.0, 130.0]]]).expand(2, 3, 2)
    nearest = torch.tensor([[[5.0, 50.0], [0.0, 50.0], [100.0, 100.0]]]).expand(2, 3, 2)
    found = PhotoFrame.of_crops(2, 100).nearest(xy, torch.full_like(xy, 50.0))
    torch.testing.assert_close(found, nearest)


def test_only_moves_along_the_edge_count_outside() -> None:
    xy = torch.tensor([[[50.0, 120.0], [50.0, 60.0]]], requires_grad=True)
    PhotoFrame.of_crops(1, 100).nearest(xy, torch.full((1, 2, 2), 50.0)).sum().backward()
    assert xy.grad is not None
    assert xy.grad.tolist() == [[[1.0, 0.0], [1.0, 1.0]]]


def test_places_behind_the_camera_stay_finite() -> None:
    xy = torch.tensor([[[-1e6, -1e6], [1e6, -1e6]]], requires_grad=True)
    nearest = FRAME.nearest(xy, MIDDLE.expand_as(xy))
    nearest.sum().backward()
    assert xy.grad is not None
    assert nearest.isfinite().all() and xy.grad.isfinite().all()
