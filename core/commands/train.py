"""Train a network, its feature bank and regression head on shards of people.

Stop it with Ctrl-C at any time and go on with --resume. The run's folder holds the checkpoint,
the curves (losses.csv/.png) and the figures on held-out samples (held_out.csv/.png). When the run
is over, the feature bank is estimated anew and the model written to OUT/<preset>.safetensors.

Started by torchrun or by SLURM's srun, the processes share every batch and find what one process
would have found; the first alone validates and writes. OUT must lie where all can read it.

Examples:
    nbf synth --out shards --count 20000
    nbf synth --out held-out --count 400 --split test
    nbf synth --layouts layouts.npz --count 100000
    nbf train --shards shards --held-out held-out --out runs/lite --minutes 90 --layouts layouts.npz
    nbf train --shards shards --held-out held-out --out runs/lite --minutes 90 --resume
    torchrun --nproc-per-node 8 -m core.cli train --preset paper --batch-size 64 --steps 100000 ...
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from core.commands._output import print_json


@dataclass(frozen=True)
class Options:
    """Options of ``nbf train``."""

    shards: Path
    """Folder of shards to train on, as `nbf synth` writes them."""
    held_out: Path
    """Folder of other shards to validate on, of another seed or split."""
    out: Path
    """Folder of the run."""
    preset: Literal["lite", "paper"] = "lite"
    """Network: lite (256 px, starts from BlazePose) or paper (320 px, ResNet-50)."""
    minutes: float | None = None
    """Length of the run in minutes of training; or give --steps."""
    steps: int | None = None
    """Length of the run in steps: then it is repeatable to the bit on one machine."""
    batch_size: int = 12
    """Images a step, of all processes together."""
    rate: float = 1e-3
    """Highest learning rate."""
    occlude: float = 0.0
    """Chance of an additional occluding patch on an image."""
    bins: int = 4
    """Orientations that a kernel's features tell apart (1 leaves the pose out of them)."""
    dim: int = 64
    """Dimensions of the features."""
    kernels: Literal["surface", "skeleton"] = "surface"
    """Where the kernels sit: 858 on the body's surface, or 439 on its bones and joints."""
    contrast: bool = True
    """Contrast features with other kernels, orientations and the background; else maximum
    likelihood alone."""
    ranking: float = 0.0
    """Weight of the loss by which the likelihood must put the truth before poses near it."""
    seed: int = 0
    """Seed of everything random."""
    threads: int = 0
    """Threads of the arithmetic; 0 leaves it to PyTorch."""
    bank_images: int = 4000
    """Images from which the feature bank is estimated at the end."""
    head_images: int = 16000
    """Images on which the regression head is trained further at the end; 0 leaves it."""
    layouts: Path | None = None
    """Layouts (`nbf synth --layouts`): in the end the head starts anew from a lifter trained on
    them, before it is trained further."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to train: auto takes a GPU if there is one."""
    precision: Literal["mixed", "bfloat16", "float32"] = "mixed"
    """Half precision (bfloat16) in the decoder alone (mixed), in the trunk as well, or nowhere."""
    resume: bool = False
    """Go on from the checkpoint in OUT."""
    export_only: bool = False
    """Do not train: write the model of the checkpoint in OUT."""
    json: bool = False
    """Print the held-out figures as JSON."""


def run(options: Options) -> int:
    """Train, then export."""
    import torch

    from core.body.load import load_body
    from core.data.layouts import Layouts
    from core.data.shards import ShardDataset
    from core.nbv.volume import NeuralBodyVolume
    from core.train.augment import AugmentSettings
    from core.train.contrast import ContrastSettings
    from core.train.export import ExportSettings, export
    from core.train.objective import ObjectiveSettings
    from core.train.ranking import RankingSettings
    from core.train.ranks import find_ranks
    from core.train.reporter import Reporter
    from core.train.trainer import Trainer, TrainSettings

    if options.threads:
        torch.set_num_threads(options.threads)
    settings = TrainSettings(
        preset=options.preset,
        steps=options.steps,
        minutes=options.minutes,
        batch_size=options.batch_size,
        rate=options.rate,
        seed=options.seed,
        bins=options.bins,
        dim=options.dim,
        layout=options.kernels,
        augment=AugmentSettings(patches=options.occlude),
        objective=ObjectiveSettings(
            contrast=ContrastSettings() if options.contrast else ContrastSettings.without(),
            ranking=RankingSettings(weight=options.ranking),
            bfloat16=options.precision != "float32",
            trunk_bfloat16=options.precision == "bfloat16",
        ),
    )
    layouts = Layouts.load(options.layouts) if options.layouts else None
    volume = NeuralBodyVolume.of_layout(options.kernels, load_body())
    shards, held_out = ShardDataset(options.shards), ShardDataset(options.held_out)
    ranks = find_ranks(options.device)
    trainer = Trainer(settings, shards, held_out, volume, options.out, ranks)
    if options.resume or options.export_only:
        trainer.resume()
    if not options.export_only:
        with Reporter() as report:
            trainer.run(report)
    ranks.close()
    if not ranks.first:
        return 0
    path = options.out / f"{options.preset}.safetensors"
    finish = ExportSettings(options.bank_images, options.head_images, layouts)
    figures = export(trainer, path, finish)
    if options.json:
        print_json({"model": path, "steps": trainer.step, "held_out": figures})
    else:
        rows = [f"  {name:12} {value:8.3f}" for name, value in figures.items()]
        print("\n".join([f"{path} after {trainer.step} steps, on held-out samples:", *rows]))
    return 0
