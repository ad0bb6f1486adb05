"""Where the time of a command goes, as a user has it: from starting it to its end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from statistics import median

from core.errors import UserError

PHASES = ("start", "load", "look", "fit", "write")
PARTS = (*PHASES, "leave", "command", "processor")
"""Phases of the report; what comes after it; their sum, and the processor time of all cores."""


def measure_fit(photo: str, rounds: int, threads: int = 0) -> Iterator[tuple[str, float]]:
    """Median seconds of each of the `PARTS` of ``nbf fit``.

    Raises:
        UserError: the fit fails.
    """
    times = [time_fit(photo, threads) for _ in range(rounds)]
    for part in PARTS:
        yield part, round(median(seconds[part] for seconds in times), 3)


def time_fit(photo: str, threads: int) -> dict[str, float]:
    """Seconds of the `PARTS` of one ``nbf fit`` in a process of its own.

    Raises:
        UserError: the fit fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "core.cli", "fit", photo, "--out", folder, "--json"]
        command += ["--threads", str(threads)] if threads else []
        before, begun = os.times(), time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        seconds, after = time.perf_counter() - begun, os.times()
    if done.returncode != 0:
        raise UserError(f"nbf fit failed: {done.stderr.strip().splitlines()[-1:]}")
    [report] = json.loads(done.stdout)
    spent = report["seconds"]
    return {
        **spent,
        "leave": seconds - sum(spent[phase] for phase in PHASES),
        "command": seconds,
        "processor": sum(after[2:4]) - sum(before[2:4]),
    }
