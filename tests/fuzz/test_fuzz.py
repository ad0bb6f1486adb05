"""A thousand damaged files are read or refused, and the fuzzer sees what it should see."""

from __future__ import annotations

import faulthandler
import os
import subprocess
import sys
import time
import warnings
from dataclasses import replace

import numpy as np
import pytest

from core.errors import UserError
from tests.fuzz import pool
from tests.fuzz.__main__ import main
from tests.fuzz.damage import damaged, find_structure
from tests.fuzz.pool import run_cases
from tests.fuzz.readers import READERS, Reader
from tests.fuzz.samples import write_samples
from tests.fuzz.trial import Cases
from tests.io.test_report import report


def fuzz(*arguments, **options):
    command = [sys.executable, "-m", "tests.fuzz", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=170, **options)


@pytest.mark.slow
def test_a_thousand_cases_are_clean(root, tmp_path):
    ran = fuzz(1000, "--seed", 7, "--jobs", 2, "--out", tmp_path, cwd=root)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.startswith("1000 cases in ") and not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz") / "samples"
    write_samples(folder)
    return folder


def test_samples_and_cases_are_the_same_in_every_run(samples, tmp_path):
    write_samples(tmp_path / "again")
    names = sorted(p.relative_to(samples) for p in samples.rglob("*") if p.is_file())
    for name in names:
        assert (samples / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name
    one, other = Cases(5, samples), Cases(5, samples)
    assert [one.make(n) for n in range(30)] == [other.make(n) for n in range(29, -1, -1)][::-1]
    assert one.make(3) != Cases(6, samples).make(3)
    assert {one.make(n).reader for n in range(400)} == set(READERS)


def test_every_kind_of_file_is_damaged_by_what_it_is(samples):
    rng = np.random.default_rng(0)
    for path in samples.rglob("*"):
        if path.suffix in (".npz", ".nbf", ".pt", ".pkl", ".safetensors", ".json", ".toml", ".bvh"):
            content = path.read_bytes()
            assert find_structure(content) is not None, path
            assert sum(damaged(content, [], rng) != content for _ in range(20)) > 10


def crash(_):
    faulthandler.disable()  # its report would stand among the tests' lines
    os.abort()


def hang(_):
    time.sleep(60)


def eat(_):
    return float(bytearray(2**29)[-1])


def ask(_):
    try:
        bytearray(2**40)
    except MemoryError as error:
        raise UserError("plain text is too large; write less") from error


def work(_):
    begin = time.process_time()
    while time.process_time() < begin + 0.3:
        pass
    return 0.0


def fail(_):
    raise KeyError("name")


class Loud(UserError):
    def __str__(self):
        return "each.csv is \x1b[31mred"


def colour(_):
    raise Loud("what it says is not what it shows")


def warn(_):
    warnings.warn("odd", stacklevel=1)
    return 0.0


def anonymous(_):
    raise UserError("something is wrong; do something")


@pytest.mark.parametrize(
    ("read", "reason"),
    [
        (crash, "crash: the process ended with -6"),
        (hang, "hang: nothing for 4 s"),
        (eat, "large: 5"),
        (ask, "large: it asked for more memory than there is"),
        (work, "slow: 0."),
        (fail, "KeyError: 'name'"),
        (colour, "a bad line: 'each.csv is"),
        (anonymous, "a bad line: 'something"),
        (warn, "a warning: odd"),
        (lambda _: float("nan"), "the value is not one to work with"),
        (lambda _: 1.0, ""),
    ],
)
def test_what_should_not_happen_is_found_and_the_rest_goes_on(
    samples, monkeypatch, capfd, read, reason
):
    clean = READERS["table of people"]
    number = 2

    def once(path):
        return read(path) if path.read_bytes() == bad else 0.0

    faulty = Reader(clean.files, once, np.isfinite, seconds=0.2)
    monkeypatch.setitem(READERS, "table of people", faulty)
    monkeypatch.setattr(pool, "PATIENCE", 4.0)
    cases = Cases(0, samples, ["table of people"])
    bad = cases.make(number).content
    *_, tally = run_cases(cases, 0, 5, 2)
    found = [finding.reason for finding in tally.findings]
    assert len(found) == bool(reason) and all(reason in text for text in found)
    stopped = read in (crash, hang)
    assert tally.cases.total() == 5 - stopped
    if found:
        again = tally.findings[0]
        assert (again.number, again.content) == (number, bad)


def test_a_finding_is_kept_and_made_again(tmp_path, monkeypatch, capsys):
    whole = report()
    picky = replace(READERS["report"], is_valid=lambda found: found.loss == whole.loss)
    monkeypatch.setitem(READERS, "report", picky)
    chosen = ["--reader", "report", "--seed", "4"]
    monkeypatch.setattr(
        sys, "argv", ["fuzz", "300", "--jobs", "1", "--out", str(tmp_path), *chosen]
    )
    assert main() == 1
    assert "the value is not one to work with" in capsys.readouterr().out
    kept = sorted(tmp_path.glob("report-4-*.json"))[0]
    again = kept.with_suffix(".txt").read_text().splitlines()[0]
    number = kept.stem.rpartition("-")[2]
    assert again == f"python -m tests.fuzz --seed 4 --case {number} --reader 'report'"
    monkeypatch.setattr(sys, "argv", ["fuzz", "--case", number, *chosen])
    assert main() == 1
    monkeypatch.setitem(READERS, "report", replace(picky, is_valid=lambda _: True))
    assert main() == 0
    assert f"case {number} passes" in capsys.readouterr().out
