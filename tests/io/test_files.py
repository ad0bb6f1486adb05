"""Files of others: only regular ones of a sensible size are read, and failures are one line."""

from __future__ import annotations

import gzip
import hashlib
import os
import tracemalloc
from pathlib import Path

import pytest

from core.body.load import load_body
from core.body.params import BodyParams
from core.errors import UserError
from core.eval.people import load_people
from core.fit.record import FitRecord
from core.io.files import check_file, digest_file, open_file, read_bytes, read_text, readable
from core.io.images import load_image
from core.io.keypoints import load_keypoints
from core.io.report import FitReport
from core.mocap import asf_amc, bvh, deepmimic
from core.nets.model_file import load_model
from core.nets.pose_prior import load_prior

READERS = {
    "body": load_body,
    "bvh": bvh.read_motion,
    "deepmimic": deepmimic.read_motion,
    "image": load_image,
    "keypoints": load_keypoints,
    "model": lambda path: load_model("lite", path),
    "motion": lambda path: asf_amc.read_motion(path, {}),
    "parameters": BodyParams.load,
    "people": load_people,
    "prior": load_prior,
    "record": FitRecord.load,
    "report": FitReport.load,
    "skeleton": asf_amc.read_skeleton,
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "nothing"])
def test_what_is_no_file_is_refused_at_once(reader, kind, tmp_path):
    path = Path("/dev/zero") if kind == "device" else tmp_path / kind
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    with pytest.raises(UserError, match=path.name) as caught:
        READERS[reader](path)
    assert str(caught.value).isprintable()


def test_the_size_is_known_before_anything_is_read(tmp_path):
    path = tmp_path / "large"
    path.write_bytes(b"x" * 2**20)
    assert check_file(path, 2**20) == 2**20 and len(read_bytes(path, 2**20)) == 2**20
    with pytest.raises(ValueError, match="more than the 0 MiB allowed"):
        read_bytes(path, 2**20 - 1)
    assert digest_file(path) == hashlib.sha256(b"x" * 2**20).hexdigest()
    with open_file(path, 2**20) as file, path.open("ab") as more:
        more.write(b"more")
        more.flush()
        assert file.read(10) == b"x" * 10
        tracemalloc.start()
        assert len(file.read(2**30)) == 2**20 - 10 and file.read(2**30) == b""
        assert tracemalloc.get_traced_memory()[1] < 2**22  # no room for what is not there
        tracemalloc.stop()


def test_text_has_one_kind_of_line_end(tmp_path):
    path = tmp_path / "text"
    path.write_bytes("\ufeffeins\r\nzwö\rdrei\n".encode())
    assert read_text(path, 100) == "eins\nzwö\ndrei\n"
    path.write_bytes(b"\xff")
    with pytest.raises(ValueError, match="utf-8"):
        read_text(path, 100)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyError("name"), "not a readable cake ('name')"),
        (ValueError("two\n\n lines \x1b[31m"), r"two lines \x1b[31m"),
        (RecursionError("maximum recursion depth exceeded"), "nested too deeply"),
        (MemoryError(), "(MemoryError)"),
        (FileNotFoundError(2, "No such file"), "cake cellar is missing"),
    ],
)
def test_whatever_a_decoder_raises_is_one_line(error, said):
    with pytest.raises(UserError) as caught, readable(Path("cellar"), "cake", "bake again"):
        raise error
    line = str(caught.value)
    assert said in line and line.endswith("; bake again") and line.isprintable()


def test_a_line_for_the_user_is_printable_and_short_whatever_it_quotes():
    line = str(UserError("no \x1b[2J file\r\n  'a\0b\udcff': " + "x" * 10**6))
    assert line.startswith(r"no \x1b[2J file 'a\x00b\udcff': xxx")
    assert line.isprintable() and len(line) == 1000


def test_a_gzip_bomb_is_not_inflated_to_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr(asf_amc, "MAX_BYTES", 2**16)
    path = tmp_path / "01_01.amc.gz"
    path.write_bytes(gzip.compress(b"1\n" * 2**16))
    with pytest.raises(UserError, match="unpacks to more"):
        asf_amc.read_motion(path, {})
