"""Batches of rows."""

import pytest
import torch

from core.body.params import BodyParams


@pytest.mark.parametrize("index", [0, 1, -1, -2, -3])
def test_an_int_selects_one_row_from_either_end(index):
    count = torch.arange(3.0)
    bodies = BodyParams(
        count[:, None].expand(3, 3), torch.zeros(3, 23, 3), torch.zeros(3, 10), torch.zeros(3, 3)
    )
    row = bodies.select(index)
    assert len(row) == 1 and row.global_orient[0, 0] == count[index]
