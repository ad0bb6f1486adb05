"""Choosing a file: order, folders, and what is not shown."""

import pytest

from app.panels import folder
from app.panels.folder import Chooser


@pytest.fixture
def chooser(tmp_path):
    for name in ("b.JPG", "a 10.png", "A 9.png", "notes.txt", ".hidden.png", "fit.nbf"):
        (tmp_path / name).touch()
    (tmp_path / "Zoo" / "cage").mkdir(parents=True)
    (tmp_path / "art").mkdir()
    chooser = Chooser(tmp_path)
    chooser.look()
    return chooser


def names(chooser):
    return [entry.label for entry in chooser.entries]


def choose(chooser, name):
    chooser.chosen = [entry.name for entry in chooser.entries].index(name)


def test_folders_come_first_and_names_from_a_to_z_with_numbers_by_size(chooser):
    assert names(chooser) == ["../", "art/", "Zoo/", "A 9.png", "a 10.png", "b.JPG", "fit.nbf"]
    assert chooser.entries[chooser.chosen].name == "art"  # not the way out


def test_entering_a_folder_and_leaving_it_comes_back_to_it(chooser, tmp_path):
    choose(chooser, "Zoo")
    assert chooser.enter() is None
    assert (chooser.folder, names(chooser)) == (tmp_path / "Zoo", ["../", "cage/"])
    choose(chooser, "..")
    assert chooser.enter() is None
    assert chooser.folder == tmp_path and chooser.entries[chooser.chosen].name == "Zoo"


def test_a_file_is_opened(chooser, tmp_path):
    choose(chooser, "b.JPG")
    assert chooser.enter() == str(tmp_path / "b.JPG")


def test_two_quick_clicks_on_one_entry_are_one(chooser):
    assert not chooser.click(3, 10.0)
    assert chooser.click(3, 10.5) and chooser.chosen == 3
    assert not chooser.click(3, 10.6)  # a third one is a first one
    assert not chooser.click(4, 10.7)
    assert not chooser.click(4, 12.0)


def test_moving_stays_on_the_list(chooser):
    chooser.move(-100)
    assert chooser.chosen == 0
    chooser.move(100)
    assert chooser.chosen == len(chooser.entries) - 1


def test_a_folder_that_is_gone_or_large_is_told(chooser, tmp_path, monkeypatch):
    chooser.folder = tmp_path / "gone"
    chooser.look()
    assert names(chooser) == ["../"]
    assert chooser.complaint.endswith("gone cannot be read: No such file or directory")
    monkeypatch.setattr(folder, "MOST", 3)
    chooser.folder = tmp_path
    chooser.look()
    assert chooser.complaint == "the first 3 of 6 are listed"


def test_a_choice_outlives_a_new_look(chooser, tmp_path):
    choose(chooser, "b.JPG")
    (tmp_path / "aa.png").touch()
    chooser.look()
    assert chooser.entries[chooser.chosen].name == "b.JPG"
