"""NumPy archives: what is sound is read, everything else is one line with the file and the fix."""

from __future__ import annotations

import contextlib
import io
import os
import tracemalloc
import zipfile

import numpy as np
import pytest

from core.errors import UserError
from core.io.npz import NpzReader, read_npz

FIX = "bake it again"


def complaint(path, **options) -> str:
    """The one line for a file that cannot be read."""
    with pytest.raises(UserError) as caught:
        read_npz(path, "cake", FIX, **options)
    line = str(caught.value)
    assert "\n" not in line and line.isprintable()
    assert path.name in line and FIX in line and "cake" in line
    return line


@pytest.fixture
def arrays():
    return {
        "numbers": np.arange(6.0).reshape(2, 3),
        "columns": np.asfortranarray(np.arange(6, dtype=np.int16).reshape(3, 2)),
        "text": np.array(["ab", "c"]),
        "scalar": np.array(7),
        "none": np.zeros((0, 3), np.float32),
    }


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_what_numpy_wrote_comes_back(save, arrays, tmp_path):
    path = tmp_path / "cake.npz"
    save(path, **arrays)
    found = read_npz(path, "cake")
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
    found["numbers"][0] = 1  # an array of its own, not a view of the file
    assert list(read_npz(path, "cake", names=["text"])) == ["text"]


def test_a_reader_tells_what_there_is(arrays, tmp_path):
    path = tmp_path / "cake.npz"
    np.savez(path, **arrays)
    reader = NpzReader(path, "cake", FIX)
    assert "text" in reader and "texts" not in reader
    assert reader.names == tuple(arrays)
    assert "lacks 'salt' (it holds columns, none" in complaint(path, names=["salt"])


def test_missing_folder_and_pipe(tmp_path):
    assert "is missing" in complaint(tmp_path / "absent.npz")
    (tmp_path / "folder.npz").mkdir()
    assert "directory" in complaint(tmp_path / "folder.npz")
    os.mkfifo(tmp_path / "pipe.npz")  # reading it would wait for ever
    assert "not a regular file" in complaint(tmp_path / "pipe.npz")


@pytest.mark.parametrize("data", [b"", b"hello", b"PK\x03\x04 and nothing more"])
def test_foreign_content(data, tmp_path):
    (tmp_path / "x.npz").write_bytes(data)
    complaint(tmp_path / "x.npz")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_damaged_bytes_give_arrays_or_one_line(save, arrays, tmp_path):
    path = tmp_path / "x.npz"
    save(path, **arrays)
    content, rng = path.read_bytes(), np.random.default_rng(0)
    for length in np.linspace(0, len(content) - 1, 40).astype(int):
        path.write_bytes(content[:length])
        complaint(path)
    for _ in range(200):
        broken = bytearray(content)
        for place in rng.integers(0, len(content), rng.integers(1, 4)):
            broken[place] = rng.integers(256)
        path.write_bytes(bytes(broken))
        with contextlib.suppress(UserError):
            read_npz(path, "cake", FIX)


def test_objects_are_not_unpickled(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, a=np.array([{}], object))
    assert "never unpickled" in complaint(path)
    seen = NpzReader(path, "cake", FIX, objects=lambda name, data: (name, data[:1])).read("a")
    assert seen == ("a", b"\x80")  # the start of a pickle


def test_sizes_are_checked_before_reading(tmp_path):
    path = tmp_path / "x.npz"
    with path.open("wb") as file:
        file.truncate(2**20)  # a sparse file takes no room
    assert "more than the 0 MiB allowed" in complaint(path, max_bytes=2**19)
    np.savez_compressed(path, a=np.zeros(10_000), b=np.zeros(10_000))
    assert "unpacks to more" in complaint(path, max_bytes=50_000)
    assert "unpacks to more" in complaint(path, max_bytes=100_000)  # both together
    assert len(read_npz(path, "cake", names=["a"], max_bytes=100_000)["a"]) == 10_000


def npy(shape, descr="<f8") -> bytes:
    header = io.BytesIO()
    claims = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, claims)
    return header.getvalue()


@pytest.mark.parametrize(
    ("shape", "descr"),
    [((10**12, 3), "<f8"), ((-1, 3), "<f8"), ((10**12,), "<U0"), ((2,), "<f8")],
)
def test_a_header_may_not_claim_more_than_there_is(shape, descr, tmp_path):
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", npy(shape, descr) + bytes(8))
    assert "header claims" in complaint(path)


def test_text_that_is_none_and_headers_of_python_2(tmp_path, recwarn):
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", npy((2,), "<U2") + (b"\0\0\x11\0" * 4))
    assert "no characters" in complaint(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", npy((1,)).replace(b"(1,), }", b"(1L,),}") + bytes(8))
    assert read_npz(path, "cake")["a"].shape == (1,)
    assert not recwarn.list


def test_a_directory_may_not_claim_more_than_the_file_has(tmp_path):
    """A stored member is read at once: room is made for what the directory claims."""
    path = tmp_path / "x.npz"
    np.savez(path, a=np.zeros(10))
    content = path.read_bytes()
    at = content.index(b"PK\x01\x02")
    claimed = (2**29).to_bytes(4, "little")
    path.write_bytes(content[: at + 20] + claimed + claimed + content[at + 28 :])
    tracemalloc.start()
    assert "claims more bytes than the file has" in complaint(path)
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()


def test_a_bomb_that_lies_about_its_size_is_not_inflated(tmp_path):
    """The directory may state fewer bytes than a member inflates to."""
    path = tmp_path / "x.npz"
    size = 64 * 2**20
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", npy((size // 8,)) + bytes(size))
    true, lie = (len(npy((1,))) + size).to_bytes(4, "little"), (4096).to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(true, lie))
    tracemalloc.start()
    complaint(path)
    assert tracemalloc.get_traced_memory()[1] < size // 8
    tracemalloc.stop()
