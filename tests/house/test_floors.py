"""The house's plan: floors import only lower floors, files and functions stay small."""

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FLOORS = (
    *("geometry", "io", "body", "nbv", "render", "pictures", "occlusion", "nets", "fit"),
    *("mocap", "datasets", "synth", "bench", "train", "eval", "doctor", "commands"),
)
INNER_FLOORS = {
    "app": (
        *("geometry", "protocol", "shared", "told", "fits", "recorded", "searches", "engine"),
        *("worker", "link", "document", "history", "playing", "view", "album", "state", "wants"),
        *("steps", "contrast", "runs", "occluding", "posing", "asking", "people", "viewing"),
        *("backlog", "session", "hand", "pose_hand", "action"),
        *("image_actions", "occluder_actions", "pose_actions", "time_actions", "view_actions"),
        *("actions", "palette", "tour"),
        *("theme", "panels", "window", "automation", "autosave", "settings", "display", "main"),
    ),
    "core/synth": ("sampling", "dressing", "drawing"),
    "core/train": ("batches", "losses", "heads", "run"),
}
FILES = sorted(path for top in ("app", "core", "tools") for path in (ROOT / top).rglob("*.py"))
LONGEST_FUNCTION = 100
LONGEST_FILE = 450


def module_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path) for path in FILES}


@cache
def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path):
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("floor", FLOORS)
def test_a_floor_imports_only_lower_floors(floor):
    assert imports_from_above(ROOT / "core", FLOORS, floor) == []


@pytest.mark.parametrize(
    ("house", "floor"),
    [(house, floor) for house, floors in INNER_FLOORS.items() for floor in floors],
)
def test_an_inner_floor_imports_only_lower_ones(house, floor):
    assert imports_from_above(ROOT / house, INNER_FLOORS[house], floor) == []


def test_every_folder_of_core_is_a_floor():
    folders = {path.parent.name for path in (ROOT / "core").glob("*/__init__.py")}
    assert folders == set(FLOORS)


def imports_from_above(house, floors, floor):
    """Imports, in a floor's files, of the floors above it; a floor is a folder or one file."""
    prefix = ".".join(house.relative_to(ROOT).parts)
    above = tuple(f"{prefix}.{name}" for name in floors[floors.index(floor) + 1 :])
    return [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in (*house.glob(f"{floor}.py"), *(house / floor).rglob("*.py"))
        for name in imports(path)
        if name.startswith(tuple(f"{a}." for a in above)) or name in above
    ]


def test_modules_do_not_import_each_other_in_circles():
    graph = {module_of(path): set(imports(path)) & MODULES for path in FILES}
    circles = set()
    for start in graph:
        for other in graph[start]:
            if start != other and start in reachable(graph, other):
                circles.add(tuple(sorted((start, other))))
    assert circles == set()


def reachable(graph, start):
    """All modules that ``start`` imports, directly or not."""
    seen, waiting = set(), [start]
    while waiting:
        module = waiting.pop()
        if module not in seen:
            seen.add(module)
            waiting += graph.get(module, ())
    return seen


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
