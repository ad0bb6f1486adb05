"""One case: a damaged file is read, and what comes of it is judged."""

from __future__ import annotations

import contextlib
import os
import resource
import time
import traceback
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.errors import UserError
from tests.fuzz.damage import damaged
from tests.fuzz.readers import MEBIBYTE, READERS, Reader

HEADROOM = 3 * 2**30
"""Bytes of addresses that a child may take beyond what it has at its start."""


@dataclass(frozen=True)
class Case:
    """A reader, one of its samples (below the folder of all samples), and the damaged content."""

    number: int
    reader: str
    sample: str
    content: bytes


@dataclass(frozen=True)
class Finding:
    """A case that did not pass, and why."""

    number: int
    reader: str
    sample: str
    reason: str
    content: bytes


class Cases:
    """The cases of a seed: each depends on the seed and its number alone."""

    def __init__(self, seed: int, samples: Path, readers: Sequence[str] = tuple(READERS)) -> None:
        self.seed, self.readers = seed, tuple(readers)
        self.samples = {name: READERS[name].samples(samples) for name in self.readers}
        self.root = samples
        weights = np.array([READERS[name].weight for name in self.readers])
        self.shares = weights / weights.sum()

    def make(self, number: int) -> Case:
        """The case of a number."""
        rng = np.random.default_rng([self.seed, number])
        reader = self.readers[rng.choice(len(self.readers), p=self.shares)]
        files = self.samples[reader]
        sample, other = (files[rng.integers(len(files))] for _ in range(2))
        content = damaged(sample.read_bytes(), [other.read_bytes()], rng)
        return Case(number, reader, str(sample.relative_to(self.root)), content)


def run_case(case: Case, root: Path) -> Finding | None:
    """Read the damaged file in its place below a folder of samples, which it is restored to."""
    path = root / case.sample
    whole = path.read_bytes()
    path.write_bytes(case.content)
    try:
        reason = judge(READERS[case.reader], path)
    finally:
        path.write_bytes(whole)
    if not reason:
        return None
    return Finding(case.number, case.reader, case.sample, reason, case.content)


def judge(reader: Reader, path: Path) -> str:
    """Why reading a file is a finding; nothing if it is none."""
    before, begin = _start_peak(), time.process_time()
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        reason = _outcome(reader, path)
    seconds, grown = time.process_time() - begin, (_peak() - before) / MEBIBYTE
    if not reason and heard:
        reason = f"a warning: {heard[0].message} ({heard[0].filename}:{heard[0].lineno})"
    if not reason and grown > reader.mebibytes:
        reason = f"large: {grown:.0f} MiB of memory"
    if not reason and seconds > reader.seconds:
        reason = f"slow: {seconds:.1f} s of processor"
    return reason


def _outcome(reader: Reader, path: Path) -> str:
    """What is wrong with what the reader returns or raises."""
    try:
        value = reader.read(path)
        return "" if reader.is_valid(value) else "the value is not one to work with"
    except UserError as error:
        return complaint(error, path)
    except Exception:
        return traceback.format_exc()


def complaint(error: UserError, path: Path) -> str:
    """What is wrong with the line of an error: it names the file, is printable and not long."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, MemoryError) or "can't allocate memory" in str(cause):
            return "large: it asked for more memory than there is"
        cause = cause.__cause__ or cause.__context__
    line = str(error)
    folders = [str(p) for p in path.parents if len(p.parts) > path.parts.index("samples") + 1]
    named = path.name in line or any(folder in line for folder in folders)
    good = named and line.isprintable() and 10 < len(line) <= 1000
    return "" if good else f"a bad line: {line!r}"


@contextlib.contextmanager
def limits() -> Iterator[None]:
    """Bound this process's memory, and keep what readers print to themselves."""
    with Path("/proc/self/statm").open() as file:
        now = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + HEADROOM, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    yield


def _start_peak() -> int:
    """Forget the largest memory so far; the present one in bytes."""
    Path("/proc/self/clear_refs").write_text("5")
    return _peak()


def _peak() -> int:
    """The largest memory since `_start_peak`, in bytes."""
    with Path("/proc/self/status").open() as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))
