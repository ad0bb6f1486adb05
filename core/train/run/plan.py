"""Cost of a run, estimated before it begins: operations are counted, and a few steps are timed.

Nothing is extrapolated to other hardware: what was not measured on this machine is "unmeasured".
"""

from __future__ import annotations

import math
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import torch
from torch.utils.flop_counter import FlopCounterMode

from core.bench.machine import processor_name, seconds
from core.errors import UserError
from core.nbv.volume import NeuralBodyVolume
from core.nets.network import PoseNetwork
from core.nets.presets import NetworkPreset
from core.synth.shards import Recipe, ShardDataset, write_shards
from core.train.batches.loader import in_order
from core.train.batches.mix_file import Mix
from core.train.batches.trunk_cache import TrunkCache
from core.train.distributed import ProcessGroup
from core.train.feature_bank import estimate_bank
from core.train.run.trainer import Trainer, TrainSettings
from core.train.run.validate import observations, validate

UNMEASURED = "unmeasured"
CROPS = 16
"""Largest number of crops of a measured step on a CPU. Time and memory grow linearly from there on:
with one thread PyTorch uses its faster convolutions for batches of 16 and more."""

_STEPS = 5  # number of timed steps, if the budget allows
_FEW_STEPS, _FEW_MINUTES = 50, 2.0  # shorter runs are not measured beforehand
_TIMED_SAMPLES = 8  # held-out samples on which validation is timed


@dataclass(frozen=True)
class Measurement:
    """Timings of a few steps of the run on this machine.

    Attributes:
        device: name of the CPU with its threads, or of the GPU.
        processes: number of processes that share the batch.
        crops: images of one measured step, over all processes.
        step_seconds: time of an optimiser step on loaded crops.
        load_seconds: time in which one loader thread prepares a process's share of them.
        bank_seconds: time per image of estimating a feature bank.
        validation_seconds: time per image of a validation.
        memory_gib: peak memory of the GPU, or of this process on a CPU.
        trained: number of trained parameters.
        step_macs: multiply-adds per crop of a step: forward, losses and gradients.
    """

    device: str
    processes: int
    crops: int
    step_seconds: float
    load_seconds: float
    bank_seconds: float
    validation_seconds: float
    memory_gib: float
    trained: int
    step_macs: int

    @property
    def on_gpu(self) -> bool:
        """Whether the steps ran on a GPU."""
        return self.device.startswith("GPU ")

    @property
    def crop_seconds(self) -> float:
        """Time per crop: loading runs in parallel with training, so the slower one counts."""
        return max(self.step_seconds, self.load_seconds) / self.crops


@dataclass(frozen=True)
class Plan:
    """Estimated cost of a run.

    Attributes:
        preset: shape of the network.
        parameters: number of the network's parameters.
        forward_macs: multiply-adds of one crop in a forward pass.
        people, held_out: number of training and of held-out samples; None if unknown, or if
            people are not seen equally often.
        finish_images: images that the feature bank and the head tuning read after the run.
        measured: None if no step was timed.
    """

    settings: TrainSettings
    preset: NetworkPreset
    parameters: int
    forward_macs: int
    people: int | None
    held_out: int | None
    finish_images: int
    measured: Measurement | None

    @property
    def steps(self) -> int | None:
        """Steps of the run: as requested, or as many as fit into the requested minutes."""
        settings, measured = self.settings, self.measured
        if settings.steps is not None:
            return settings.steps
        if settings.minutes is None or measured is None:
            return None
        step_seconds = measured.step_seconds * settings.batch_size / measured.crops
        return round(60 * settings.minutes / step_seconds)

    @property
    def images(self) -> int | None:
        """Number of training crops, counting repetitions."""
        return None if self.steps is None else self.steps * self.settings.batch_size

    @property
    def epochs(self) -> float | None:
        """Number of times each person is seen."""
        return None if self.images is None or not self.people else self.images / self.people

    @property
    def macs(self) -> float | None:
        """Multiply-adds of all steps."""
        if self.images is None or self.measured is None:
            return None
        return float(self.images * self.measured.step_macs)

    @property
    def step_seconds(self) -> float | None:
        """Time of a step in seconds, including loading."""
        if self.measured is None:
            return None
        return self.measured.crop_seconds * self.settings.batch_size

    @property
    def hours(self) -> float | None:
        """Time of all steps in hours, on the measured machine."""
        if self.images is None or self.measured is None:
            return None
        return self.images * self.measured.crop_seconds / 3600

    @property
    def gpu_hours(self) -> float | None:
        """Time of all steps in hours on one GPU; None unless one GPU was measured."""
        measured = self.measured
        alone = measured is not None and measured.on_gpu and measured.processes == 1
        return self.hours if alone else None

    @property
    def validations(self) -> int | None:
        """Number of validations, including the one at the end."""
        return None if self.steps is None else self.steps // self.settings.validate_every + 1

    @property
    def validation_hours(self) -> float | None:
        """Time of all validations in hours."""
        measured = self.measured
        if self.validations is None or self.held_out is None or measured is None:
            return None
        bank = self.settings.bank_images * measured.bank_seconds
        return self.validations * (bank + self.held_out * measured.validation_seconds) / 3600

    @property
    def finish_hours(self) -> float | None:
        """Time in hours of reading the last images; the head's optimiser steps are not included."""
        if self.measured is None:
            return None
        return self.finish_images * self.measured.bank_seconds / 3600

    def record(self) -> dict[str, object]:
        """All values by name, for JSON; None is unmeasured or unknown."""
        settings, measured = self.settings, self.measured
        return {
            "preset": self.preset.name,
            "image_size": self.preset.image_size,
            "batch_size": settings.batch_size,
            "steps": self.steps,
            "minutes": settings.minutes,
            "images": self.images,
            "epochs": self.epochs,
            "people": self.people,
            "held_out": self.held_out,
            "parameters": self.parameters,
            "forward_macs_per_crop": self.forward_macs,
            "macs": self.macs,
            "step_seconds": self.step_seconds,
            "hours": self.hours,
            "gpu_hours": self.gpu_hours,
            "validations": self.validations,
            "validation_hours": self.validation_hours,
            "finish_hours": self.finish_hours,
            "measured": None if measured is None else vars(measured),
        }


def make_plan(
    settings: TrainSettings,
    preset: NetworkPreset,
    people: int | None,
    held_out: int | None,
    finish_images: int,
    measured: Measurement | None,
) -> Plan:
    """The plan of a run; the arguments are attributes of `Plan`."""
    parameters, macs = count_network(preset)
    return Plan(settings, preset, parameters, macs, people, held_out, finish_images, measured)


def count_network(preset: NetworkPreset) -> tuple[int, int]:
    """Number of parameters of a preset's network, and multiply-adds of one forward pass."""
    network = PoseNetwork(preset).eval()
    image = torch.zeros(1, 3, preset.image_size, preset.image_size)
    with torch.no_grad(), count_work() as counter:
        network(image)
    return sum(p.numel() for p in network.parameters()), counter.get_total_flops() // 2


def count_work() -> FlopCounterMode:
    """PyTorch's operation counter (two a multiply-add), corrected for grouped convolutions.

    PyTorch 2.13 counts the gradients of a convolution as if it had one group: those of a depthwise
    convolution with 32 channels count 32 times too much.
    """
    mapping = {torch.ops.aten.convolution_backward: _count_gradients}
    return FlopCounterMode(display=False, custom_mapping=mapping)


def _count_gradients(
    grad_shape: Sequence[int],
    input_shape: Sequence[int],
    weight_shape: Sequence[int],
    *rest: object,
    **_: object,
) -> int:
    """Operations of a convolution's gradients: each has as many as the convolution itself.

    The arguments are those of ``aten.convolution_backward``; ``rest[4]`` is ``transposed``, and
    ``rest[-1]`` the output mask (input, weight, bias).
    """
    transposed, wanted = rest[4], rest[-1]
    assert isinstance(wanted, Sequence)
    places = math.prod((input_shape if transposed else grad_shape)[2:])
    forward = 2 * grad_shape[0] * places * math.prod(weight_shape)
    return forward * (bool(wanted[0]) + bool(wanted[1]))


def measured_batch(batch_size: int, group: ProcessGroup) -> int:
    """Crops of a measured step: the whole batch on GPUs, at most `CROPS` a process on CPUs."""
    return batch_size if "cuda" in group.device else min(batch_size, CROPS * group.world_size)


def placeholder_people(folder: Path, size: int, count: int) -> ShardDataset:
    """Write procedural people for planning a run whose shards do not exist yet."""
    for _ in write_shards(folder, Recipe(seed=0, size=size), count):
        pass
    return ShardDataset(folder)


def is_short(settings: TrainSettings) -> bool:
    """Whether a run is so short that measuring it beforehand is not worth the time."""
    few = settings.steps is not None and settings.steps < _FEW_STEPS
    return few or (settings.minutes is not None and settings.minutes < _FEW_MINUTES)


def measure_run(
    settings: TrainSettings,
    shards: ShardDataset,
    held_out: ShardDataset,
    volume: NeuralBodyVolume,
    group: ProcessGroup,
    budget: float,
    crops: Mix | TrunkCache | None = None,
) -> Measurement:
    """Measure a temporary trainer, see `measure`; the run itself is not affected.

    Args:
        budget: seconds.
        crops: of the run, if they are not those of its shards alone.

    Raises:
        UserError: the batch does not fit into the GPU's memory, or the run has no length.
    """
    settings.progress(0, 0.0)
    fewer = replace(settings, batch_size=measured_batch(settings.batch_size, group))
    with TemporaryDirectory() as folder:
        try:
            trainer = Trainer(fewer, shards, held_out, volume, Path(folder), group)
            trainer.loader = crops.loader(trainer.loader) if crops else trainer.loader
            return measure(trainer, budget)
        except torch.OutOfMemoryError as error:
            raise UserError(
                f"{settings.batch_size} images of {fewer.preset!r} do not fit into the GPU's"
                " memory; choose a smaller --batch-size"
            ) from error
        finally:
            torch.cuda.empty_cache()


def measure(trainer: Trainer, budget: float) -> Measurement:
    """Time and count a trainer's first steps: at least one, no new one after ``budget`` seconds.

    The steps change the trainer, so the run needs another one. Operations that PyTorch's counter
    does not know (the ranking loss's renderer) are not counted. All processes call this together.
    """
    group, on_gpu = trainer.group, "cuda" in trainer.group.device
    share = replace(trainer.loader, rank=group.rank, world_size=group.world_size)
    batch = share.batch(0)
    load = seconds(lambda: share.batch(1))
    if on_gpu:
        torch.cuda.reset_peak_memory_stats(group.device)
    begin = time.perf_counter()
    with count_work() as counter:
        trainer.update(batch)
    times = [group.broadcast_seconds(time.perf_counter() - begin)]
    while len(times) <= _STEPS and group.broadcast_seconds(time.perf_counter() - begin) < budget:
        times.append(group.broadcast_seconds(seconds(lambda: trainer.update(batch))))
    bank, validation = _time_validation(trainer)
    return Measurement(
        device=_device_name(group),
        processes=group.world_size,
        crops=trainer.settings.batch_size,
        step_seconds=median(times[1:] or times),
        load_seconds=load,
        bank_seconds=bank,
        validation_seconds=validation,
        memory_gib=_peak_bytes(group) / 2**30,
        trained=sum(p.numel() for p in trainer.network.parameters() if p.requires_grad),
        step_macs=counter.get_total_flops() // 2 // len(batch.images),
    )


def _device_name(group: ProcessGroup) -> str:
    """Name of the GPU, or of the CPU with its threads."""
    if "cuda" in group.device:
        return f"GPU {torch.cuda.get_device_name(group.device)}"
    threads = torch.get_num_threads()
    return f"{processor_name()}, {threads} thread{'s' * (threads > 1)}"


def _peak_bytes(group: ProcessGroup) -> int:
    """Peak memory so far: PyTorch's on the GPU, or this process's."""
    if "cuda" in group.device:
        return torch.cuda.max_memory_allocated(group.device)
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _time_validation(trainer: Trainer) -> tuple[float, float]:
    """Seconds per image of bank estimation and of validation; the second run of each counts."""
    network, volume, bins = trainer.average.network, trainer.volume, trainer.settings.bins
    count = min(_TIMED_SAMPLES, len(trainer.held_out))

    def fill() -> None:
        estimate_bank(observations(network, trainer.held_out, volume, bins, count))

    def predict() -> None:
        samples = in_order(trainer.held_out, range(count), device=trainer.group.device)
        validate(network, trainer.bank.snapshot(), volume, samples)

    bank, validation = ([seconds(call) for _ in range(2)][1] / count for call in (fill, predict))
    return bank, validation


def short_lines(plan: Plan) -> list[str]:
    """Short description: steps and images, operations, and time."""
    steps, batch = plan.steps, plan.settings.batch_size
    size = plan.preset.image_size
    count = f"{steps:,} steps" if steps is not None else f"{plan.settings.minutes:g} minutes"
    images = f" = {plan.images:,} crops of {size} px" if plan.images is not None else ""
    seen = f", each of {plan.people:,} people {plan.epochs:.2g} times" if plan.epochs else ""
    network = f"{plan.parameters / 1e6:.1f} M parameters"
    work = f"{network}, {macs(plan.forward_macs)} multiply-adds a crop"
    if plan.measured is not None:
        work += f", {macs(plan.measured.step_macs)} in a training step"
        work += f"; {plan.macs:.2g} in all" if plan.macs is not None else ""
    return [
        f"preset {plan.preset.name}: {count} of {batch} images{images}{seen}",
        work,
        _time_line(plan),
    ]


def full_lines(plan: Plan) -> list[str]:
    """The short description with the measurements, the validations and the last stages."""
    lines, measured = short_lines(plan), plan.measured
    if measured is not None:
        lines += [
            f"measured on {measured.crops} crops a step: {measured.step_seconds:.2f} s to train,"
            f" {measured.load_seconds:.2f} s for a thread to prepare them in parallel;"
            f" {measured.memory_gib:.1f} GiB {'of the GPU' if measured.on_gpu else 'in use'};"
            f" {measured.trained / 1e6:.1f} M trained parameters"
        ]
    if plan.validations is not None:
        images = f"{plan.settings.bank_images:,} images for the bank and "
        images += f"{plan.held_out:,} held out" if plan.held_out is not None else "those held out"
        time_needed = hours(plan.validation_hours)
        lines.append(f"validated {plan.validations:,} times on {images}: {time_needed}")
    lines.append(
        f"at the end {plan.finish_images:,} images for bank and head: {hours(plan.finish_hours)};"
        f" training of the head: {UNMEASURED}"
    )
    return lines


def _time_line(plan: Plan) -> str:
    """Time on this machine and on one GPU."""
    here = UNMEASURED
    if plan.measured is not None:
        shared = f"{plan.measured.processes} processes, " if plan.measured.processes > 1 else ""
        here = f"{hours(plan.hours)}, {plan.step_seconds:.2f} s a step"
        here += f" ({shared}{plan.measured.device})"
    return f"here: {here}; on one GPU: {hours(plan.gpu_hours)}"


def hours(value: float | None) -> str:
    """A duration with its unit."""
    if value is None:
        return UNMEASURED
    return f"{value:,.1f} hours" if value >= 1 else f"{60 * value:.1f} minutes"


def macs(value: float) -> str:
    """Multiply-adds with a unit."""
    return f"{value / 1e9:.2f} G" if value >= 1e7 else f"{value / 1e6:.2f} M"
