"""Which renderer a name stands for."""

import pytest

from core.errors import UserError
from core.render import backends, volume


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


def test_the_twin_can_be_asked_for():
    assert backends.choose_backend("torch") == "torch"


def test_what_does_not_exist_is_refused():
    with pytest.raises(UserError, match="no backend 'gpu'"):
        backends.choose_backend("gpu")
    with pytest.raises(UserError, match="not built"):
        backends.choose_backend("cuda")
