"""Two steps of training in as many processes as torchrun starts: SHARDS OUT [MIX].

Everything is in double precision, so that what differs from one process can only be wrong.
"""

from __future__ import annotations

import sys
from dataclasses import fields, replace
from pathlib import Path

import torch

from core.body.load import load_body
from core.nbv.volume import NeuralBodyVolume
from core.synth.shards import ShardDataset
from core.train.batches.augment import AugmentSettings
from core.train.batches.batch import Batch
from core.train.batches.mix_file import open_mix
from core.train.batches.supervision import Known
from core.train.distributed import ALONE, ProcessGroup, find_process_group
from core.train.losses.objective import ObjectiveSettings
from core.train.losses.ranking import RankingSettings
from core.train.run.trainer import Trainer, TrainSettings

SETTINGS = TrainSettings(
    steps=9,
    batch_size=4,
    warmup=1,
    decay=0.5,
    augment=AugmentSettings(patches=0.5),
    objective=ObjectiveSettings(bfloat16=False, ranking=RankingSettings(weight=0.5)),
)


def widen(batch: Batch | Known) -> Batch:
    values = {f.name: getattr(batch, f.name) for f in fields(batch)}
    marks = {"marks": widen(values.pop("marks"))} if "marks" in values else {}
    wide = {k: v.double() if v.is_floating_point() else v for k, v in values.items()}
    return type(batch)(**wide, **marks)


def train(
    shards: Path, folder: Path, group: ProcessGroup, mix: Path | None = None
) -> dict[str, dict[str, torch.Tensor]]:
    """Losses of two steps, and what they made of network, average and bank."""
    data = ShardDataset(shards)
    volume = NeuralBodyVolume.from_body(load_body(), kernels=80)
    trainer = Trainer(SETTINGS, data, data, volume, folder, group)
    if mix is not None:
        trainer.loader = open_mix(mix, data, volume, SETTINGS.steps).loader(trainer.loader)
    for module in (trainer.network, trainer.average.network, trainer.bank):
        module.double()
    trainer.objective.volume = volume.to(torch.zeros((), dtype=torch.float64))
    share = replace(trainer.loader, index=group.index, count=group.count)
    losses = [trainer.update(widen(share.batch(step))) for step in range(2)]
    named = {f"{name} {step}": row[name] for step, row in enumerate(losses) for name in row}
    return {
        "losses": {name: torch.tensor(v, dtype=torch.float64) for name, v in named.items()},
        "network": trainer.network.state_dict(),
        "average": trainer.average.network.state_dict(),
        "bank": trainer.bank.state_dict(),
    }


if __name__ == "__main__":
    found = find_process_group("cpu")
    assert found != ALONE
    result = train(Path(sys.argv[1]), Path(sys.argv[2]), found, *map(Path, sys.argv[3:]))
    torch.save(result, Path(sys.argv[2]) / f"{found.index}.pt")
    found.close()
