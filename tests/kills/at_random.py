"""Kill commands at random times and check what they leave: python -m tests.kills.at_random N SEED.

Each of fit, synth, train and eval runs whole once. Then N times one of them is killed by SIGKILL or
SIGTERM at a random time, must leave nothing of its own running, and must end as the whole run did
when it is resumed or run again.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from core.io.folders import unfinished
from core.train.run.checkpoint import LAST, PREVIOUS
from tests.kills.dying import content

NBF = [sys.executable, "-m", "core.cli"]
PARTS = ("network", "average", "bank")


@dataclass(frozen=True)
class Case:
    """A command, how it goes on after a kill, and what must be the same bits in the end."""

    start: Callable[[Path], list[str]]
    again: Callable[[Path], list[str]]
    result: Callable[[Path], dict[str, bytes]]


def fit(out: Path) -> list[str]:
    return [*NBF, "fit", "skimage:camera", "--out", str(out)]


def fit_again(out: Path) -> list[str]:
    record = unfinished(out / "camera") / "fit.nbf"
    return [*NBF, "fit", "--resume", str(record)] if record.exists() else fit(out)


def fitted(out: Path) -> dict[str, bytes]:
    files = content(out)
    assert {path.name for path in out.iterdir()} == {"camera"}
    return {n: files[f"camera/{n}"] for n in ("params.npz", "body.glb", "panels.png")}


def synth(out: Path) -> list[str]:
    return [*NBF, "synth", "--out", str(out), "--count", "120", "--size", "64", "--workers", "2"]


def evaluate(out: Path) -> list[str]:
    options = ["--count", "2", "--protocols", "clean", "--methods", "init", "--each"]
    return [*NBF, "eval", *options, str(out / "each.csv"), "--out", str(out / "table.json")]


def train(shards: Path) -> Callable[[Path], list[str]]:
    module = [sys.executable, "-m", "tests.train.interrupted_run"]
    return lambda out: [*module, str(shards), str(out)]


def train_again(shards: Path) -> Callable[[Path], list[str]]:
    def command(out: Path) -> list[str]:
        saved = any((out / name).exists() for name in (LAST, PREVIOUS))
        return [*train(shards)(out), *(["resume"] if saved else [])]

    return command


def trained(out: Path) -> dict[str, bytes]:
    assert not list(out.glob(".*[0-9a-f]-*"))  # nothing that was half-written
    state = torch.load(out / LAST, weights_only=True)
    found = {f"{p}.{n}": np.asarray(v).tobytes() for p in PARTS for n, v in state[p].items()}
    return found | {"losses": (out / "losses.csv").read_bytes()}


def children_of(session: int) -> list[int]:
    """Living processes of a session (Linux)."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(status.parent.name))
    return found


def killed(command: list[str], after: float, how: signal.Signals) -> bool:
    """Run a command and kill it; whether it was still running. Nothing of it may live on."""
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, stdout=quiet, stderr=quiet, start_new_session=True)
    try:
        process.wait(after)
    except subprocess.TimeoutExpired:
        process.send_signal(how)
    code = process.wait(60)
    limit = time.monotonic() + 20
    while children_of(process.pid):
        assert time.monotonic() < limit, f"orphans of {command}: {children_of(process.pid)}"
        time.sleep(0.05)
    assert code in (0, -how, 128 + how), code
    return code != 0


def main(count: int, seed: int) -> None:
    """Kill ``count`` times."""
    os.environ["OMP_NUM_THREADS"] = "1"
    dice, place = random.Random(seed), Path(tempfile.mkdtemp(prefix="nbf-kills-"))
    shards = [*NBF, "synth", "--out", str(place / "shards"), "--count", "5"]
    subprocess.run(shards, check=True, stdout=subprocess.DEVNULL)
    shards = place / "shards"
    cases = {
        "fit": Case(fit, fit_again, fitted),
        "synth": Case(synth, synth, content),
        "train": Case(train(shards), train_again(shards), trained),
        "eval": Case(evaluate, evaluate, content),
    }
    whole, seconds = {}, {}
    for name, case in cases.items():
        begin = time.monotonic()
        subprocess.run(case.start(place / name), check=True, capture_output=True)
        seconds[name] = time.monotonic() - begin
        whole[name] = case.result(place / name)
    for number in range(count):
        name = list(cases)[number % len(cases)]
        case, out = cases[name], place / f"{name}-{number}"
        how = dice.choice([signal.SIGKILL, signal.SIGTERM])
        command, kills = case.start(out), 0
        while killed(command, dice.uniform(0.1, 1.0) * seconds[name], how) and kills < 3:
            command, kills = case.again(out), kills + 1
        if kills == 3:
            subprocess.run(case.again(out), check=True, capture_output=True)
        assert case.result(out) == whole[name], f"{out} ended differently after {kills} kills"
        print(f"{number}: {name} ended the same after {kills} times {how.name}", flush=True)
        shutil.rmtree(out)
    shutil.rmtree(place)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]) if sys.argv[2:] else 0)
