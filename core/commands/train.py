"""Train a network, its feature bank and regression head on shards of people.

The command first estimates the cost of the run: images, steps, multiply-adds, hours on this
machine. With --plan it prints the full estimate and stops; a few procedural people replace shards
that do not exist yet.

Stop a run with Ctrl-C at any time and continue it with --resume. Its folder holds the plan and the
options (plan.json), the checkpoint, the curves (losses.csv/.png), the figures on held-out samples
(held_out.csv/.png), and pictures of held-out people and of your photos (gallery/). At the end the
feature bank is estimated again and the model is written to OUT/<preset>.safetensors.
See docs/training.md.

Started by torchrun or SLURM's srun, the processes share every batch and compute the same result as
one process; only the first validates and writes. All processes must be able to read OUT.

Examples:
    nbf synth --out shards --count 20000
    nbf synth --out held-out --count 400 --split test
    nbf synth --bodies bodies.npz --count 100000
    nbf train --shards shards --held-out held-out --out runs/frozen --minutes 90 --bodies bodies.npz
    nbf train --shards shards --held-out held-out --out runs/frozen --minutes 90 --resume
    nbf train ... --validate-every 200 --photos my-photos --tensorboard
    nbf train --preset paper --steps 100000 --shards a --held-out b --out c --plan
    torchrun --nproc-per-node 8 -m core.cli train --preset paper --batch-size 64 --steps 100000 ...
"""

from __future__ import annotations

import json
import math
import sys
from contextlib import closing, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from core.commands._checks import check_range, check_seed
from core.commands._output import print_json
from core.commands._threads import Threads
from core.processes import StopRequest

if TYPE_CHECKING:
    from core.nbv.volume import NeuralBodyVolume
    from core.synth.bodies import Bodies
    from core.synth.shards import ShardDataset
    from core.train.batches.mix_file import Mix
    from core.train.batches.trunk_cache import TrunkCache
    from core.train.distributed import ProcessGroup
    from core.train.run.trainer import Trainer, TrainSettings

BATCH_SIZES = {"frozen": 16, "lite": 16, "paper": 64}
_BUDGET, _PLAN_BUDGET = 10.0, 60.0  # seconds of timing before a run, and for --plan


@dataclass(frozen=True)
class Options:
    """Options of ``nbf train``."""

    shards: Path
    """Folder of shards to train on, as `nbf synth` writes them."""
    held_out: Path
    """Folder of shards to validate on, made with another seed or split."""
    out: Path
    """Folder of the run."""
    preset: Literal["frozen", "lite", "paper"] = "frozen"
    """Network: frozen (256 px, on BlazePose and MoveNet Thunder, which are not trained), lite
    (256 px, starts from BlazePose) or paper (320 px, ResNet-50)."""
    minutes: float | None = None
    """Length of the run in minutes of training (give this or --steps)."""
    steps: int | None = None
    """Length of the run in steps; such a run is repeatable to the bit on one machine."""
    batch_size: int | None = None
    """Images per step, over all processes; by default 16, for paper 64."""
    rate: float = 1e-3
    """Highest learning rate."""
    trunk_rate: float | None = None
    """Learning rate of the trunk over --rate; by default 0.3 for lite, whose trunk is pretrained,
    and 1 for paper. At 0 the trunk is frozen, and a step costs a third less."""
    trunk_cache: Path | None = None
    """Folder for the trunk's outputs, for preset frozen: computed once, read in every epoch. A
    crop needs 0.6 MB. An interrupted run continues, and other runs on these shards use it, too."""
    trunk_copies: int = 2
    """Number of crops of each person in --trunk-cache, each augmented differently."""
    occlude: float = 0.0
    """Probability of an additional occluding patch on an image."""
    bins: int = 4
    """Orientations that a kernel's features distinguish; with 1 they do not depend on the pose."""
    dim: int = 64
    """Dimensions of the features."""
    kernels: Literal["surface", "skeleton"] = "surface"
    """Placement of the kernels: 858 on the body's surface, or 439 on its bones and joints."""
    contrast: bool = True
    """Contrast features with other kernels, orientations and the background; otherwise maximum
    likelihood alone."""
    ranking: float = 0.0
    """Weight of the ranking loss: the true pose must be more likely than perturbed poses."""
    seed: int = 0
    """Seed of all random numbers."""
    threads: Threads = 0
    loader_threads: int = 1
    """Threads that prepare batches; with a GPU use as many as there are cores."""
    bank_images: int = 4000
    """Images from which the feature bank is estimated at the end."""
    head_images: int = 16000
    """Images on which the regression head is tuned at the end; 0 skips the tuning."""
    finish_on: Path | None = None
    """Folder of shards that the run does not train on: at the end, the bank is estimated and the
    head is tuned on these people, on whom the network's estimates are less certain."""
    bodies: Path | None = None
    """Bodies (`nbf synth --bodies`) on which the head's lifter is pre-trained."""
    start: Path | None = None
    """Folder of another run, whose averaged network initialises this one; or a model file."""
    mix: Path | None = None
    """TOML file of data sets to train on besides the shards, in phases (docs/datasets.md)."""
    body: Path | None = None
    """Your neutral SMPL model (.pkl, .npz) for the people of --mix; without it they have no parts,
    no depth and fewer 3D joints."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Device to train on; auto takes a GPU if there is one."""
    precision: Literal["mixed", "bfloat16", "float32"] = "mixed"
    """bfloat16 in the decoder alone (mixed), in decoder and trunk (bfloat16), or not at all."""
    resume: bool = False
    """Continue from the checkpoint in OUT."""
    validate_every: int = 400
    """Steps between validations."""
    photos: Path | None = None
    """Folder of photos; the first 8 by name are drawn at each validation."""
    tensorboard: bool = False
    """Also write curves and pictures to OUT/tensorboard; needs nbf[train]."""
    plan: bool = False
    """Print the estimated cost of the run, and stop."""
    export_only: bool = False
    """Do not train; write the model of the checkpoint in OUT."""
    json: bool = False
    """Print the held-out figures, or the plan, as JSON."""


def run(options: Options) -> int:
    """Plan, train, then export."""
    from core.body.load import load_body
    from core.nbv.volume import NeuralBodyVolume
    from core.nets.presets import find_preset
    from core.synth.bodies import Bodies
    from core.synth.shards import ShardDataset
    from core.train.distributed import find_process_group
    from core.train.run.export import ExportSettings, export
    from core.train.run.trainer import Trainer, check_shards

    settings = _settings(options)
    if not options.plan:
        _check_folder(options)
    volume = NeuralBodyVolume.from_layout(options.kernels, load_body())
    if options.plan:
        return _only_plan(options, settings, volume, find_process_group(options.device))
    bodies = Bodies.load(options.bodies) if options.bodies else None
    shards, held_out = ShardDataset(options.shards), ShardDataset(options.held_out)
    group = find_process_group(options.device)
    crops = _mix(options, shards, volume) or _trunk_cache(options, settings, shards, volume, group)
    others = ShardDataset(options.finish_on) if options.finish_on else None
    if others is not None:
        check_shards(others, find_preset(settings.preset), 1)
    if not (options.resume or options.export_only):
        _plan_first(options, settings, (shards, held_out), volume, group, crops)
    trainer = Trainer(settings, shards, held_out, volume, options.out, group)
    trainer.loader = crops.loader(trainer.loader) if crops else trainer.loader
    _initialise(trainer, options, bodies)
    stop = StopRequest() if options.export_only else _train(trainer, options)
    group.close()
    if stop:
        if group.is_first:
            print(f"nbf: stopped at step {trainer.step}; --resume goes on", file=sys.stderr)
        return stop.exit_code()
    if not group.is_first:
        return 0
    path = options.out / f"{options.preset}.safetensors"
    finish = ExportSettings(options.bank_images, options.head_images, people=others)
    figures = export(trainer, path, finish)
    if options.json:
        print_json({"model": path, "steps": trainer.step, "held_out": figures})
    else:
        rows = [f"  {name:12} {value:8.3f}" for name, value in figures.items()]
        print("\n".join([f"{path} after {trainer.step} steps, on held-out samples:", *rows]))
    return 0


def _initialise(trainer: Trainer, options: Options, bodies: Bodies | None) -> None:
    """Restore the checkpoint, or initialise the network from another run and from bodies."""
    from core.train.heads.lifter import LifterSettings

    if options.resume or options.export_only:
        trainer.resume(same_settings=options.resume)
        return
    if options.start is not None:
        trainer.start_from(options.start)
    if bodies is not None:
        trainer.pretrain_lifter(bodies, LifterSettings())


def _mix(options: Options, shards: ShardDataset, volume: NeuralBodyVolume) -> Mix | None:
    """Open the mix, and print its notes on standard error."""
    from core.errors import UserError
    from core.train.batches.mix_file import open_mix

    if options.mix is None:
        if options.body is not None:
            raise UserError("--body is for the people of --mix; leave it out, or give both")
        return None
    mix = open_mix(options.mix, shards, volume, options.steps, options.body)
    print("\n".join(mix.notes), file=sys.stderr)
    return mix


def _trunk_cache(
    options: Options,
    settings: TrainSettings,
    shards: ShardDataset,
    volume: NeuralBodyVolume,
    group: ProcessGroup,
) -> TrunkCache | None:
    """Open the cache of the trunk's outputs, and compute what is missing."""
    from rich.progress import Progress

    from core.errors import UserError
    from core.train.batches.loader import Loader
    from core.train.batches.trunk_cache import TrunkCache

    folder = options.trunk_cache
    if folder is None:
        return None
    cache = TrunkCache(folder, len(shards), options.trunk_copies, settings.augment)
    if cache.missing and group.world_size > 1:
        raise UserError(
            f"{folder} lacks the outputs of {cache.missing} crops: compute them first, in one "
            "process (--steps 1, with another --out)"
        )
    loader = Loader(shards, volume, settings.batch_size, settings.augment, settings.seed)
    with Progress(disable=options.json) as progress:
        task = progress.add_task("trunk's outputs", total=len(shards) * options.trunk_copies)
        for done in cache.fill(loader, options.precision == "bfloat16"):
            progress.update(task, completed=done)
    return cache


def _settings(options: Options) -> TrainSettings:
    """The settings of the run."""
    from core.errors import UserError
    from core.train.batches.augment import AugmentSettings
    from core.train.losses.contrast import ContrastSettings
    from core.train.losses.objective import ObjectiveSettings
    from core.train.losses.ranking import RankingSettings
    from core.train.run.trainer import TrainSettings

    batch_size = BATCH_SIZES[options.preset] if options.batch_size is None else options.batch_size
    if batch_size < 1 or options.validate_every < 1:
        raise UserError("--batch-size and --validate-every must be at least 1")
    _check_numbers(options)
    _check_trunk(options)
    return TrainSettings(
        preset=options.preset,
        steps=options.steps,
        minutes=options.minutes,
        batch_size=batch_size,
        rate=options.rate,
        trunk_rate=options.trunk_rate,
        trunk_copies=options.trunk_copies if options.trunk_cache else 0,
        seed=options.seed,
        loader_threads=options.loader_threads,
        bins=options.bins,
        dim=options.dim,
        layout=options.kernels,
        validate_every=options.validate_every,
        augment=AugmentSettings(patches=options.occlude),
        objective=ObjectiveSettings(
            contrast=ContrastSettings() if options.contrast else ContrastSettings.without(),
            ranking=RankingSettings(weight=options.ranking),
            bfloat16=options.precision != "float32",
            trunk_bfloat16=options.precision == "bfloat16",
        ),
    )


def _check_numbers(options: Options) -> None:
    """Refuse numbers that make no sense: a run should not find out after hours."""
    for name in ("steps", "bins", "dim", "loader_threads", "trunk_copies"):
        check_range(f"--{name.replace('_', '-')}", getattr(options, name), 1)
    for name in ("ranking", "head_images"):
        check_range(f"--{name.replace('_', '-')}", getattr(options, name), 0)
    check_range("--bank-images", options.bank_images, 1)
    check_range("--minutes", options.minutes, 1e-3)
    check_range("--rate", options.rate, 1e-9, 1.0)
    check_range("--occlude", options.occlude, 0, 1)
    check_seed(options.seed)


def _check_trunk(options: Options) -> None:
    """Refuse options that do not go with the preset's trunk."""
    from core.errors import UserError

    frozen = options.preset == "frozen"
    if options.trunk_rate is not None and not 0 <= options.trunk_rate < math.inf:
        raise UserError("--trunk-rate is a factor of --rate and must be 0 or more")
    if options.trunk_rate and frozen:
        raise UserError("the trunk of preset frozen is not trained; leave --trunk-rate out")
    if options.trunk_cache is not None and not frozen:
        raise UserError("--trunk-cache is for preset frozen: other trunks are trained")
    if options.trunk_cache is not None and options.mix is not None:
        raise UserError("--trunk-cache holds people of --shards alone; leave it out, or --mix")


def _check_folder(options: Options) -> None:
    """Refuse a folder that cannot be written to, and to begin a run in that of another one."""
    from core.errors import UserError
    from core.io.atomic import check_folder
    from core.train.run.checkpoint import LAST, PREVIOUS

    check_folder(options.out)
    if options.resume or options.export_only:
        return
    if any((options.out / name).is_file() for name in (LAST, PREVIOUS)):
        raise UserError(
            f"{options.out} holds a run already: go on with --resume, or choose another --out"
        )


def _train(trainer: Trainer, options: Options) -> StopRequest:
    """Run the trainer with progress report, gallery and TensorBoard logs.

    Returns:
        Whether a signal ended the run before its time; its checkpoint is written then.
    """
    from core.train.run.gallery import Gallery, held_out_people, people_in_photos
    from core.train.run.logs import Logs
    from core.train.run.reporter import Reporter

    if not trainer.group.is_first:
        return trainer.run(lambda *_: None)
    subjects = held_out_people(trainer.held_out)
    if options.photos is not None:
        subjects += people_in_photos(options.photos, trainer.network.preset.image_size)
    gallery = Gallery(subjects, trainer.folder)
    gallery.curves.resume(trainer.step)
    trainer.observers.append(gallery)
    logs = None
    if options.tensorboard:
        logs = Logs(trainer.folder, [trainer.losses, trainer.figures, gallery.curves], trainer.step)
        gallery.callbacks.append(logs.picture)

    def report(step: int, done: float, losses: dict[str, float]) -> None:
        reporter(step, done, losses)
        if logs is not None:
            logs.follow()

    with Reporter() as reporter, closing(logs) if logs is not None else nullcontext():
        return trainer.run(report)


def _plan_first(
    options: Options,
    settings: TrainSettings,
    samples: tuple[ShardDataset, ShardDataset],
    volume: NeuralBodyVolume,
    group: ProcessGroup,
    crops: Mix | TrunkCache | None,
) -> None:
    """Print the plan of the run, and write it to the run's folder with the options."""
    from core.io.atomic import write_atomic
    from core.io.report import installed_versions
    from core.nets.presets import find_preset
    from core.train.run.plan import is_short, make_plan, measure_run, short_lines

    preset = find_preset(settings.preset, settings.dim)
    measured = None
    if not is_short(settings):
        measured = measure_run(settings, *samples, volume, group, _BUDGET, crops)
    if not group.is_first:
        return
    finish = options.bank_images + options.head_images
    people = len(samples[0]) if options.mix is None else None
    plan = make_plan(settings, preset, people, len(samples[1]), finish, measured)
    text = "\n".join(short_lines(plan))
    print(text, file=sys.stderr if options.json else sys.stdout, flush=True)
    record = {
        "options": asdict(options),
        "plan": plan.record(),
        "versions": installed_versions(),
    }
    content = json.dumps(record, indent=2, default=str) + "\n"
    write_atomic(options.out / "plan.json", lambda path: path.write_text(content))


def _only_plan(
    options: Options, settings: TrainSettings, volume: NeuralBodyVolume, group: ProcessGroup
) -> int:
    """Print the full plan; procedural people replace shards that do not exist yet."""
    from tempfile import TemporaryDirectory

    from core.nets.presets import find_preset
    from core.synth.shards import ShardDataset
    from core.train.run.plan import (
        full_lines,
        make_plan,
        measure_run,
        measured_batch,
        placeholder_people,
    )

    preset = find_preset(settings.preset, settings.dim)
    folders = options.shards, options.held_out
    known = [ShardDataset(folder) if folder.exists() else None for folder in folders]
    with TemporaryDirectory() as place:
        count = measured_batch(settings.batch_size, group)
        people = [d or placeholder_people(Path(place), preset.image_size, count) for d in known]
        mix = _mix(options, people[0], volume)
        measured = measure_run(settings, people[0], people[1], volume, group, _PLAN_BUDGET, mix)
    group.close()
    if not group.is_first:
        return 0
    trained, held_out = (None if dataset is None else len(dataset) for dataset in known)
    finish = options.bank_images + options.head_images
    seen = trained if mix is None else None
    plan = make_plan(settings, preset, seen, held_out, finish, measured)
    if options.json:
        print_json(plan.record())
    else:
        print("\n".join(full_lines(plan)))
    return 0
