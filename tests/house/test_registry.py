"""Registries: parts from the package, from installed packages, and from plugins."""

from __future__ import annotations

import importlib.metadata
import sys
import threading
from dataclasses import dataclass

import pytest

from core.errors import UserError
from core.registry import Registry, load_plugins


@dataclass(frozen=True)
class Part:
    name: str
    order: int = 0


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package with the parts "a" and "b"."""
    folder = tmp_path / "some_parts"
    folder.mkdir()
    (folder / "__init__.py").touch()
    for name, order in (("a", 2), ("b", 1)):
        text = f"from tests.house.test_registry import Part\nPART = Part({name!r}, {order})\n"
        (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    for name in [name for name in sys.modules if name.split(".")[0] == "some_parts"]:
        del sys.modules[name]


@pytest.fixture
def registry(package):
    return Registry("part", "some_parts", "PART", "nbf.test_parts")


def test_parts_are_found_and_sorted(registry):
    assert list(registry.all()) == ["b", "a"]
    with pytest.raises(UserError, match="no part 'c'; there are b, a"):
        registry.get("c")


def test_a_part_is_added_for_a_while(registry):
    with registry.added(Part("c")):
        assert list(registry.all()) == ["c", "b", "a"]
    assert list(registry.all()) == ["b", "a"]
    with pytest.raises(ValueError, match="already a part"), registry.added(registry.get("a")):
        pass
    assert list(registry.all()) == ["b", "a"]


def test_a_search_that_fails_is_made_again(registry, package):
    (package / "z.py").write_text("raise OSError('later')\n")
    with pytest.raises(OSError, match="later"):
        registry.all()
    with pytest.raises(OSError, match="later"):
        registry.all()
    (package / "z.py").unlink()
    assert list(registry.all()) == ["b", "a"]


def test_another_thread_waits_for_the_end_of_a_search(registry, monkeypatch):
    searching, found = threading.Event(), threading.Event()

    def slow_plugins():
        searching.set()
        found.wait(0.2)  # another thread would have its answer by now

    monkeypatch.setattr("core.registry.load_plugins", lambda: (slow_plugins(), registry.add(C)))
    C = Part("c")
    seen = []

    def ask():
        searching.wait()
        seen.extend(registry.all())
        found.set()

    thread = threading.Thread(target=ask)
    thread.start()
    registry.all()
    thread.join()
    assert seen == ["c", "b", "a"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("raise ValueError('two\\nlines')", "ValueError: two lines"),
        ("def", "SyntaxError"),
        ("import nothing_there", "No module named 'nothing_there'"),
    ],
)
def test_a_plugin_that_fails_gets_one_line(tmp_path, monkeypatch, text, message):
    (tmp_path / "bad_plugin.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("NBF_PLUGINS", " , bad_plugin")
    with pytest.raises(UserError, match="NBF_PLUGINS names 'bad_plugin'") as caught:
        load_plugins()
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_an_empty_list_of_plugins_is_none(monkeypatch):
    monkeypatch.setenv("NBF_PLUGINS", " , ,")
    load_plugins()


def test_an_installed_part_that_fails_is_named(registry, monkeypatch):
    entry = importlib.metadata.EntryPoint("mine", "nothing_there:PART", "nbf.test_parts")
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [entry])
    with pytest.raises(UserError, match="entry point 'mine' of"):
        registry.all()
