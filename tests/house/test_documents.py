"""What documents and docstrings name exists, and their code is what the tests run."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("assets/*/*.md")])
REFERENCE = re.compile(r"`{1,2}((?:core|app|nbf)(?:\.\w+)+)(?:\(\))?`{1,2}")


ENTRY_POINTS = {f"nbf.{part}" for part in ("terms", "starts", "fitters", "detectors", "commands")}


def resolves(name):
    """Whether a dotted name is a module, something in one, or an entry-point group."""
    if name in ENTRY_POINTS:
        return True
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        try:
            thing = importlib.import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        for attribute in parts[count:]:
            if attribute in getattr(thing, "__dataclass_fields__", {}):
                return True
            if not hasattr(thing, attribute):
                return False
            thing = getattr(thing, attribute)
        return True
    return False


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_names_in_documents_exist(document):
    text = document.read_text(encoding="utf-8")
    assert [name for name in REFERENCE.findall(text) if not resolves(name)] == []


def docstrings(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield str(node.value.value)


def test_names_in_docstrings_exist():
    files = [p for top in ("core", "app", "nbf", "tools") for p in (ROOT / top).rglob("*.py")]
    names = {n: p for p in files for text in docstrings(p) for n in REFERENCE.findall(text)}
    wrong = [f"{p.relative_to(ROOT)}: {n}" for n, p in names.items() if not resolves(n)]
    assert wrong == []


@pytest.mark.parametrize("name", ["toy_term", "toy_start", "toy_fitter"])
def test_the_code_of_contributing_is_what_the_tests_run(name):
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    block = re.search(rf"<!-- tests/plugins/{name}\.py -->\n```python\n(.*?)```", text, re.DOTALL)
    assert block[1] == (ROOT / "tests" / "plugins" / f"{name}.py").read_text(encoding="utf-8")


def test_links_between_documents_lead_somewhere():
    broken = [
        f"{document.name}: {target}"
        for document in DOCUMENTS
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8"))
        if not (document.parent / target).exists()
    ]
    assert broken == []
