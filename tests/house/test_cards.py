"""Assets against their cards: what is damaged or undocumented is found."""

import hashlib

import pytest

from core.cards import shipped_assets


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "body").mkdir()
    (tmp_path / "body" / "a.npz").write_bytes(b"contents")
    digest = hashlib.sha256(b"contents").hexdigest()
    (tmp_path / "body" / "README.md").write_text(f"| file | sha256 |\n| `a.npz` | `{digest}` |\n")
    return tmp_path


def test_a_file_as_its_card_says(folder):
    (asset,) = shipped_assets(folder)
    assert (asset.name, asset.size, asset.status) == ("body/a.npz", 8, "ok")
    assert asset.card == "body/README.md"


def test_one_flipped_bit_is_damage(folder):
    (folder / "body" / "a.npz").write_bytes(b"contentt")
    assert shipped_assets(folder)[0].status == "damaged"


def test_a_file_without_a_card(folder):
    (folder / "body" / "a.np").write_bytes(b"contents")  # part of a name is not the name
    assert [asset.status for asset in shipped_assets(folder)] == ["no card", "ok"]


def test_everything_that_ships_is_as_its_card_says():
    assets = shipped_assets()
    assert assets
    assert [asset.name for asset in assets if asset.status != "ok"] == []
