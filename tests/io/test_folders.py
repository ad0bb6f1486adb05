"""Result folders are whole or not there, whatever happens at whichever moment."""

from __future__ import annotations

import pytest

from core.errors import UserError
from core.io import folders
from core.io.folders import exchange, finished, unfinished, whole_folder
from tests.kills.dying import die_at, needs_fork

OWNED = ("a.txt", "b.txt", "c.txt")
KEPT = ("record",)


def write(folder, text, names=("a.txt", "b.txt")):
    with whole_folder(folder, OWNED, KEPT) as place:
        (place / "record").write_text("steps")
        for name in names:
            (place / name).write_text(text)
        (place / "record").unlink()


def content(folder):
    return {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}


def test_it_appears_when_everything_is_there(tmp_path):
    folder = tmp_path / "new" / "photo"
    with whole_folder(folder, OWNED) as place:
        (place / "a.txt").write_text("1")
        assert not folder.exists() and place == unfinished(folder)
    assert content(folder) == {"a.txt": "1"}
    assert list(folder.parent.iterdir()) == [folder]


def old_folder(tmp_path):
    folder = tmp_path / "photo"
    write(folder, "old", ("a.txt", "c.txt"))
    (folder / "notes.txt").write_text("mine")
    (folder / "album" / "deep").mkdir(parents=True)
    (folder / "album" / "deep" / "b.txt").write_text("mine too")
    (folder / "link").symlink_to("nowhere")
    folder.chmod(0o750)
    return folder


@pytest.mark.parametrize("system_exchanges", [True, False])
def test_its_files_are_replaced_as_a_set_and_others_stay(tmp_path, monkeypatch, system_exchanges):
    folder = old_folder(tmp_path)
    before = folder.stat().st_ino
    if not system_exchanges:
        monkeypatch.setattr(folders, "exchange", lambda *_: False)
    write(folder, "new")
    assert content(folder) == {"a.txt": "new", "b.txt": "new", "notes.txt": "mine"}
    assert (folder / "album" / "deep" / "b.txt").read_text() == "mine too"
    assert (folder / "link").readlink().name == "nowhere"
    assert folder.stat().st_mode & 0o777 == 0o750
    assert list(tmp_path.iterdir()) == [folder]
    if system_exchanges and exchange(*two_folders(tmp_path)):
        assert folder.stat().st_ino == before  # a shell that is in it still is


def two_folders(tmp_path):
    pair = tmp_path / "x", tmp_path / "y"
    for path in pair:
        path.mkdir()
    return pair


@pytest.mark.parametrize("error", [KeyboardInterrupt, UserError("no")])
def test_an_error_leaves_the_old_ones_and_what_is_kept(tmp_path, error):
    folder = old_folder(tmp_path)

    def fail():
        with whole_folder(folder, OWNED, KEPT) as place:
            for name in ("record", "a.txt"):
                (place / name).write_text("new")
            (place / "deep").mkdir()
            raise error

    with pytest.raises((KeyboardInterrupt, UserError)):
        fail()
    assert content(folder)["a.txt"] == "old"
    assert content(unfinished(folder)) == {"record": "new"}
    with whole_folder(folder, OWNED, KEPT) as place:
        assert content(place) == {"record": "new"}
        (place / "record").unlink()
    assert "a.txt" not in content(folder)


def test_two_processes_do_not_write_one_folder(tmp_path):
    with whole_folder(tmp_path / "photo", OWNED) as place:
        (place / "a.txt").write_text("first")
        with pytest.raises(UserError, match=r"another process is writing .*photo"):
            write(tmp_path / "photo", "second")
    assert content(tmp_path / "photo") == {"a.txt": "first"}


def test_a_folder_full_of_other_things_is_refused_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "MOST_OTHERS", 3)
    folder = old_folder(tmp_path)
    with pytest.raises(UserError, match=r"photo holds more than 3 files besides results"):
        write(folder, "new")
    assert content(folder)["a.txt"] == "old"


def test_names(tmp_path):
    assert finished(unfinished(tmp_path / "a b")) == tmp_path / "a b"
    for name in ("photo", ".photo", ".unfinished", "photo.unfinished"):
        assert finished(tmp_path / name) == tmp_path / name


@needs_fork
@pytest.mark.parametrize("system_exchanges", [True, False])
def test_killed_at_any_moment_it_is_old_or_new_and_the_next_one_cleans_up(
    tmp_path, monkeypatch, system_exchanges
):
    if not system_exchanges:
        monkeypatch.setattr(folders, "exchange", lambda *_: False)
    foreign = {"notes.txt": "mine"}
    old = {"a.txt": "old", "c.txt": "old", **foreign}
    new = {"a.txt": "new", "b.txt": "new", **foreign}
    found, count = [], 0
    while True:
        count += 1
        place = tmp_path / str(count)
        place.mkdir()
        folder = old_folder(place)
        if die_at(count, lambda folder=folder: write(folder, "new"), place)[0] == 0:
            break
        if folder.exists() or system_exchanges:
            found.append(content(folder))
            assert found[-1] in (old, new), count
            assert (folder / "album" / "deep" / "b.txt").read_text() == "mine too"
        write(folder, "new")
        assert content(folder) == new
        assert (folder / "album" / "deep" / "b.txt").read_text() == "mine too"
        assert list(place.iterdir()) == [folder]
    assert count > 20
    assert old in found and new in found
