"""The wheel holds everything, under three names, and works where no checkout is."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile

import pytest


@pytest.fixture(scope="module")
def installed(root, tmp_path_factory):
    """The wheel without native code, unpacked as pip would."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    # Debian 12's pip (23.0) does not know the short form -C.
    settings = ["wheel.cmake=false", f"build-dir={folder / 'build'}"]
    options = [*(f"--config-settings={each}" for each in settings), "-w", str(folder)]
    checkout = folder / "checkout"  # pip takes brackets in a path for extras
    checkout.symlink_to(root)
    subprocess.run([*command, *options, str(checkout)], check=True, capture_output=True)
    [wheel] = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def run(installed, folder, *arguments):
    paths = os.pathsep.join([str(installed), sysconfig.get_path("purelib")])
    return subprocess.run(
        [sys.executable, "-S", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_it_holds_three_packages_and_no_other_name(installed):
    names = {path.name for path in installed.iterdir() if not path.name.endswith(".dist-info")}
    assert names == {"app", "core", "nbf"}
    assert (installed / "core" / "_wheel" / "assets" / "weights" / "frozen.safetensors").is_file()
    assert all((installed / name / "py.typed").is_file() for name in names)


@pytest.mark.slow
def test_it_loads_beside_a_folder_called_app(installed, tmp_path):
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__init__.py").write_text("raise SystemExit('the wrong app')")
    code = "import nbf, core; print(core.__file__); print(nbf.load().size)"
    done = run(installed, tmp_path, "-c", code)
    assert done.stdout.splitlines() == [str(installed / "core" / "__init__.py"), "256"], done.stderr
