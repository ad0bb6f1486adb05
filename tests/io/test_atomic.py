import errno
import os
import signal
import stat

import pytest

from core.errors import UserError
from core.io.atomic import check_file_place, check_folder, write_atomic


def test_writes_into_new_folders_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "a" / "b.txt"
    write_atomic(path, lambda temporary: temporary.write_text("whole"))
    assert path.read_text() == "whole" and list(path.parent.iterdir()) == [path]


def test_temporary_file_is_hidden_in_the_same_folder_with_the_suffix(tmp_path):
    seen = []
    write_atomic(tmp_path / "b.glb", seen.append)
    assert seen[0].parent == tmp_path and seen[0].suffix == ".glb" and seen[0].name[0] == "."


def test_failure_keeps_the_old_file(tmp_path):
    path = tmp_path / "b.txt"
    path.write_text("old")

    def fail(temporary):
        temporary.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomic(path, fail)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_permissions_are_those_of_any_new_file(tmp_path):
    (tmp_path / "plain").touch()
    write_atomic(tmp_path / "atomic", lambda temporary: temporary.write_text("x"))
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert len(modes) == 1


@pytest.mark.parametrize("parent", ["file", "file/deeper"])
def test_a_file_in_place_of_the_folder(tmp_path, parent):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cannot write .*x\.npz"):
        write_atomic(tmp_path / parent / "x.npz", lambda temporary: None)


def test_full_disk_is_one_line(tmp_path):
    def fill(temporary):
        raise OSError(28, "No space left on device")

    with pytest.raises(UserError, match="No space left"):
        write_atomic(tmp_path / "x.npz", fill)
    assert list(tmp_path.iterdir()) == []


def test_files_of_writers_with_private_modes_are_readable(tmp_path):
    def write(path):
        path.write_text("x")
        path.chmod(0o600)

    write_atomic(tmp_path / "file.txt", write)
    plain = tmp_path / "plain.txt"
    plain.write_text("x")
    assert (tmp_path / "file.txt").stat().st_mode == plain.stat().st_mode


def test_leftovers_of_killed_writers_are_removed_but_not_of_living_ones(tmp_path):
    path = tmp_path / "b.mp4"
    child = os.fork()
    if not child:
        try:
            write_atomic(path, lambda _: os.kill(os.getpid(), signal.SIGKILL))
        finally:
            os._exit(1)
    os.waitpid(child, 0)
    (left,) = tmp_path.iterdir()
    assert left.name[0] == "." and left.suffix == ".mp4"
    write_atomic(tmp_path / "other.mp4", lambda temporary: None)
    assert left.exists()

    def write(temporary):
        assert not left.exists()
        write_atomic(path, lambda _: None)  # another writer at the same time
        temporary.write_text("whole")

    write_atomic(path, write)
    assert path.read_text() == "whole"
    assert {p.name for p in tmp_path.iterdir()} == {"b.mp4", "other.mp4"}


def full(*_arguments):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("how", ["a file", "below a file", "a folder", "full"])
def test_a_destination_is_tried_before_the_work(tmp_path, monkeypatch, how):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    before = set(tmp_path.rglob("*"))
    if how == "a folder":
        with pytest.raises(UserError, match=r"folder: it is a folder; name a file"):
            check_file_place(tmp_path / "folder")
    elif how == "full":
        monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
        for check in (check_folder, check_file_place):
            with pytest.raises(UserError, match=r"cannot write .*new.*: No space left"):
                check(tmp_path / "new" / "deeper")
    else:
        folder = tmp_path / "file" / "deeper" if how == "below a file" else tmp_path / "file"
        with pytest.raises(UserError, match=r"cannot write .*: .*/file is not a folder"):
            check_folder(folder)
        with pytest.raises(UserError, match=r"cannot write .*x\.csv: .*/file is not a folder"):
            check_file_place(folder / "x.csv")
    monkeypatch.undo()
    check_folder(tmp_path / "folder" / "new")
    check_file_place(tmp_path / "file")
    assert set(tmp_path.rglob("*")) == before
