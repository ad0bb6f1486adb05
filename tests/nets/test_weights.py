"""Weights of another network, or damaged ones, are one clear line."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from safetensors.torch import load_file, save_file

from core.assets import asset_path
from core.errors import UserError
from core.nets.blazepose import load_blazepose
from core.nets.movenet import load_multipose, load_thunder

THUNDER = "backbone/movenet_thunder.safetensors"
LOADERS = {
    "movenet_thunder": load_thunder,
    "movenet_multipose": load_multipose,
    "blazepose_full": partial(load_blazepose, "full"),
    "blazepose_heavy": partial(load_blazepose, "heavy"),
}


def complaint(load, path):
    with pytest.raises(UserError) as caught:
        load(path=path)
    text = str(caught.value)
    assert "\n" not in text and path.name in text and "restore" in text
    return text


@pytest.mark.parametrize(
    ("wanted", "given"),
    [
        ("movenet_thunder", "movenet_multipose"),
        ("movenet_multipose", "movenet_thunder"),
        ("blazepose_full", "blazepose_heavy"),
        ("blazepose_heavy", "blazepose_full"),
    ],
)
def test_another_network(wanted, given):
    text = complaint(LOADERS[wanted], asset_path(f"backbone/{given}.safetensors"))
    assert f"{given}.safetensors does not hold the weights of {wanted};" in text


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_a_file_cut_short(tmp_path, share):
    whole = asset_path(THUNDER).read_bytes()
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(whole[: int(share * len(whole))])
    assert "is not a readable weights file" in complaint(load_thunder, cut)


def test_no_file(tmp_path):
    assert "is missing" in complaint(load_thunder, tmp_path / "absent.safetensors")


def test_values_that_are_not_finite(tmp_path):
    state = load_file(asset_path(THUNDER))
    state["center.1.conv.bias"] = torch.tensor([float("nan")]).half()
    damaged = tmp_path / "damaged.safetensors"
    save_file(state, damaged)
    assert "not finite" in complaint(load_thunder, damaged)


def test_detectors_are_frozen_and_in_single_precision():
    for parameter in load_thunder().parameters():
        assert parameter.dtype == torch.float32
        assert not parameter.requires_grad
