"""The house's plan: floors import only lower floors, files and functions stay small."""

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FLOORS = ("geometry", "body", "nbv", "render", "nets", "fit", "data", "train", "eval")
FILES = sorted(path for top in ("app", "core", "tools") for path in (ROOT / top).rglob("*.py"))
LONGEST_FUNCTION = 100
LONGEST_FILE = 600


@cache
def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path):
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("floor", FLOORS)
def test_a_floor_imports_only_lower_floors(floor):
    above = {f"core.{name}" for name in FLOORS[FLOORS.index(floor) + 1 :]} | {"core.commands"}
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in (ROOT / "core" / floor).rglob("*.py")
        for name in imports(path)
        if ".".join(name.split(".")[:2]) in above
    ]
    assert wrong == []


def test_core_never_imports_app():
    wrong = [
        path
        for path in (ROOT / "core").rglob("*.py")
        if "app" in {n.split(".")[0] for n in imports(path)}
    ]
    assert wrong == []


def test_only_one_package_is_called_cuda():
    # NVIDIA's Python namespace is called so; a package of ours would hide it.
    assert list((ROOT / "cuda").rglob("*.py")) == []


def test_files_and_functions_stay_small():
    long = [
        path for path in FILES if len(path.read_text(encoding="utf-8").splitlines()) > LONGEST_FILE
    ]
    assert long == []
    functions = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in FILES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno - node.lineno >= LONGEST_FUNCTION
    ]
    assert functions == []
