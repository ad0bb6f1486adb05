"""Archives of arrays and JSON: read back as written, by numpy too, and refused in one line."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile

import numpy as np
import pytest

from core.errors import UserError
from core.io.archive import load_archive, save_archive

ARRAYS = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "deep/b": np.array(3, np.int64)}


@pytest.fixture
def path(tmp_path):
    save_archive(tmp_path / "x.nbf", ARRAYS, {"head": {"one": [1, 2]}})
    return tmp_path / "x.nbf"


def test_what_is_written_is_read(path):
    archive = load_archive(path, "thing", "make another")
    assert archive.texts == {"head": {"one": [1, 2]}}
    for name, array in ARRAYS.items():
        assert archive.arrays[name].dtype == array.dtype
        assert np.array_equal(archive.arrays[name], array)


def test_numpy_reads_it(path):
    file = np.load(path)
    assert np.array_equal(file["a"], ARRAYS["a"])
    assert json.loads(file["head.json"]) == {"one": [1, 2]}


def test_equal_contents_give_equal_files(path, tmp_path):
    save_archive(tmp_path / "y.nbf", ARRAYS, {"head": {"one": [1, 2]}})
    assert path.read_bytes() == (tmp_path / "y.nbf").read_bytes()


def npy(array, **header):
    """An .npy file whose header says something else."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        buffer, {"descr": array.dtype.str, "fortran_order": False, "shape": array.shape} | header
    )
    return buffer.getvalue() + array.tobytes()


BAD_MEMBERS = {
    "huge": ("a.npy", npy(np.zeros(3, np.float32), shape=(1 << 40,))),
    "short": ("a.npy", npy(np.zeros(3, np.float32))[:-1]),
    "long": ("a.npy", npy(np.zeros(3, np.float32)) + b"x"),
    "negative": ("a.npy", npy(np.zeros(3, np.float32), shape=(-3,))),
    "objects": ("a.npy", npy(np.zeros(3, np.float32), descr="|O")),
    "text": ("a.npy", npy(np.zeros(3, np.float32), descr="<U1")),
    "no array": ("a.npy", b"hello"),
    "version": ("a.npy", b"\x93NUMPY\x09\x00" + bytes(200)),
    "json": ("a.json", b"{"),
    "deep json": ("a.json", b"[" * 100_000),
    "pickle": ("a.pkl", pickle.dumps([1])),
    "no suffix": ("a", b""),
}


@pytest.mark.parametrize("case", BAD_MEMBERS)
def test_bad_members_get_one_line(tmp_path, case):
    path = tmp_path / "bad.nbf"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(*BAD_MEMBERS[case])
    with pytest.raises(UserError, match=r"bad\.nbf") as caught:
        load_archive(path, "thing", "make another")
    assert "\n" not in str(caught.value)


def test_two_members_of_one_name(tmp_path):
    path = tmp_path / "bad.nbf"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.json", "1")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a.json", "2")
    with pytest.raises(UserError, match="two members of one name"):
        load_archive(path, "thing", "make another")


def test_the_directory_is_not_read_for_each_member(tmp_path, monkeypatch):
    save_archive(tmp_path / "x.nbf", {str(i): np.zeros(1) for i in range(50)}, {"a": 1, "b": 2})
    opened = []

    class Counted(zipfile.ZipFile):
        def __init__(self, *arguments):
            opened.append(arguments)
            super().__init__(*arguments)

    monkeypatch.setattr("core.io.npz.zipfile.ZipFile", Counted)
    assert len(load_archive(tmp_path / "x.nbf", "thing", "make another").arrays) == 50
    assert len(opened) == 3


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    path = tmp_path / "bomb.nbf"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", bytes(1 << 22))
    monkeypatch.setattr("core.io.archive.MAX_BYTES", 1 << 20)
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: pytest.fail("it was unpacked"))
    with pytest.raises(UserError, match="unpacks to more than"):
        load_archive(path, "thing", "make another")


def test_no_file_a_folder_and_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name, why in (("none", "is missing"), (".", "a directory"), ("pipe", "not a regular")):
        with pytest.raises(UserError, match=why):
            load_archive(tmp_path / name, "thing", "make another")
