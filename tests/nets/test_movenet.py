"""MoveNet answers as the original does in TensorFlow.js."""

from __future__ import annotations

import pytest
import torch

from core.nets.movenet import MultiPose, Thunder, load_multipose, load_thunder
from tests.nets.record_originals import answers, tensor

NOSE, LEFT_SHOULDER, RIGHT_SHOULDER = 0, 5, 6


@pytest.fixture(scope="module")
def thunder() -> Thunder:
    return load_thunder()


@pytest.fixture(scope="module")
def multipose() -> MultiPose:
    return load_multipose()


@pytest.mark.parametrize("name", ["astronaut", "camera"])
def test_thunder_answers_as_the_original(thunder: Thunder, name: str) -> None:
    expected, found = answers("thunder", name), thunder(tensor(name)[None])
    torch.testing.assert_close(found.xy[0], expected["xy"], atol=1e-3, rtol=0)
    torch.testing.assert_close(found.score[0], expected["score"], atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", ["astronaut", "two"])
def test_multipose_answers_as_the_original(multipose: MultiPose, name: str) -> None:
    expected, found = answers("multipose", name), multipose(tensor(name))
    people = len(found.person)
    assert 1 <= people <= 6
    assert not expected["person"][people:].any()
    torch.testing.assert_close(found.xy, expected["xy"][:people], atol=2e-3, rtol=0)
    torch.testing.assert_close(found.score, expected["score"][:people], atol=1e-4, rtol=0)
    torch.testing.assert_close(found.box, expected["box"][:people], atol=5e-3, rtol=0)
    torch.testing.assert_close(found.person, expected["person"][:people], atol=1e-4, rtol=0)


def test_multipose_finds_both_of_two(multipose: MultiPose) -> None:
    found = multipose(tensor("two"))
    noses = found.xy[found.person > 0.3, NOSE, 0]
    assert len(noses) == 2
    assert noses.min() < 256 < noses.max()
    width = torch.tensor([512.0, 256.0, 512.0, 256.0])
    assert (found.box >= 0).all() and (found.box <= width).all()


def test_thunder_answers_for_each_picture_of_a_batch(thunder: Thunder) -> None:
    pictures = torch.stack([tensor("camera"), tensor("astronaut")])
    together, alone = thunder(pictures), thunder(pictures[1:])
    assert together.xy.shape == (2, 17, 2) and together.score.shape == (2, 17)
    torch.testing.assert_close(together.xy[1:], alone.xy, atol=1e-3, rtol=0)
    # She faces us: her left is on our right.
    assert alone.xy[0, LEFT_SHOULDER, 0] > alone.xy[0, RIGHT_SHOULDER, 0] + 50


def test_the_pyramid_is_what_is_decoded(thunder: Thunder) -> None:
    picture = tensor("astronaut")[None]
    pyramid = thunder.pyramid(picture)
    assert pyramid.shape == (1, 24, 64, 64)
    assert torch.equal(thunder.decode(pyramid).xy, thunder(picture).xy)


def test_equal_centres_keep_the_order_of_the_map(multipose: MultiPose) -> None:
    found = multipose.decode(torch.zeros(1, 24, 16, 32))  # a map without anything: all cells tie
    again = multipose.decode(torch.zeros(1, 24, 16, 32))
    assert len(found.person) == 6
    assert torch.equal(found.xy, again.xy)
    assert found.box[0, 0] <= found.box[1, 0] <= found.box[2, 0]
