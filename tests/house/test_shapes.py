"""The checker of array shapes itself, on a module written for it."""

from __future__ import annotations

import importlib
import sys

import numpy as np
import pytest
import torch

from tests import shapes
from tests.shapes import ShapeError, unchecked

SOURCE = '''
"""Functions with annotated arrays."""
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

if TYPE_CHECKING:
    from nowhere import Unknown

Alias = Float[Tensor, "batch 3"]

def move(points: Alias, by: Float[Tensor, " batch"] | None = None) -> Float[Tensor, "batch 3"]:
    return points if by is None else points + by[:, None]

def wrong_result(points: Alias) -> Float[Tensor, " batch"]:
    return points

def pair(points: Alias) -> tuple[Float[Tensor, " batch"], float]:
    return (points[:, 0] if points.sum() else points), 1.0

def each(rows: list[Alias], named: dict[str, Int[np.ndarray, " n"]] | None = None) -> int:
    return len(rows)

def named_only(*rest: int, points: Alias) -> Float[Tensor, "batch 3"]:
    return points

def plain(count: int, other: Unknown | None = None) -> int:
    return count

@dataclass(frozen=True)
class Camera:
    focal: Float[Tensor, "batch 2"]
    center: Float[Tensor, "batch 2"]

    @property
    def wrong(self) -> Float[Tensor, "batch 7"]:
        return self.center

    @staticmethod
    def of(focal: Float[Tensor, " batch"]) -> Camera:
        def twice(value: Float[Tensor, " batch"]) -> Float[Tensor, "batch 2"]:
            return value[:, None].repeat(1, 2)
        return Camera(twice(focal), twice(focal))
'''


@pytest.fixture
def module(tmp_path, monkeypatch):
    """The module, imported through a hook of its own."""
    (tmp_path / "annotated_arrays.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    shapes.install(["annotated_arrays"])
    yield importlib.import_module("annotated_arrays")
    del sys.modules["annotated_arrays"]


POINTS = torch.ones(4, 3)


def test_right_arrays_pass(module):
    assert module.move(POINTS, torch.ones(4)).shape == (4, 3)
    assert module.move(POINTS, by=None).shape == (4, 3)
    assert module.pair(POINTS)[1] == 1.0
    assert module.each([POINTS, POINTS], {"n": np.arange(3)}) == 2
    assert module.named_only(1, 2, points=POINTS) is POINTS
    assert module.Camera.of(torch.ones(4)).center.shape == (4, 2)


@pytest.mark.parametrize(
    ("points", "by", "words"),
    [
        (torch.ones(4), None, "points is a Tensor of torch.float32 .* 1 dimensions"),
        (torch.ones(4, 2), None, "points is .* 2 does not equal 3"),
        (torch.ones(4, 3).int(), None, "points is .* int32"),
        (np.ones((4, 3)), None, "points is a ndarray"),
        (None, None, "points is a NoneType"),
        (POINTS, torch.ones(5), "by is .* 5 which does not equal the existing value of 4"),
    ],
)
def test_wrong_arguments_are_named(module, points, by, words):
    with pytest.raises(ShapeError, match=f"annotated_arrays.move: {words}"):
        module.move(points, by=by)
    with unchecked():
        assert module.move(POINTS, None) is POINTS
        module.wrong_result(points)


def test_wrong_results_are_named(module):
    with pytest.raises(ShapeError, match="wrong_result: return is a Tensor"):
        module.wrong_result(POINTS)
    with pytest.raises(ShapeError, match=r"pair: return is a tuple, .* 2 dimensions"):
        module.pair(POINTS * 0)
    with pytest.raises(ShapeError, match="wrong: return"):
        module.Camera.of(torch.ones(4)).wrong  # noqa: B018 (the property checks)


def test_arrays_in_containers_share_their_axes(module):
    with pytest.raises(ShapeError, match=r"rows is a list, .* 5 which does not equal"):
        module.each([POINTS, torch.ones(5, 3)])
    with pytest.raises(ShapeError, match="named is a dict"):
        module.each([], {"n": np.ones(3)})


def test_fields_of_a_dataclass_share_their_axes(module):
    with pytest.raises(ShapeError, match=r"Camera.__init__: center .* 5 which does not equal"):
        module.Camera(torch.ones(4, 2), torch.ones(5, 2))


def test_dataclasses_of_one_name_are_told_apart(module):
    from core.geometry.camera import Camera

    Camera(torch.ones(4), torch.ones(4, 2))
    module.Camera(torch.ones(4, 2), torch.ones(4, 2))


def test_each_call_has_its_own_axes(module):
    for count in (2, 3):
        module.move(torch.ones(count, 3))


def test_functions_without_arrays_stay_bare(module):
    assert not hasattr(module.plain, "__wrapped__")
    assert module.plain(3) == 3


def test_the_hook_must_come_first():
    with pytest.raises(AssertionError, match="imported before"):
        shapes.install(["tests.shapes"])


def test_the_suite_is_checked():
    from core.body.kinematics import forward_kinematics

    assert hasattr(forward_kinematics, "__wrapped__")
