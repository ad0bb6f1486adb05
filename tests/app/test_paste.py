"""What comes from other programs: drops, and the clipboard of a real X server."""

import pytest

from app.window.drops import dropped_files
from app.window.paste import _selected
from app.window.selection import open_selection
from tests.app.clipboard import PIECE, holding


def test_all_dropped_files_are_opened_and_those_of_folders(tmp_path):
    assert dropped_files(["/a/1.jpg"]) == (["/a/1.jpg"], "")
    for name in ("p10.jpg", "p9.JPG", "notes.txt", ".hidden.png"):
        (tmp_path / name).touch()
    (tmp_path / "empty").mkdir()
    found, note = dropped_files(["/a/1.jpg", str(tmp_path), str(tmp_path / "empty")])
    assert found == ["/a/1.jpg", str(tmp_path / "p9.JPG"), str(tmp_path / "p10.jpg")]
    assert note == f"{tmp_path / 'empty'} holds nothing that can be opened."


def test_results_of_fits_are_opened_by_their_records(tmp_path):
    for name in ("anna", "ben", ".carl.unfinished", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "panels.png").touch()
    for name in ("anna", "ben", ".carl.unfinished"):
        (tmp_path / name / "fit.nbf").touch()
    records = [str(tmp_path / name / "fit.nbf") for name in ("anna", "ben")]
    assert dropped_files([str(tmp_path)]) == (records, "")
    assert dropped_files([str(tmp_path / "anna")]) == (records[:1], "")


def test_a_web_address_is_no_file():
    files, note = dropped_files(["https://example.org/me.jpg"])
    assert files == [] and note.startswith("https://example.org/me.jpg is no file")
    files, note = dropped_files(["https://example.org/me.jpg", "/a/1.jpg"])
    assert files == ["/a/1.jpg"] and note.startswith("https://example.org/me.jpg is no file")
    assert dropped_files([])[0] == []


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
