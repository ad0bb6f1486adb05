"""The training loop: AdamW, cosine schedule, averaged weights, whole checkpoints."""

from __future__ import annotations

import json
import math
import signal
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from core.errors import UserError
from core.io.atomic import check_folder
from core.nbv.features import FeatureBank
from core.nbv.volume import NeuralBodyVolume
from core.nets.blazepose import load_blazepose
from core.nets.network import PoseNetwork
from core.nets.presets import NetworkPreset, find_preset
from core.processes import StopRequest, stop_on_signals
from core.synth.bodies import Bodies
from core.synth.shards import ShardDataset
from core.train.batches.augment import AugmentSettings
from core.train.batches.batch import Batch
from core.train.batches.loader import Loader, in_order
from core.train.descent import warmup_cosine
from core.train.distributed import SINGLE_PROCESS, ProcessGroup
from core.train.feature_bank import MomentumBank, estimate_bank
from core.train.heads.lifter import LifterSettings, train_lifter
from core.train.losses.objective import Objective, ObjectiveSettings
from core.train.run.batchnorm import share_batchnorm
from core.train.run.checkpoint import load_checkpoint, save_checkpoint
from core.train.run.curves import Curves
from core.train.run.ema import WeightAverage
from core.train.run.initial import Given, publish_trunk, transfer, weights_of_file
from core.train.run.validate import observations, validate

Report = Callable[[int, float, dict[str, float]], None]
"""Called with (step, progress 0..1, smoothed losses)."""
Observer = Callable[[int, PoseNetwork, FeatureBank], None]
"""Called after a validation with (step, averaged network, its bank)."""

PRETRAINED_TRUNK_RATE = 0.3
"""Learning rate of a pretrained trunk over that of the rest (docs/decisions.md)."""
_STATE = {"settings", "network", "average", "bank", "optimizer", "step", "seconds"}
_MAY_CHANGE = {
    *("steps", "minutes", "validate_every", "save_every", "bank_images", "loader_threads"),
    "trunk_copies",
}
"""Settings that a resumed run may have anew: its length, how it is watched, and copies of crops."""
_SPARE_BYTES = 1 << 24  # of a checkpoint: names, settings and the archive's own tables


@dataclass(frozen=True)
class TrainSettings:
    """All settings of a run.

    Attributes:
        steps, minutes: length of the run; give one. A run of ``steps`` is repeatable, ``minutes``
            are minutes of training without validation.
        bins, dim, layout: the paper's ablations: orientations of a kernel, dimensions of the
            features, placement of the kernels.
        rate: highest learning rate.
        trunk_rate: learning rate of the trunk over ``rate``. None is `PRETRAINED_TRUNK_RATE` for
            BlazePose, which is pretrained, and 1 for a trunk with random weights. At 0 the trunk
            is frozen and a step costs a third less.
        trunk_copies: augmented crops of each person in a cache of the trunk's outputs; 0: no cache.
        frozen_blocks: number of BlazePose's first blocks that are never trained. The default ends
            with the first block at stride 8: generic edges and textures.
        warmup: number of steps over which the rate rises.
        clip: largest norm of the gradient.
        decay: of the exponential moving average of the weights.
        bank_images: images from which each validation estimates a feature bank.
    """

    preset: str = "lite"
    steps: int | None = None
    minutes: float | None = None
    batch_size: int = 16
    bins: int = 4
    dim: int = 64
    layout: Literal["surface", "skeleton"] = "surface"
    rate: float = 1e-3
    trunk_rate: float | None = None
    trunk_copies: int = 0
    frozen_blocks: int = 5
    weight_decay: float = 1e-4
    warmup: int = 100
    clip: float = 100.0
    decay: float = 0.998
    seed: int = 0
    validate_every: int = 400
    save_every: int = 200
    bank_images: int = 400
    loader_threads: int = 1
    augment: AugmentSettings = field(default_factory=AugmentSettings)
    objective: ObjectiveSettings = field(default_factory=ObjectiveSettings)

    @property
    def relative_trunk_rate(self) -> float:
        """Learning rate of the trunk over that of the rest."""
        trunk = find_preset(self.preset).trunk
        if trunk == "detectors":
            return 0.0
        if self.trunk_rate is not None:
            return self.trunk_rate
        return PRETRAINED_TRUNK_RATE if trunk == "blazepose" else 1.0

    def progress(self, step: int, seconds: float) -> float:
        """Share of the run that is done, 0 to 1.

        Raises:
            UserError: neither steps nor minutes are given.
        """
        if self.steps is not None:
            return min(1.0, step / self.steps)
        if self.minutes is not None:
            return min(1.0, seconds / (60 * self.minutes))
        raise UserError("say how long to train: --minutes M or --steps N")

    def rate_factor(self, step: int, seconds: float) -> float:
        """Learning rate of a step over the highest one."""
        return warmup_cosine(step, self.warmup, math.pi * self.progress(step, seconds))


class Trainer:
    """One run in one folder: checkpoints, ``losses.csv``/``.png``, ``held_out.csv``/``.png``.

    Args:
        held_out: validation samples, which must not be among ``shards``.
        volume: body volume, on the CPU.
        group: the processes that train together; ``settings.batch_size`` is their total, and only
            the first process validates and writes.

    Raises:
        UserError: the shards do not fit the network, or the batch does not fit the processes.
    """

    def __init__(
        self,
        settings: TrainSettings,
        shards: ShardDataset,
        held_out: ShardDataset,
        volume: NeuralBodyVolume,
        folder: Path,
        group: ProcessGroup = SINGLE_PROCESS,
    ) -> None:
        preset = find_preset(settings.preset, settings.dim)
        check_shards(shards, preset, settings.batch_size)
        check_shards(held_out, preset, 1)
        if settings.batch_size % group.world_size:
            raise UserError(
                f"a batch of {settings.batch_size} cannot be shared equally by {group.world_size}"
                " processes; choose another --batch-size"
            )
        self.settings, self.shards, self.held_out = settings, shards, held_out
        self.folder, self.group = folder, group
        torch.manual_seed(settings.seed)
        loader = Loader(
            *(shards, volume, settings.batch_size, settings.augment, settings.seed),
            threads=settings.loader_threads,
        )
        self.network = PoseNetwork(preset)
        publish_trunk(self.network, settings.relative_trunk_rate, settings.frozen_blocks, loader)
        self.network.to(group.device)
        self.loader = replace(loader, device=group.device)
        self.volume = volume = volume.to(volume.means.to(group.device))
        self.bank = MomentumBank(volume.kernels, settings.bins, preset.feature_dim)
        self.bank.to(group.device)
        group.broadcast_weights(self.network)
        self.average = WeightAverage(self.network, settings.decay)
        share_batchnorm(self.network, group)
        self.optimizer = build_optimizer(self.network, settings)
        distilled = preset.trunk == "blazepose" and settings.objective.regression.heatmaps > 0
        teacher = load_blazepose().to(group.device) if distilled else None
        self.objective = Objective(volume, self.bank, settings.objective, teacher, group)
        self.step, self.seconds = 0, 0.0
        self.losses, self.figures = Curves(folder, "losses"), Curves(folder, "held_out")
        self.observers: list[Observer] = []

    def run(self, report: Report) -> StopRequest:
        """Train to the end of the run; an interrupted run can be resumed.

        Returns:
            True if SIGINT or SIGTERM stopped it: the checkpoint of the last step is written then.

        Raises:
            UserError: the folder cannot be written to, or has no room for three checkpoints (the
                last two, and one that is being written).
        """
        if self.group.is_first:
            check_folder(self.folder, 3 * self._checkpoint_bytes())
        with stop_on_signals() as stop:
            self._take_steps(report, stop)
        if self.group.is_first:
            if not stop and self.figures.last != self.step:
                self.validate()
            self.save()
        return stop

    def _take_steps(self, report: Report, stop: StopRequest) -> None:
        """Steps to the end of the run, or to the first after a signal."""
        smooth: dict[str, float] = {}
        share = replace(self.loader, rank=self.group.rank, world_size=self.group.world_size)
        for batch in share.batches(self.step):
            if self.settings.progress(self.step, self.seconds) >= 1 or self._stops(stop):
                break
            started = time.monotonic()
            losses = self.update(batch)
            self.seconds += self.group.broadcast_seconds(time.monotonic() - started)
            if not self.group.is_first:
                continue
            for name, value in losses.items():
                smooth[name] = 0.95 * smooth.get(name, value) + 0.05 * value
            if self.step == 1 or self.step % 10 == 0:
                self.losses.add(self.step, losses)
            report(self.step, self.settings.progress(self.step, self.seconds), smooth)
            if self.step % self.settings.validate_every == 0:
                self.validate()
            if self.step % self.settings.save_every == 0:
                self.save()

    def _stops(self, stop: StopRequest) -> bool:
        """Whether any process was asked to stop: all of them take the same number of steps."""
        if self.group.world_size == 1:
            return bool(stop)
        asked = self.group.total(torch.tensor(float(stop.signal), device=self.group.device))
        if asked and not stop:
            stop.signal = signal.SIGTERM
        return bool(stop)

    def update(self, batch: Batch) -> dict[str, float]:
        """One optimiser step on a batch, or on this process's share of it.

        Returns:
            The losses before the step, the gradient's norm and the relative learning rate.

        Raises:
            FloatingPointError: the gradient is not finite.
        """
        self.network.train()
        if not self.settings.relative_trunk_rate:
            self.network.trunk.eval()
        factor = self.settings.rate_factor(self.step, self.seconds)
        for group in self.optimizer.param_groups:
            group["lr"] = factor * group["base_rate"]
        generator = torch.Generator().manual_seed(self.settings.seed + self.step)
        losses = self.objective(self.network, batch, generator)
        total: Tensor = torch.stack(list(losses.values())).sum()
        self.optimizer.zero_grad()
        total.backward()
        self.group.sum_gradients(self.network.parameters())
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.clip)
        if not torch.isfinite(norm):
            raise FloatingPointError(f"the gradient is not finite at step {self.step}")
        self.optimizer.step()
        self.step += 1
        self.average.update(self.network, self.step)
        values = self.group.total(torch.stack(list(losses.values())).detach()).tolist()
        named = dict(zip(losses, values, strict=True))
        return {**named, "gradient": float(norm), "rate": factor}

    def validate(self) -> dict[str, float]:
        """Validate the averaged network on the held-out samples, and call the observers.

        A bank is estimated for it: the momentum bank belongs to the network that is trained.
        """
        network, bins = self.average.network, self.settings.bins
        observed = observations(network, self.shards, self.volume, bins, self.settings.bank_images)
        held_out = in_order(self.held_out, device=self.group.device)
        bank = estimate_bank(observed)
        figures = validate(network, bank, self.volume, held_out)
        self.figures.add(self.step, figures)
        self.figures.save()
        for observe in self.observers:
            observe(self.step, network, bank)
        return figures

    def save(self) -> None:
        """Write the checkpoint and the curves."""
        state = {
            "settings": json.dumps(asdict(self.settings)),
            "network": self.network.state_dict(),
            "average": self.average.network.state_dict(),
            "bank": self.bank.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
        }
        # curves first: on resuming, rows after the checkpoint are cut, but none can be added
        self.losses.save()
        save_checkpoint(self.folder, state)

    def resume(self, same_settings: bool = True) -> None:
        """Restore the folder's last intact checkpoint.

        Args:
            same_settings: refuse a run whose settings differ in more than its length and in how it
                is watched.

        Raises:
            UserError: there is none, or it is of another network or of other settings.
        """
        path, state = load_checkpoint(self.folder, _STATE, self._max_bytes())
        if same_settings:
            self._check_settings(path, state["settings"])
        try:
            self.network.load_state_dict(state["network"])
            self.average.network.load_state_dict(state["average"])
            self.bank.load_state_dict(state["bank"])
            self.optimizer.load_state_dict(state["optimizer"])
        except (RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{path} is of another network: {error}") from error
        self.step, self.seconds = state["step"], state["seconds"]
        self.losses.resume(self.step)
        self.figures.resume(self.step)

    def _check_settings(self, path: Path, recorded: object) -> None:
        """Refuse to go on with other settings than those that the checkpoint was trained with."""
        try:
            then = json.loads(recorded) if isinstance(recorded, str) else {}
        except ValueError:
            then = {}
        now = json.loads(json.dumps(asdict(self.settings)))
        for name, value in now.items():
            if name in then and name not in _MAY_CHANGE and then[name] != value:
                raise UserError(
                    f"{path} was trained with {name} {_shown(then[name], value)}, not "
                    f"{_shown(value, then[name])}; give the same, or start another run"
                )

    def start_from(self, source: Path) -> list[str]:
        """Initialise with another network: a run's averaged one, or that of a model file.

        A frozen trunk keeps its weights; see `core.train.run.initial.transfer` for the rest.

        Returns:
            Names of the parameters that the other network does not have.

        Raises:
            UserError: ``source`` is neither, or the networks have no decoder layer in common.
        """
        given = self._file_weights(source) if source.is_file() else self._run_weights(source)
        own = self.network.state_dict()
        if not self.settings.relative_trunk_rate:
            own = {name: value for name, value in own.items() if not name.startswith("trunk.")}
        shared = transfer(own, given.network)
        if not any(name.startswith("decoder.") for name in shared):
            raise UserError(f"{given.path} is of another network")
        self.network.load_state_dict(shared, strict=False)
        self.average.network.load_state_dict(shared, strict=False)
        bank = self.bank.state_dict()
        if all(bank[name].shape == value.shape for name, value in given.bank.items()):
            self.bank.load_state_dict(given.bank, strict=False)
        return sorted(own.keys() - shared.keys())

    def _run_weights(self, folder: Path) -> Given:
        if not any(folder.glob("checkpoint*.pt")):
            raise UserError(f"no run in {folder} to start from: it holds no checkpoint")
        path, state = load_checkpoint(folder, _STATE, self._max_bytes())
        return Given(path, state["average"], state["bank"])

    def _file_weights(self, path: Path) -> Given:
        images = (self.loader.batch(step).images for step in range(4))
        return weights_of_file(path, self.network, images)

    def pretrain_lifter(self, bodies: Bodies, settings: LifterSettings) -> None:
        """Train the head's lifter on bodies without images, and zero the head's corrections."""
        head = self.network.regressor
        train_lifter(head.lifter.cpu(), bodies, self.loader.volume, settings)
        head.zero_corrections()
        self.network.to(self.group.device)
        self.average.network.regressor.load_state_dict(head.state_dict())

    def _max_bytes(self) -> int:
        """Upper limit of a checkpoint's size."""
        return 2 * self._checkpoint_bytes() + _SPARE_BYTES

    def _checkpoint_bytes(self) -> int:
        """About the size of a checkpoint: the weights, their averages and Adam's moments."""
        states = (self.network.state_dict(), self.bank.state_dict())
        tensors = [tensor for state in states for tensor in state.values()]
        return 4 * sum(t.numel() * t.element_size() for t in tensors)


def _shown(value: object, other: object) -> str:
    """A setting; of a group of settings those that differ from another's."""
    if isinstance(value, dict) and isinstance(other, dict):
        return ", ".join(
            f"{k} {_shown(v, other.get(k))}" for k, v in value.items() if v != other.get(k)
        )
    return str(value)


def check_shards(shards: ShardDataset, preset: NetworkPreset, fewest: int) -> None:
    """Check the crop size against the network's, and the number of samples.

    Raises:
        UserError: the size differs, or there are fewer than ``fewest`` samples.
    """
    size = shards[0].image.shape[0]
    if size != preset.image_size:
        raise UserError(
            f"the shards hold {size} px crops, preset {preset.name!r} needs {preset.image_size} px;"
            f" make them with: nbf synth --size {preset.image_size}"
        )
    if len(shards) < fewest:
        raise UserError(f"{len(shards)} samples do not fill one batch of {fewest}")


def build_optimizer(network: PoseNetwork, settings: TrainSettings) -> torch.optim.AdamW:
    """AdamW with a separate rate for the trunk, and no weight decay of biases and norms."""
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            kind = (name.startswith("trunk."), parameter.ndim > 1)
            groups.setdefault(kind, []).append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "base_rate": settings.rate * (settings.relative_trunk_rate if trunk else 1.0),
                "weight_decay": settings.weight_decay if decays else 0.0,
            }
            for (trunk, decays), parameters in groups.items()
        ],
        lr=settings.rate,
    )
