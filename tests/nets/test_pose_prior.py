"""The prior prefers human poses, and loads only valid files."""

import os
import sys
import types
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from core.errors import UserError
from core.geometry.rotations import rotation_from_axis_angle
from core.nets.pose_prior import PosePrior, load_prior


@pytest.fixture(scope="module")
def prior() -> PosePrior:
    return load_prior()


def walking(noise: float = 0.0) -> torch.Tensor:
    """Rotations of joints 1..21 of a walker, arms down, eight variants."""
    pose = torch.zeros(8, 24, 3)
    pose[:, 1, 0], pose[:, 2, 0], pose[:, 5, 0] = -0.4, 0.3, 0.6
    pose[:, 16, 2], pose[:, 17, 2] = -1.2, 1.2
    pose = pose + noise * torch.randn(pose.shape, generator=torch.Generator().manual_seed(0))
    return rotation_from_axis_angle(pose[:, 1:22])


def test_noise_costs_energy(prior):
    energies = [prior.energy(walking(noise)).mean().item() for noise in (0.03, 0.3, 0.8)]
    assert energies[0] < 0.5 * energies[1] < 0.25 * energies[2]


def test_human_pose_survives_the_auto_encoder(prior):
    pose = walking(0.03)
    again = prior.decode(prior.encode(pose).mean)
    turn = (again.transpose(-1, -2) @ pose).diagonal(dim1=-1, dim2=-2).sum(-1)
    angle = torch.rad2deg(torch.arccos(((turn - 1) / 2).clamp(-1, 1)))
    assert angle.mean() < 8


def test_samples_are_rotations_and_differ(prior):
    sample = prior.decode(torch.randn(16, 32, generator=torch.Generator().manual_seed(1)))
    assert torch.allclose(sample @ sample.transpose(-1, -2), torch.eye(3), atol=1e-5)
    assert sample.std(0).amax() > 0.3


def test_energy_has_gradients_and_no_dropout(prior):
    pose = walking(0.2).requires_grad_()
    first, second = prior.energy(pose), prior.energy(pose)
    assert torch.equal(first, second)
    first.sum().backward()
    assert pose.grad is not None and pose.grad.isfinite().all() and pose.grad.abs().max() > 0


def test_poses_within_the_typical_length_cost_only_their_misfit(prior):
    pose = walking(0.05)
    length = prior.encode(pose).mean.square().sum(-1)
    misfit = prior.energy(pose) - 0.5 * length
    assert torch.allclose(prior.energy(pose, typical=1e3), misfit, atol=1e-4)
    shortened = prior.energy(pose, typical=float(length.min()))
    assert torch.allclose(shortened, prior.energy(pose) - 0.5 * length.min(), atol=1e-4)


class AsLightningHasIt(dict):
    """A settings object of a package that is not installed where the checkpoint is read."""


def test_a_checkpoint_with_other_packages_objects_loads(prior, tmp_path, monkeypatch):
    monkeypatch.setattr(AsLightningHasIt, "__module__", "no_such_package.settings")
    for name in ("no_such_package", "no_such_package.settings"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    sys.modules["no_such_package.settings"].AsLightningHasIt = AsLightningHasIt
    state = {f"vp_model.{name}": value for name, value in prior.state_dict().items()}
    stored = {
        "callbacks": {AsLightningHasIt: {"best_model_score": np.float64(0.03)}},
        "hyper_parameters": AsLightningHasIt(lr=0.001, seed=[100]),
        "state_dict": state,
    }
    torch.save(stored, tmp_path / "V02_05.ckpt")
    monkeypatch.undo()
    loaded = load_prior(tmp_path / "V02_05.ckpt")
    assert torch.equal(loaded.energy(walking()), prior.energy(walking()))


def test_a_vposer_checkpoint_takes_its_place(prior, tmp_path):
    state = {f"vp_model.{name}": value for name, value in prior.state_dict().items()}
    state["bm_train.v_template"] = torch.zeros(3)
    torch.save({"state_dict": state}, tmp_path / "V02_05.ckpt")
    loaded = load_prior(tmp_path / "V02_05.ckpt")
    assert torch.equal(loaded.energy(walking()), prior.energy(walking()))


def test_bad_files_are_named(tmp_path):
    with pytest.raises(UserError, match="is missing"):
        load_prior(tmp_path / "none.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"rubbish")
    with pytest.raises(UserError, match=r"bad\.safetensors"):
        load_prior(tmp_path / "bad.safetensors")
    (tmp_path / "bad.ckpt").write_bytes(b"rubbish")
    with pytest.raises(UserError, match=r"bad\.ckpt"):
        load_prior(tmp_path / "bad.ckpt")
    save_file({"x": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(UserError, match="give a VPoser"):
        load_prior(tmp_path / "other.safetensors")
    state = load_prior().state_dict()
    state = {name: value.clone() for name, value in state.items()}
    next(iter(state.values()))[...] = torch.nan
    save_file(state, tmp_path / "nan.safetensors")
    with pytest.raises(UserError, match="not finite"):
        load_prior(tmp_path / "nan.safetensors")


@pytest.mark.parametrize("call", [(print, ("run",)), (os.system, ("touch ran",)), (eval, ("1/0",))])
def test_code_in_a_checkpoint_is_not_run(tmp_path, monkeypatch, capsys, call):
    class Malicious:
        def __reduce__(self):
            return call

    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": Malicious()}, tmp_path / "evil.ckpt")
    with pytest.raises(UserError, match=r"evil\.ckpt"):
        load_prior(tmp_path / "evil.ckpt")
    assert capsys.readouterr().out == "" and not (tmp_path / "ran").exists()


def test_a_checkpoint_may_not_unpack_to_more_than_it_is(tmp_path):
    path = tmp_path / "large.ckpt"
    torch.save({"x": torch.zeros(1).half().expand(10**13)}, path)  # one number that claims 40 TB
    with pytest.raises(UserError, match=r"large\.ckpt is not a readable pose prior"):
        load_prior(path)
    torch.save({"x": torch.zeros(10)}, path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(UserError, match="compressed"):
        load_prior(path)


def test_a_prior_whose_energy_is_not_finite_is_refused(tmp_path):
    state = {name: value.clone() for name, value in load_prior().state_dict().items()}
    state["encoder_net.1.running_var"][:] = -1.0
    save_file(state, tmp_path / "odd.safetensors")
    with pytest.raises(UserError, match=r"odd\.safetensors is not a readable pose prior"):
        load_prior(tmp_path / "odd.safetensors")
