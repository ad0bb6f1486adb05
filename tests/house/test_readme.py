"""What the README tells a newcomer to type exists."""

import os
import re
import shutil
import subprocess

import pytest

from core.commands import find_commands


@pytest.fixture(scope="module")
def readme(root):
    return (root / "README.md").read_text(encoding="utf-8")


def test_commands_exist(readme):
    named = set(re.findall(r"\bnbf ([a-z]+)\b", readme))
    assert named
    assert named <= set(find_commands())


def test_targets_exist(readme, root):
    named = set(re.findall(r"(?:^    |`)make ([a-z]+)\b", readme, re.MULTILINE))
    phony = re.search(r"^\.PHONY: (.*)$", (root / "Makefile").read_text(), re.MULTILINE)[1].split()
    assert {"run", "test"} <= named <= set(phony)


def test_files_exist(readme, root):
    named = re.findall(r"`(docs/[\w.-]+)`|\]\((docs/[\w./-]+)\)", readme)
    assert [a or b for a, b in named if not (root / (a or b)).is_file()] == []


@pytest.mark.skipif(not shutil.which("make"), reason="no make")
@pytest.mark.parametrize(("display", "command"), [(":7", "nbf app"), ("", "nbf fit")])
def test_run_takes_a_photo_with_a_space_in_its_name(display, command, root, tmp_path):
    # A stand-in for the environment: `make run` must hand the name over in one piece.
    shutil.copy(root / "Makefile", tmp_path)
    stand_in = tmp_path / ".venv" / "bin" / "nbf"
    stand_in.parent.mkdir(parents=True)
    stand_in.write_text('#!/bin/sh\necho "nbf $1|$2"\n')
    stand_in.chmod(0o755)
    (tmp_path / "tools").mkdir()
    sources = ("pyproject.toml", "constraints.txt", "CMakeLists.txt")
    for name in (*sources, "tools/setup.sh", "tools/install.sh"):
        (tmp_path / name).touch()
    asked = ["make", "-s", "--eval", "layout: ; @echo $(LAYOUT)", "layout"]
    layout = subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True, check=True)
    for name in (layout.stdout.strip(), ".venv/.setup", ".venv/.native"):
        (tmp_path / name).touch()
    done = subprocess.run(
        ["make", "-s", "run", "IMAGE=my photo.jpg"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "DISPLAY": display},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == f"{command}|my photo.jpg"
