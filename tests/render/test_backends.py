"""The renderer that a name selects."""

import pytest
import torch

from core.errors import UserError
from core.render import backends
from core.render.volume import render as volume


def test_auto_is_native_where_it_is_built(monkeypatch):
    monkeypatch.setattr(backends, "load_native", lambda: object())
    assert backends.choose_backend("auto") == backends.choose_backend("cpu") == "cpu"
    monkeypatch.setattr(backends, "load_native", lambda: None)
    monkeypatch.setattr(backends, "native_status", lambda: "turned off")
    assert backends.choose_backend("auto") == "torch"
    monkeypatch.setattr(volume, "native_status", lambda: "turned off")
    assert volume.describe_backend("auto") == "torch: turned off"
    with pytest.raises(UserError, match="cpu: turned off"):
        backends.choose_backend("cpu")


def test_the_twin_can_be_selected():
    assert backends.choose_backend("torch") == "torch"


def test_what_does_not_exist_is_refused(monkeypatch):
    with pytest.raises(UserError, match="no backend 'gpu'"):
        backends.choose_backend("gpu")
    monkeypatch.setattr(backends.torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="no GPU for --backend cuda"):
        backends.choose_backend("cuda")
    monkeypatch.setattr(backends.torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(backends, "load_cuda", lambda: None)
    monkeypatch.setattr(backends, "cuda_status", lambda: "not built")
    with pytest.raises(UserError, match="cuda: not built"):
        backends.choose_backend("cuda")


def test_a_gpu_is_taken_where_there_is_code_for_it(monkeypatch):
    monkeypatch.setattr(backends.torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(backends, "load_cuda", lambda: object())
    monkeypatch.setattr(backends, "load_native", lambda: object())
    assert backends.choose_backend("auto") == backends.choose_backend("cuda") == "cuda"
    assert backends.device_of("auto").type == "cuda" and backends.device_of("cpu").type == "cpu"
    on_cpu = torch.zeros(1)
    assert backends.is_native("cuda", on_cpu)  # tensors on the CPU, such as pictures of a fit
    assert not backends.is_native("cuda", on_cpu.double())
    assert not backends.is_native("torch", on_cpu)
    assert not backends.is_native("cuda", on_cpu.to("meta"))
