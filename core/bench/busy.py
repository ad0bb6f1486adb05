"""How much slower a command gets while other programs use the processor."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

from core.bench.command import PARTS, time_fit

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
            quiet.append(time_fit(photo, count))
            with _endless_loops(loops):
                busy.append(time_fit(photo, count))
        yield [
            PhaseTimes(
                phase,
                count,
                round(median(seconds[phase] for seconds in quiet), 3),
                round(median(seconds[phase] for seconds in busy), 3),
            )
            for phase in PARTS
        ]


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
