"""What a run will take, told before it begins: its work counted, a few real steps of it timed.

Nothing here is guessed: what was not measured on this machine is called unmeasured.
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
from core.train.distributed import ProcessGroup
from core.train.feature_bank import reestimate
from core.train.run.trainer import Trainer, TrainSettings
from core.train.run.validate import observations, validate

UNMEASURED = "unmeasured"
CROPS = 16
"""A processor is measured on at most so many crops a step: the work grows evenly from there on, the
memory too. PyTorch's faster convolutions begin there where there is one thread."""

_STEPS = 5  # timed, if there is time
_FEW_STEPS, _FEW_MINUTES = 50, 2.0
_LOOKS = 8  # held-out samples that are looked at to time it


@dataclass(frozen=True)
class Measured:
    """Real steps of the run, on this machine.

    Attributes:
        device: a processor with its threads, or a GPU.
        processes: that share the batch.
        crops: images of one measured step, of all processes together.
        step_seconds: for an optimiser step on them, once they are there.
        load_seconds: for a process's thread to prepare its share of them meanwhile.
        bank_seconds: to read one image into a feature bank.
        look_seconds: to validate one image.
        memory_gib: most that was in use, of the GPU or else of this process.
        trained: parameters that learn.
        step_macs: multiply-adds a crop in a step: forward, losses and gradients.
    """

    device: str
    processes: int
    crops: int
    step_seconds: float
    load_seconds: float
    bank_seconds: float
    look_seconds: float
    memory_gib: float
    trained: int
    step_macs: int

    @property
    def on_gpu(self) -> bool:
        """Whether it ran on a GPU."""
        return self.device.startswith("GPU ")

    @property
    def crop_seconds(self) -> float:
        """What a crop adds to a run's length; the slower of learning and preparing decides."""
        return max(self.step_seconds, self.load_seconds) / self.crops


@dataclass(frozen=True)
class Plan:
    """One run before it begins.

    Attributes:
        preset: shape of the network.
        parameters, forward_macs: of the network; multiply-adds of one crop through it.
        people, held_out: samples to train and to validate on; None where they are not known, or
            not seen equally often.
        finish_images: looked at when the run is over, for the feature bank and the head.
        measured: None where no step was taken.
    """

    settings: TrainSettings
    preset: NetworkPreset
    parameters: int
    forward_macs: int
    people: int | None
    held_out: int | None
    finish_images: int
    measured: Measured | None

    @property
    def steps(self) -> int | None:
        """Steps of the run: as asked for, or what fits into the minutes asked for."""
        settings, measured = self.settings, self.measured
        if settings.steps is not None:
            return settings.steps
        if settings.minutes is None or measured is None:
            return None
        step_seconds = measured.step_seconds * settings.batch_size / measured.crops
        return round(60 * settings.minutes / step_seconds)

    @property
    def images(self) -> int | None:
        """Crops that the network learns from, repetitions counted."""
        return None if self.steps is None else self.steps * self.settings.batch_size

    @property
    def epochs(self) -> float | None:
        """How often each person is seen."""
        return None if self.images is None or not self.people else self.images / self.people

    @property
    def macs(self) -> float | None:
        """Multiply-adds of all steps."""
        if self.images is None or self.measured is None:
            return None
        return float(self.images * self.measured.step_macs)

    @property
    def step_seconds(self) -> float | None:
        """Seconds from step to step."""
        if self.measured is None:
            return None
        return self.measured.crop_seconds * self.settings.batch_size

    @property
    def hours(self) -> float | None:
        """Of all steps, on the machine that was measured."""
        if self.images is None or self.measured is None:
            return None
        return self.images * self.measured.crop_seconds / 3600

    @property
    def gpu_hours(self) -> float | None:
        """Hours on one GPU, known where one GPU was measured."""
        measured = self.measured
        alone = measured is not None and measured.on_gpu and measured.processes == 1
        return self.hours if alone else None

    @property
    def validations(self) -> int | None:
        """How often the run looks at held-out people; the last time when it is over."""
        return None if self.steps is None else self.steps // self.settings.validate_every + 1

    @property
    def look_hours(self) -> float | None:
        """Of all validations."""
        measured = self.measured
        if self.validations is None or self.held_out is None or measured is None:
            return None
        bank = self.settings.bank_images * measured.bank_seconds
        return self.validations * (bank + self.held_out * measured.look_seconds) / 3600

    @property
    def finish_hours(self) -> float | None:
        """Of looking at images when the run is over; the head's own training is not in it."""
        if self.measured is None:
            return None
        return self.finish_images * self.measured.bank_seconds / 3600

    def record(self) -> dict[str, object]:
        """Everything by name, for machines; None is unmeasured or unknown."""
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
            "validation_hours": self.look_hours,
            "finish_hours": self.finish_hours,
            "measured": None if measured is None else vars(measured),
        }


def make_plan(
    settings: TrainSettings,
    preset: NetworkPreset,
    people: int | None,
    held_out: int | None,
    finish_images: int,
    measured: Measured | None,
) -> Plan:
    """The plan of a run; the rest as for `Plan`."""
    parameters, macs = count_network(preset)
    return Plan(settings, preset, parameters, macs, people, held_out, finish_images, measured)


def count_network(preset: NetworkPreset) -> tuple[int, int]:
    """Parameters of a preset's network, and multiply-adds of one crop through it."""
    network = PoseNetwork(preset).eval()
    image = torch.zeros(1, 3, preset.image_size, preset.image_size)
    with torch.no_grad(), count_work() as counter:
        network(image)
    return sum(p.numel() for p in network.parameters()), counter.get_total_flops() // 2


def count_work() -> FlopCounterMode:
    """PyTorch's counter of operations, two a multiply-add, with gradients of grouped convolutions.

    Its own formula (2.13) takes the groups for one, and finds a depthwise gradient 32 times as dear
    as it is where there are 32 channels.
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
    """Each gradient of a convolution has the multiplications of the convolution itself.

    PyTorch's arguments in its order; ``rest`` holds, fifth and last, whether the convolution is a
    transposed one and which gradients are wanted (input, weight, bias).
    """
    transposed, wanted = rest[4], rest[-1]
    assert isinstance(wanted, Sequence)
    places = math.prod((input_shape if transposed else grad_shape)[2:])
    forward = 2 * grad_shape[0] * places * math.prod(weight_shape)
    return forward * (bool(wanted[0]) + bool(wanted[1]))


def measured_batch(batch_size: int, group: ProcessGroup) -> int:
    """Crops of a measured step: all of them on GPUs."""
    return batch_size if "cuda" in group.device else min(batch_size, CROPS * group.count)


def stand_ins(folder: Path, size: int, count: int) -> ShardDataset:
    """Procedural people for a run whose shards are not there yet; the same for both its sets."""
    for _ in write_shards(folder, Recipe(seed=0, size=size), count):
        pass
    return ShardDataset(folder)


def is_short(settings: TrainSettings) -> bool:
    """Whether measuring a run beforehand would take a good part of its time."""
    few = settings.steps is not None and settings.steps < _FEW_STEPS
    return few or (settings.minutes is not None and settings.minutes < _FEW_MINUTES)


def measure_run(
    settings: TrainSettings,
    shards: ShardDataset,
    held_out: ShardDataset,
    volume: NeuralBodyVolume,
    group: ProcessGroup,
    budget: float,
    mix: Mix | None = None,
) -> Measured:
    """Measure a trainer made for this alone, see `measure`.

    Raises:
        UserError: the batch does not fit into the GPU's memory.
    """
    settings.progress(0, 0.0)
    fewer = replace(settings, batch_size=measured_batch(settings.batch_size, group))
    with TemporaryDirectory() as folder:
        try:
            trainer = Trainer(fewer, shards, held_out, volume, Path(folder), group)
            trainer.loader = mix.loader(trainer.loader) if mix else trainer.loader
            return measure(trainer, budget)
        except torch.OutOfMemoryError as error:
            raise UserError(
                f"{settings.batch_size} images of {fewer.preset!r} do not fit into the GPU's"
                " memory; choose a smaller --batch-size"
            ) from error
        finally:
            torch.cuda.empty_cache()


def measure(trainer: Trainer, budget: float) -> Measured:
    """Time and count a trainer's first steps, for up to ``budget`` seconds, but a step at least.

    The trainer learns from them: make another one for the run. Arithmetic that PyTorch's counter
    does not know (the ranking's renderer) is not counted. All processes call this together.
    """
    group, on_gpu = trainer.group, "cuda" in trainer.group.device
    share = replace(trainer.loader, index=group.index, count=group.count)
    batch = share.batch(0)
    load = seconds(lambda: share.batch(1))
    if on_gpu:
        torch.cuda.reset_peak_memory_stats(group.device)
    begin = time.perf_counter()
    with count_work() as counter:
        trainer.update(batch)
    times = [group.seconds(time.perf_counter() - begin)]
    while len(times) <= _STEPS and group.seconds(time.perf_counter() - begin) < budget:
        times.append(group.seconds(seconds(lambda: trainer.update(batch))))
    bank, look = _time_looking(trainer)
    return Measured(
        device=_device_name(group),
        processes=group.count,
        crops=trainer.settings.batch_size,
        step_seconds=median(times[1:] or times),
        load_seconds=load,
        bank_seconds=bank,
        look_seconds=look,
        memory_gib=_peak_bytes(group) / 2**30,
        trained=sum(p.numel() for p in trainer.network.parameters() if p.requires_grad),
        step_macs=counter.get_total_flops() // 2 // len(batch.images),
    )


def _device_name(group: ProcessGroup) -> str:
    """Processor and threads, or GPU."""
    if "cuda" in group.device:
        return f"GPU {torch.cuda.get_device_name(group.device)}"
    threads = torch.get_num_threads()
    return f"{processor_name()}, {threads} thread{'s' * (threads > 1)}"


def _peak_bytes(group: ProcessGroup) -> int:
    """Most memory so far: PyTorch's on the GPU, or this process's."""
    if "cuda" in group.device:
        return torch.cuda.max_memory_allocated(group.device)
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _time_looking(trainer: Trainer) -> tuple[float, float]:
    """Seconds to read an image into a bank, and to validate one; each the second time."""
    network, volume, bins = trainer.average.network, trainer.volume, trainer.settings.bins
    count = min(_LOOKS, len(trainer.held_out))

    def fill() -> None:
        reestimate(observations(network, trainer.held_out, volume, bins, count))

    def predict() -> None:
        samples = in_order(trainer.held_out, range(count), device=trainer.group.device)
        validate(network, trainer.bank.snapshot(), volume, samples)

    bank, whole = ([seconds(call) for _ in range(2)][1] / count for call in (fill, predict))
    return bank, whole


def short_lines(plan: Plan) -> list[str]:
    """What a run says first: images, steps, work, and hours on what."""
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
    """The short form, and where the numbers come from."""
    lines, measured = short_lines(plan), plan.measured
    if measured is not None:
        lines += [
            f"measured on {measured.crops} crops a step: {measured.step_seconds:.2f} s to learn"
            f" from them, {measured.load_seconds:.2f} s for a thread to prepare them meanwhile;"
            f" {measured.memory_gib:.1f} GiB {'of the GPU' if measured.on_gpu else 'in use'};"
            f" {measured.trained / 1e6:.1f} M parameters learn"
        ]
    if plan.validations is not None:
        images = f"{plan.settings.bank_images:,} images for the bank and "
        images += f"{plan.held_out:,} held out" if plan.held_out is not None else "those held out"
        lines.append(f"validated {plan.validations:,} times on {images}: {hours(plan.look_hours)}")
    lines.append(
        f"at the end {plan.finish_images:,} images for bank and head: {hours(plan.finish_hours)};"
        f" the head's own training: {UNMEASURED}"
    )
    return lines


def _time_line(plan: Plan) -> str:
    """Hours here, and on a GPU."""
    here = UNMEASURED
    if plan.measured is not None:
        shared = f"{plan.measured.processes} processes, " if plan.measured.processes > 1 else ""
        here = f"{hours(plan.hours)}, {plan.step_seconds:.2f} s a step"
        here += f" ({shared}{plan.measured.device})"
    return f"here: {here}; on one GPU: {hours(plan.gpu_hours)}"


def hours(value: float | None) -> str:
    """A length of time in words."""
    if value is None:
        return UNMEASURED
    return f"{value:,.1f} hours" if value >= 1 else f"{60 * value:.1f} minutes"


def macs(value: float) -> str:
    """Multiply-adds with a unit."""
    return f"{value / 1e9:.2f} G" if value >= 1e7 else f"{value / 1e6:.2f} M"
