"""How `app` is built: who may import whom, and that nothing is written twice."""

import re
import subprocess
import sys

import pytest

from app.actions import ACTIONS
from tests.house.test_floors import INNER_FLOORS, ROOT, imports

APP = ROOT / "app"
FLOORS = INNER_FLOORS["app"]
FILES = sorted(APP.rglob("*.py"))
LONGEST_FILE = 400


def files_of(*floors):
    return [path for path in FILES if path.relative_to(APP).parts[0].removesuffix(".py") in floors]


def imported(*floors):
    """Names that the files of some floors import."""
    return {name for path in files_of(*floors) for name in imports(path)}


def test_every_file_is_on_a_floor():
    on_floors = files_of(*FLOORS, "__init__", "__main__")
    assert [path for path in FILES if path not in on_floors] == []
    assert all(files_of(floor) for floor in FLOORS)


def test_the_worker_s_side_and_the_window_s_side_share_only_what_they_say():
    worker = ("told", "fits", "recorded", "searches", "engine", "worker")
    window = FLOORS[FLOORS.index("document") :]
    shared = ("geometry", "protocol", "shared")
    for name in imported(*worker):
        if name.startswith("app."):
            assert name.split(".")[1] in (*worker, *shared), name
    for name in imported(*window):
        assert not name.startswith(tuple(f"app.{floor}" for floor in worker)), name


def test_state_and_document_know_no_window_and_no_process():
    floors = FLOORS[FLOORS.index("document") : FLOORS.index("theme")]
    for name in imported(*floors):
        if name.startswith(("core.occlusion", "core.body", "core.errors")):  # plain data
            continue
        assert name.split(".")[0] not in ("dearpygui", "multiprocessing", "core", "torch"), name
        assert name not in ("app.shared", "app.link"), name


def test_only_the_engine_knows_the_fit():
    engine = ("told", "fits", "recorded", "searches", "engine")
    others = [floor for floor in FLOORS if floor not in engine]
    assert [n for n in imported(*others) if n.startswith(("core.fit", "core.nets", "torch"))] == []


def test_the_window_starts_without_pytorch():
    code = "import sys, app.window.window; print('torch' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "False"  # it takes a second


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(APP)))
def test_keys_and_labels_are_written_in_the_table_of_actions_only(path):
    if path.name.endswith("actions.py") or path.name == "keys.py":
        return
    text = path.read_text(encoding="utf-8")
    assert set(re.findall(r"mvKey_\w+", text)) <= {
        "mvKey_LShift",
        "mvKey_RShift",
    }  # a modifier is no key
    keys = {key for action in ACTIONS for key in action.keys} - {"?"}
    for key in keys:
        assert not re.search(rf"\b(press|Press|or) {re.escape(key)}\b", text), key
    labels = {action.label for action in ACTIONS} - {"?"}
    assert not {label for label in labels if f'label="{label}"' in text}


def test_files_are_short():
    assert [
        p for p in FILES if len(p.read_text(encoding="utf-8").splitlines()) > LONGEST_FILE
    ] == []
