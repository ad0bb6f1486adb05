"""Cases in child processes: a crash or a hang ends a child, is a finding, and another goes on."""

from __future__ import annotations

import multiprocessing
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path

from core.processes import end_with_parent
from tests.fuzz.trial import Cases, Finding, limits, run_case

PATIENCE = 60.0
"""Seconds without a sign after which a child hangs: a busy machine may be slow."""


@dataclass
class Tally:
    """What became of a run.

    Attributes:
        cases: finished cases by reader.
        seconds: processor time by reader.
    """

    cases: Counter[str] = field(default_factory=Counter)
    seconds: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)


class _Child:
    """A process with the cases first, first + step, ... below stop."""

    def __init__(self, cases: Cases, first: int, stop: int, step: int) -> None:
        self.range = (first, stop, step)
        self.at = first
        self.heard = time.monotonic()
        # The parent has loaded everything; PyTorch runs on one thread and survives a fork.
        context = multiprocessing.get_context("fork")
        self.ear, mouth = context.Pipe(duplex=False)
        self.folder = Path(tempfile.mkdtemp(prefix="nbf-fuzz-"))
        self.process = context.Process(target=_work, args=(mouth, cases, self.range, self.folder))
        self.process.start()
        mouth.close()

    def end(self) -> None:
        """End it, if it has not ended, and remove what it wrote."""
        self.process.kill()
        self.process.join()
        self.ear.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def run_cases(cases: Cases, first: int, count: int, jobs: int) -> Iterator[Tally]:
    """Run the cases first .. first + count - 1; yields what is known, again and again."""
    tally, stop = Tally(), first + count
    running = [_Child(cases, first + i, stop, jobs) for i in range(min(jobs, count))]
    try:
        while running:
            ready = wait([child.ear for child in running], timeout=1.0)
            for child in list(running):
                over = _listen(child, tally) if child.ear in ready else ""
                if not over and time.monotonic() - child.heard > PATIENCE:
                    over = f"hang: nothing for {PATIENCE:.0f} s"
                if over:
                    running.remove(child)
                    child.end()
                    running += _after(child, over, cases, tally)
            yield tally
    finally:
        for child in running:
            child.end()


def _listen(child: _Child, tally: Tally) -> str:
    """Take in what a child says; how it ended, if it has."""
    child.heard = time.monotonic()
    try:
        while child.ear.poll():
            said = child.ear.recv()
            if said == "done":
                return "done"
            if isinstance(said, int):
                child.at = said
            elif isinstance(said, Finding):
                tally.findings.append(said)
            else:
                reader, seconds = said
                tally.cases[reader] += 1
                tally.seconds[reader] += seconds
    except EOFError:
        child.process.join()
        return f"crash: the process ended with {child.process.exitcode}"
    return ""


def _after(child: _Child, over: str, cases: Cases, tally: Tally) -> list[_Child]:
    """The child that goes on after one that crashed, and the finding."""
    if over == "done":
        return []
    case = cases.make(child.at)
    tally.findings.append(Finding(case.number, case.reader, case.sample, over, case.content))
    _, stop, step = child.range
    return [_Child(cases, child.at + step, stop, step)] if child.at + step < stop else []


def _work(mouth: Connection, cases: Cases, numbers: tuple[int, int, int], folder: Path) -> None:
    """What a child does."""
    end_with_parent()
    root = folder / "samples"
    shutil.copytree(cases.root, root)
    with limits():
        for number in range(*numbers):
            mouth.send(number)
            begin = time.process_time()
            case = cases.make(number)
            finding = run_case(case, root)
            if finding is not None:
                mouth.send(finding)
            mouth.send((case.reader, time.process_time() - begin))
    mouth.send("done")
