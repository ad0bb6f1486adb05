"""The native library is optional, and never one that was built from other sources."""

import shutil
import subprocess
from pathlib import Path

import pytest

from core import native
from tests.cmake import cmake, environment


@pytest.fixture(autouse=True)
def _fresh():
    native._load.cache_clear()
    yield
    native._load.cache_clear()


def test_turned_off(monkeypatch):
    monkeypatch.setenv("NBF_NATIVE", "off")
    assert native.load_native() is None
    assert "NBF_NATIVE=off" in native.native_status()


def test_absent(monkeypatch, tmp_path):
    monkeypatch.setenv("NBF_NATIVE", str(tmp_path / "none.so"))
    assert native.load_native() is None
    assert native.native_status().startswith("not built")


def test_a_file_that_is_no_library(tmp_path):
    path = tmp_path / "broken.so"
    path.write_bytes(b"\x7fELF" + bytes(100))
    library, status = native.CPU.open(path, None)
    assert library is None
    assert "cannot be used" in status


def test_a_library_without_our_functions(tmp_path):
    library, status = native.CPU.open("libm.so.6", None)
    assert library is None
    assert "cannot be used" in status


def test_digest_follows_names_and_contents(tmp_path):
    op = tmp_path / "cuda" / "op"
    op.mkdir(parents=True)
    digest = native.CPU.digest(tmp_path / "cuda")
    assert digest is None
    (op / "op.h").write_text("int a();")
    first = native.CPU.digest(tmp_path / "cuda")
    (op / "op.h").write_text("int b();")
    second = native.CPU.digest(tmp_path / "cuda")
    (op / "op.h").rename(op / "op2.h")
    assert len({first, second, native.CPU.digest(tmp_path / "cuda")}) == 3


def test_a_wheel_s_library_is_not_compared_with_nvidia_s_headers(tmp_path, monkeypatch):
    found = Path(native.native_status().removeprefix("loaded "))
    if not found.is_file():
        pytest.skip("no native library is built")
    native._load.cache_clear()
    (tmp_path / "core" / "_wheel").mkdir(parents=True)
    shutil.copy(found, tmp_path / "core" / "_wheel")
    (tmp_path / "cuda" / "include").mkdir(parents=True)
    (tmp_path / "cuda" / "include" / "cuda.h").write_text("int cuda;")
    monkeypatch.setattr(native, "PACKAGE", tmp_path / "core")
    monkeypatch.setattr(native, "ROOT", tmp_path)
    digest = native.CPU.digest(tmp_path / "cuda")
    monkeypatch.setattr(native.Library, "digest", lambda *_: digest)
    assert native.native_status() == f"loaded {tmp_path / 'core' / '_wheel' / found.name}"


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("c++"), reason="no compiler: the twins do the work")
def test_cmake_builds_a_library_that_is_refused_after_a_change(root, tmp_path):
    source, build = tmp_path / "sp äö [1]", tmp_path / "build"
    shutil.copytree(root / "cuda", source / "cuda")
    shutil.copy(root / "CMakeLists.txt", source)
    for step in (["-S", source, "-B", build, "-G", "Ninja"], ["--build", build]):
        subprocess.run([cmake(tmp_path), *step], check=True, capture_output=True, env=environment())
    path = build / native.CPU.file
    library, status = native.CPU.open(path, native.CPU.digest(source / "cuda"))
    assert library is not None, status
    assert native.CPU.digest(source / "cuda") == native.CPU.digest(root / "cuda")
    with (source / "cuda" / "mesh" / "raster.h").open("a") as header:
        header.write("// another argument\n")
    library, status = native.CPU.open(path, native.CPU.digest(source / "cuda"))
    assert library is None
    assert "built from other sources" in status
