"""Where photos end, in pixels of their crops."""

from __future__ import annotations

import numpy as np
import torch

from core.fit.photo_frame import PhotoFrame
from core.geometry.crop import Box, crop_view, inside_photo

WIDTH, HEIGHT, SIZE = 640, 480, 224
VIEW = crop_view(WIDTH, HEIGHT, Box(450.0, 250.0, 260.0, 300.0), 800.0, SIZE)


def test_the_frame_ends_where_the_crop_shows_no_photo() -> None:
    frame = PhotoFrame.of_view(WIDTH, HEIGHT, VIEW)
    middles = torch.arange(SIZE) + 0.5
    row, column = torch.meshgrid(middles, middles, indexing="ij")
    shown = frame.shows(torch.stack([column, row], -1).flatten(0, 1)[None])
    drawn = torch.from_numpy(inside_photo(WIDTH, HEIGHT, VIEW)).flatten() > 0.5
    assert 0.2 < drawn.float().mean() < 0.8
    assert (shown[0] == drawn).float().mean() > 0.99


def test_the_nearest_place_is_that_of_the_photo() -> None:
    frame = PhotoFrame.of_view(WIDTH, HEIGHT, VIEW)
    photo = np.array([[500.0, 300.0], [700.0, 300.0], [600.0, 900.0], [-50.0, -10.0]])
    kept = photo.clip(0, [WIDTH, HEIGHT])
    xy, nearest = (torch.from_numpy(VIEW.to_crop(p)).float()[None] for p in (photo, kept))
    torch.testing.assert_close(frame.nearest(xy), nearest, atol=1e-2, rtol=1e-4)
    assert frame.shows(xy).tolist() == [[True, False, False, False]]
    assert torch.equal(frame.nearest(xy)[0, 0], xy[0, 0])


def test_a_crop_is_its_own_photo() -> None:
    frame = PhotoFrame.of_crops(2, 100)
    xy = torch.tensor([[[5.0, 50.0], [-3.0, 50.0], [120.0, 130.0]]]).expand(2, 3, 2)
    nearest = torch.tensor([[[5.0, 50.0], [0.0, 50.0], [100.0, 100.0]]]).expand(2, 3, 2)
    torch.testing.assert_close(frame.nearest(xy), nearest)
    assert frame.shows(xy).tolist() == 2 * [[True, False, False]]


def test_only_moves_along_the_edge_count_outside() -> None:
    xy = torch.tensor([[[50.0, 120.0], [50.0, 60.0]]], requires_grad=True)
    PhotoFrame.of_crops(1, 100).nearest(xy).sum().backward()
    assert xy.grad is not None
    assert xy.grad.tolist() == [[[1.0, 0.0], [1.0, 1.0]]]


def test_places_behind_the_camera_stay_finite() -> None:
    frame = PhotoFrame.of_view(WIDTH, HEIGHT, VIEW)
    xy = torch.tensor([[[-1e6, -1e6], [1e6, -1e6]]], requires_grad=True)
    nearest = frame.nearest(xy)
    nearest.sum().backward()
    assert xy.grad is not None
    assert nearest.isfinite().all() and xy.grad.isfinite().all()
