"""The examples run as they are, and stay short."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.preloaded import run, script

EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "examples").glob("*.py"))
LONGEST = 40


def test_examples_are_short():
    assert len(EXAMPLES) >= 4
    assert [e.name for e in EXAMPLES if len(e.read_text().splitlines()) >= LONGEST] == []


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs(example, tmp_path):
    (done,) = run((script, (example,), {}), folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) >= 2
