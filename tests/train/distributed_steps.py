"""Two training steps in each of the processes that train together.

Everything is in double precision, so that rounding does not hide differences from one process.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from core.body.load import load_body
from core.nbv.volume import NeuralBodyVolume
from core.synth.shards import ShardDataset
from core.train.batches.augment import AugmentSettings
from core.train.batches.batch import Batch
from core.train.batches.mix_file import open_mix
from core.train.batches.supervision import Supervision
from core.train.distributed import SINGLE_PROCESS, ProcessGroup, find_process_group
from core.train.losses.objective import ObjectiveSettings
from core.train.losses.ranking import RankingSettings
from core.train.run.trainer import Trainer, TrainSettings

SETTINGS = TrainSettings(
    steps=9,
    batch_size=2,
    warmup=1,
    decay=0.5,
    augment=AugmentSettings(patches=0.5),
    objective=ObjectiveSettings(bfloat16=False, ranking=RankingSettings(weight=0.5, poses=1)),
)


def widen(value: torch.Tensor | Batch | Supervision | None) -> Any:
    if isinstance(value, torch.Tensor):
        return value.double() if value.is_floating_point() else value
    if value is None:
        return None
    return type(value)(**{name: widen(field) for name, field in vars(value).items()})


def train(
    shards: Path, folder: Path, group: ProcessGroup, mix: Path | None = None
) -> dict[str, dict[str, torch.Tensor]]:
    """Losses of two steps, and the network, average and bank after them."""
    data = ShardDataset(shards)
    volume = NeuralBodyVolume.from_body(load_body(), kernels=80)
    trainer = Trainer(SETTINGS, data, data, volume, folder, group)
    if mix is not None:
        trainer.loader = open_mix(mix, data, volume, SETTINGS.steps).loader(trainer.loader)
    for module in (trainer.network, trainer.average.network, trainer.bank):
        module.double()
    trainer.objective.volume = volume.to(torch.zeros((), dtype=torch.float64))
    share = replace(trainer.loader, rank=group.rank, world_size=group.world_size)
    losses = [trainer.update(widen(share.batch(step))) for step in range(2)]
    named = {f"{name} {step}": row[name] for step, row in enumerate(losses) for name in row}
    return {
        "losses": {name: torch.tensor(v, dtype=torch.float64) for name, v in named.items()},
        "network": trainer.network.state_dict(),
        "average": trainer.average.network.state_dict(),
        "bank": trainer.bank.state_dict(),
    }


def train_with_others(shards: Path, folder: Path, mix: Path | None = None) -> None:
    """Take this process's part, and write what it has after the steps."""
    found = find_process_group("cpu")
    assert found != SINGLE_PROCESS
    torch.save(train(shards, folder, found, mix), folder / f"{found.rank}.pt")
    found.close()


def greet() -> None:
    """Find the other processes, and add something up with them."""
    found = find_process_group("cpu")
    print(found.rank, found.world_size, float(found.total(torch.tensor(found.rank + 1.0))))
    found.close()
