"""What comes from other programs: drops, and the clipboard of a real X server."""

import pytest

from app.window.paste import _selected, first_file
from app.window.selection import open_selection
from tests.app.clipboard import PIECE, holding


def test_of_several_dropped_files_the_first_is_opened_and_the_rest_is_told():
    assert first_file(["/a/1.jpg"]) == ("/a/1.jpg", "")
    path, note = first_file(["/a/1.jpg", "/a/2.jpg", "/a/3.jpg"])
    assert path == "/a/1.jpg" and note.startswith("Of 3 dropped files 1.jpg alone")


def test_a_web_address_is_no_file():
    path, note = first_file(["https://example.org/me.jpg"])
    assert path is None and note.startswith("https://example.org/me.jpg is no file")
    assert first_file(["https://example.org/me.jpg", "/a/1.jpg"]) == ("/a/1.jpg", "")
    assert first_file([])[0] is None


@pytest.fixture
def selection(display, monkeypatch):
    monkeypatch.setenv("DISPLAY", display)
    with open_selection() as selection:
        yield selection


@pytest.mark.gui
@pytest.mark.parametrize("size", [10, PIECE, 5 * PIECE + 7])
def test_a_copied_picture_comes_whole(display, selection, size):
    content = bytes(i % 251 for i in range(size))
    with holding(display, image__png=content, text__html=b"<img>"):
        assert selection.formats() == ["image/png", "text/html"]
        assert selection.read("image/png") == content
        assert selection.read("image/bmp") is None
        path = _selected(selection)
    assert path.endswith(".png")
    with open(path, "rb") as file:
        assert file.read() == content


@pytest.mark.gui
def test_a_copied_file_is_opened_where_it_is(display, selection, tmp_path):
    path = tmp_path / "ein Foto #1.png"
    path.touch()
    listed = f"file:///nowhere.jpg\r\n{path.as_uri()}\r\n".encode()
    with holding(display, **{"text/uri-list": listed, "image/png": b"x"}):
        assert _selected(selection) == str(path)


@pytest.mark.gui
def test_an_empty_clipboard_has_nothing(selection):
    assert selection.formats() == []
    assert _selected(selection) is None


def test_without_an_x_server_there_is_no_clipboard(monkeypatch):
    monkeypatch.setenv("DISPLAY", ":nowhere")
    with open_selection() as selection:
        assert selection is None
