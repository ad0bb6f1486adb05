"""How much slower a command gets while other programs use the processor."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

from core.errors import UserError

PHASES = ("load", "look", "fit", "write")
_SPIN = "import os\nparent = os.getppid()\nwhile os.getppid() == parent: sum(range(10**5))"
"""Uses one core, and ends with its parent."""


@dataclass(frozen=True)
class PhaseTimes:
    """Median seconds of a phase of ``nbf fit``, or of the whole command.

    Attributes:
        threads: of PyTorch, 0 for its default.
        busy_s: beside as many endless loops as there are cores.
    """

    phase: str
    threads: int
    quiet_s: float
    busy_s: float

    @property
    def ratio(self) -> float:
        """Slow-down by the other programs."""
        return self.busy_s / max(self.quiet_s, 1e-9)


def measure_busy(
    photo: str, rounds: int, threads: Sequence[int], cores: int | None = None
) -> Iterator[list[PhaseTimes]]:
    """Time ``nbf fit`` alone and beside endless loops, in turns; a list for each ``threads``.

    Args:
        photo: as for ``nbf fit``.
        cores: number of endless loops, by default one for each core.

    Raises:
        UserError: the fit fails.
    """
    loops = cores or os.cpu_count() or 1
    for count in threads:
        quiet, busy = [], []
        for _ in range(rounds):
            quiet.append(_time_fit(photo, count))
            with _endless_loops(loops):
                busy.append(_time_fit(photo, count))
        yield [
            PhaseTimes(
                phase,
                count,
                round(median(seconds[phase] for seconds in quiet), 3),
                round(median(seconds[phase] for seconds in busy), 3),
            )
            for phase in (*PHASES, "command")
        ]


def _time_fit(photo: str, threads: int) -> dict[str, float]:
    """Seconds of the phases of one ``nbf fit`` in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "core.cli", "fit", photo, "--out", folder, "--json"]
        command += ["--threads", str(threads)] if threads else []
        begun = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - begun
    if done.returncode != 0:
        raise UserError(f"nbf fit failed: {done.stderr.strip().splitlines()[-1:]}")
    [report] = json.loads(done.stdout)
    return {**report["seconds"], "command": seconds}


@contextmanager
def _endless_loops(count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Keep ``count`` cores busy."""
    loops = [subprocess.Popen([sys.executable, "-S", "-c", _SPIN]) for _ in range(count)]
    try:
        yield loops
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()
