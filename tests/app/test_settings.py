"""What comes back at the next start, and files of settings that are damaged."""

import json

import pytest

from app.geometry.layout import BUILT_IN, STANDARD
from app.settings import MAX_BYTES, Keeper, Settings, load_settings
from app.state import Level
from app.view import LINKED, SMOOTH
from core.errors import UserError
from tests.app.sessions import ready_session


def opened(path):
    keeper = Keeper(path, ready_session())
    keeper.load()
    return keeper


def test_layouts_and_looks_come_back(tmp_path):
    path = tmp_path / "nbf" / "settings.json"
    first = opened(path)
    first.session.use_layout("maps")
    first.session.toggle_panel("loss")
    first.session.keep_layout("  my   own ")
    first.session.use_layout("standard")
    first.session.toggle_panel("body")
    first.session.toggle_look(SMOOTH)
    first.session.toggle_theme()
    first.keep()
    view = opened(path).session.view
    assert view == first.session.view
    assert view.own_layouts == {"my own": BUILT_IN["maps"].toggled("loss")}
    assert view.layout == STANDARD.toggled("body") and view.light
    assert view.looks == {LINKED, SMOOTH}


def test_settings_are_written_a_moment_after_the_last_change(tmp_path):
    path = tmp_path / "settings.json"
    keeper = opened(path)
    keeper.keep(10.0)
    keeper.session.toggle_theme()
    keeper.keep(20.0)
    keeper.keep(20.5)
    assert not path.exists()
    keeper.keep(21.1)
    assert load_settings(path).light


def test_the_tour_is_due_until_it_has_been_seen(tmp_path):
    path = tmp_path / "settings.json"
    keeper = opened(path)
    assert keeper.due
    keeper.toured = True
    keeper.keep()
    assert not opened(path).due


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"layout": 3}',
        '{"unknown": 1}',
        '{"light": "yes"}',
        '{"layout": {"rows": []}}',
        '{"layout": {"rows": [{"cells": [{"panel": "photo", "width": 1e30}]}]}}',
        '{"layout_name": "' + 100 * "x" + '"}',
        '{"own_layouts": {"standard": {"rows": [{"cells": [{"panel": "photo"}]}]}}}',
        "[" * 5000,
        " " * (MAX_BYTES + 1),
    ],
)
def test_a_damaged_file_gives_one_line_and_is_put_aside(tmp_path, text):
    path = tmp_path / "settings.json"
    path.write_text(text)
    with pytest.raises(UserError) as error:
        load_settings(path)
    assert "\n" not in str(error.value) and str(path) in str(error.value)
    assert str(error.value).endswith("it is put aside when the settings change")
    keeper = opened(path)
    assert not keeper.due
    assert keeper.session.message.level is Level.WARNING
    assert keeper.session.view.layout == STANDARD
    keeper.session.toggle_theme()
    keeper.keep()
    assert load_settings(path).light
    assert (tmp_path / "settings.damaged.json").read_text() == text


def test_a_file_that_was_written_is_what_it_says(tmp_path):
    path = tmp_path / "settings.json"
    keeper = opened(path)
    keeper.session.toggle_theme()
    keeper.keep()
    assert json.loads(path.read_text())["light"] is True
    assert load_settings(path) == Settings(light=True)


def test_a_folder_that_cannot_be_written_to_is_told_of(tmp_path):
    (tmp_path / "file").write_text("")
    keeper = Keeper(tmp_path / "file" / "settings.json", ready_session())
    keeper.session.toggle_theme()
    keeper.keep()
    assert keeper.session.message.text.startswith("Settings are not kept: ")
