"""BlazePose answers as the original does in LiteRT."""

from __future__ import annotations

from functools import cache

import pytest
import torch

from core.nets.blazepose import load_blazepose
from core.nets.weights import freeze
from tests.nets.record_originals import MASK_STEP, answers, tensor

load = cache(lambda kind: freeze(load_blazepose(kind)))


@pytest.mark.parametrize(
    ("kind", "name"), [("full", "astronaut"), ("heavy", "astronaut"), ("heavy", "camera")]
)
def test_the_answer_is_the_original_one(kind: str, name: str) -> None:
    expected, found = answers(kind, name), load(kind)(tensor(name)[None])
    landmarks, rows = found.landmarks, expected["landmarks"]
    torch.testing.assert_close(landmarks.xy[0], rows[:, :2], atol=1e-2, rtol=0)
    torch.testing.assert_close(landmarks.visibility[0], rows[:, 3], atol=3e-3, rtol=0)
    torch.testing.assert_close(landmarks.presence[0], rows[:, 4], atol=3e-3, rtol=0)
    torch.testing.assert_close(landmarks.world[0], expected["world"], atol=1e-4, rtol=0)
    torch.testing.assert_close(landmarks.person.sigmoid(), expected["person"], atol=1e-4, rtol=0)
    torch.testing.assert_close(found.heatmaps.amax((0, 2, 3)), expected["heat"], atol=1e-2, rtol=0)
    if kind == "heavy":
        assert found.mask is not None and found.mask.shape == (1, 256, 256)
        sparse = found.mask[0, ::MASK_STEP, ::MASK_STEP]
        torch.testing.assert_close(sparse, expected["mask"], atol=5e-2, rtol=0)
    else:
        assert found.mask is None


def test_the_mask_shows_the_person() -> None:
    mask = load("heavy")(tensor("camera")[None]).mask
    assert mask is not None
    shown = mask[0] > 0
    assert shown[90, 110]  # the back of the man's coat
    assert not shown[:, 200:].any()  # sky, towers and lawn
    assert 0.1 < shown.float().mean() < 0.5
