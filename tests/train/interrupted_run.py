"""A tiny run in its own process, to be finished, killed or resumed."""

from __future__ import annotations

import signal
import time
from dataclasses import replace
from pathlib import Path

from core.body.load import load_body
from core.nbv.volume import NeuralBodyVolume
from core.synth.shards import ShardDataset
from core.train.run.trainer import Trainer, TrainSettings

STEPS = 11  # losses are noted at steps 1 and 10
SETTINGS = TrainSettings(
    steps=STEPS, batch_size=1, warmup=2, validate_every=100, save_every=4, decay=0.5
)


def make_trainer(shards: Path, folder: Path) -> Trainer:
    data = ShardDataset(shards)
    volume = NeuralBodyVolume.from_body(load_body(), kernels=80)
    trainer = Trainer(replace(SETTINGS), data, data, volume, folder)
    trainer.validate = dict  # type: ignore[method-assign]
    return trainer


def main(shards: Path, folder: Path, how: str = "") -> int:
    """Train to the end, or what `how` says: "kill", "stop" as Ctrl-C would, or "resume"."""

    def show(step: int, done: float, losses: dict[str, float]) -> None:
        print(step, flush=True)
        if how == "kill" and step == 7:
            time.sleep(60)  # between the saves of steps 4 and 8: here it is killed
        if how == "stop" and step == 7:
            signal.raise_signal(signal.SIGINT)

    trainer = make_trainer(shards, folder)
    if how == "resume":
        trainer.resume()
    stop = trainer.run(show)
    return stop.exit_code() if stop else 0
