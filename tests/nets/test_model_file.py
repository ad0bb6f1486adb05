"""Models are written and read again; damaged and wrong files are named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from core.errors import UserError
from core.nbv.features import FeatureBank
from core.nets.model_file import default_weights, load_model, save_model
from core.nets.network import PoseNetwork
from core.nets.presets import DEFAULT_PRESET, PRESETS


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, PoseNetwork, FeatureBank]:
    torch.manual_seed(0)
    network = PoseNetwork(PRESETS["lite"]).eval()
    bank = FeatureBank(
        phi=torch.randn(30, 4, 64),
        background=torch.randn(64),
        variance_foreground=torch.tensor(0.4),
        variance_background=torch.tensor(0.1),
    )
    path = tmp_path_factory.mktemp("model") / "lite.safetensors"
    save_model(path, network, bank, {"steps": 12, "figures": {"mpjpe": 100.5}})
    return path, network, bank


def test_round_trip(saved: tuple[Path, PoseNetwork, FeatureBank]) -> None:
    path, network, bank = saved
    model = load_model("lite", path)
    image = torch.rand(1, 3, 256, 256)
    with torch.no_grad():
        before, after = network(image), model.network(image)
    # half precision: eleven bits
    torch.testing.assert_close(after.features, before.features, atol=5e-3, rtol=0)
    torch.testing.assert_close(after.rotations, before.rotations, atol=5e-3, rtol=0)
    assert torch.equal(model.bank.phi, bank.phi)
    assert model.bank.variance_background == bank.variance_background
    assert model.metadata["steps"] == 12 and model.metadata["kernels"] == 30
    assert not model.network.training


def test_bad_files(saved: tuple[Path, PoseNetwork, FeatureBank], tmp_path: Path) -> None:
    whole = saved[0].read_bytes()
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="not a readable model file"):
        load_model("lite", broken)
    broken.write_text("hello")
    with pytest.raises(UserError, match="not a readable model file"):
        load_model("lite", broken)
    save_file({"x": torch.zeros(1)}, broken)
    with pytest.raises(UserError, match="format is None, not nbf-model-1"):
        load_model("lite", broken)
    with pytest.raises(UserError, match="'lite', not 'paper'"):
        load_model("paper", saved[0])
    with pytest.raises(UserError, match=r"nbf train --preset lite"):
        load_model("lite", tmp_path / "absent.safetensors")


@pytest.mark.parametrize("metadata", ["[1, 2]", '"text"', "[" * 100_000, "{", "null", "3"])
def test_odd_metadata_is_one_line(tmp_path: Path, metadata: str) -> None:
    path = tmp_path / "odd.safetensors"
    save_file({"x": torch.zeros(1)}, path, {"nbf": metadata})
    with pytest.raises(UserError, match=r"odd\.safetensors is not a") as caught:
        load_model("lite", path)
    assert "\n" not in str(caught.value)


def test_not_finite_is_refused(
    saved: tuple[Path, PoseNetwork, FeatureBank], tmp_path: Path
) -> None:
    _, network, bank = saved
    bad = FeatureBank(
        bank.phi * torch.nan, bank.background, bank.variance_foreground, bank.variance_background
    )
    with pytest.raises(ValueError, match="not finite"):
        save_model(tmp_path / "bad.safetensors", network, bad, {})
    assert not list(tmp_path.iterdir())


def test_the_default_is_shipped() -> None:
    path = default_weights(DEFAULT_PRESET)
    assert path.parts[-3:] == ("assets", "weights", f"{DEFAULT_PRESET}.safetensors")
    assert load_model().network.preset.name == DEFAULT_PRESET


def test_a_file_tells_its_preset(saved: tuple[Path, PoseNetwork, FeatureBank]) -> None:
    assert load_model(path=saved[0]).network.preset.name == "lite"


@pytest.mark.parametrize(
    ("changes", "record", "message"),
    [
        ({"phi": torch.ones(30, 64)}, {}, r"\(30, 64\), not \[30, 4, 64\]"),
        ({"phi": torch.ones(7000, 4, 64)}, {"kernels": 7000}, "bank.phi has the shape"),
        ({"background": torch.ones(63)}, {}, "does not have 64 dimensions"),
        ({"variance_foreground": torch.tensor(-1.0)}, {}, "not positive"),
        ({"variance_background": torch.ones(2)}, {}, "not positive"),
        ({}, {"dim": [64]}, r"odd\.safetensors: a feature map has 1 to 1024 dimensions"),
        ({}, {"bins": None}, r"not \[30, None, 64\]"),
    ],
)
def test_a_bank_that_does_not_fit_is_refused(saved, tmp_path, changes, record, message) -> None:
    with safe_open(saved[0], "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        known = json.loads(file.metadata()["nbf"])
    tensors |= {f"bank.{name}": value for name, value in changes.items()}
    save_file(tensors, tmp_path / "odd.safetensors", {"nbf": json.dumps(known | record)})
    with pytest.raises(UserError, match=message):
        load_model("lite", tmp_path / "odd.safetensors")


def test_loading_draws_no_random_numbers():
    before = torch.get_rng_state()
    load_model()
    assert torch.equal(torch.get_rng_state(), before)
