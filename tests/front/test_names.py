"""Common package names: a local folder of the same name is harmless, or named in one line."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(folder, *arguments):
    """Python as a wheel meets it: packages are found by path alone, the working folder first."""
    paths = os.pathsep.join([str(ROOT), sysconfig.get_path("purelib")])
    return subprocess.run(
        [sys.executable, "-S", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_folder_called_app_does_not_matter(tmp_path):
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__init__.py").write_text("raise SystemExit('the wrong app')")
    done = run(tmp_path, "-c", "import nbf; print(nbf.Box(1, 2, 3, 4).center)")
    assert done.stdout == "(2.5, 4.0)\n", done.stderr
    assert run(tmp_path, "-m", "nbf", "fit", "none.jpg").stderr.startswith("nbf: ")


@pytest.mark.parametrize(
    ("package", "arguments"), [("core", ["fit", "a.jpg"]), ("app", ["app"]), ("app", [])]
)
def test_a_folder_that_hides_a_package_is_named(tmp_path, package, arguments):
    (tmp_path / package).mkdir()
    (tmp_path / package / "__init__.py").write_text("")
    done = run(tmp_path, "-m", "nbf", *arguments)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert f"nbf needs its package '{package}'" in done.stderr
    assert str(tmp_path / package) in done.stderr


def test_import_nbf_says_the_same(tmp_path):
    (tmp_path / "core.py").write_text("")
    done = run(tmp_path, "-c", "import nbf; nbf.fit")
    assert "ImportError: nbf needs its package 'core'" in done.stderr
    assert str(tmp_path / "core.py") in done.stderr


def test_importing_nbf_is_quick():
    done = run(".", "-c", "import sys, nbf; print('torch' in sys.modules)")
    assert done.stdout == "False\n"
