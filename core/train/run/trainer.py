"""The training loop: AdamW, cosine schedule, averaged weights, whole checkpoints."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from core.errors import UserError
from core.nbv.features import FeatureBank
from core.nbv.volume import NeuralBodyVolume
from core.nets.blazepose import BlazePose, load_blazepose
from core.nets.blocks import add_batchnorm, fold_batchnorm
from core.nets.network import BlazePoseTrunk, PoseNetwork
from core.nets.presets import NetworkPreset, find_preset
from core.synth.bodies import Bodies
from core.synth.shards import ShardDataset
from core.train.batches.augment import AugmentSettings
from core.train.batches.batch import Batch
from core.train.batches.loader import Loader, in_order
from core.train.distributed import ALONE, ProcessGroup
from core.train.feature_bank import MomentumBank, reestimate
from core.train.heads.lifter import LifterSettings, train_lifter
from core.train.losses.objective import Objective, ObjectiveSettings
from core.train.run.batchnorm import share_batchnorm
from core.train.run.checkpoint import load_checkpoint, save_checkpoint
from core.train.run.curves import Curves
from core.train.run.ema import WeightAverage
from core.train.run.validate import observations, validate

Report = Callable[[int, float, dict[str, float]], None]
"""Called with (step, progress 0..1, smoothed losses)."""
Observer = Callable[[int, PoseNetwork, FeatureBank], None]
"""Called after a validation with (step, averaged network, its bank)."""

GENTLE = 0.3
"""Learning rate of a trunk that has learnt before, over that of the rest."""
_STATE = {"settings", "network", "average", "bank", "optimizer", "step", "seconds"}
_SPARE_BYTES = 1 << 24  # names, settings and the archive's own tables


@dataclass(frozen=True)
class TrainSettings:
    """Everything that decides a run. Give ``steps`` (repeatable) or ``minutes`` (of training).

    ``bins``, ``dim`` and ``layout`` are the paper's ablations: orientations a kernel tells apart,
    dimensions of the features, where kernels sit. ``trunk_rate`` scales the learning rate of the
    trunk; None is `GENTLE` for BlazePose, which knows real people already, and 1 for one that knows
    nothing. At 0 the trunk stays as it is, and a step costs a third less. ``frozen_blocks`` of
    BlazePose's first blocks (the default: up to the first at stride 8, generic edges and textures)
    never learn.
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
    def trunk_share(self) -> float:
        """Learning rate of the trunk over that of the rest."""
        if self.trunk_rate is not None:
            return self.trunk_rate
        return GENTLE if find_preset(self.preset).trunk == "blazepose" else 1.0

    def progress(self, step: int, seconds: float) -> float:
        """Share of the run that is done."""
        if self.steps is not None:
            return min(1.0, step / self.steps)
        if self.minutes is not None:
            return min(1.0, seconds / (60 * self.minutes))
        raise UserError("say how long to train: --minutes M or --steps N")

    def rate_factor(self, step: int, seconds: float) -> float:
        """Linear warm-up, then half a cosine to zero."""
        cosine = 0.5 * (1 + math.cos(math.pi * self.progress(step, seconds)))
        return min(1.0, (step + 1) / self.warmup) * cosine


class Trainer:
    """One run in one folder: checkpoints, ``losses.csv``/``.png``, ``held_out.csv``/``.png``.

    Args:
        held_out: samples to validate on, which must not be among ``shards``.
        volume: on the CPU.
        group: the processes that train together; ``settings.batch_size`` is that of all, and the
            first alone validates and writes.
    """

    def __init__(
        self,
        settings: TrainSettings,
        shards: ShardDataset,
        held_out: ShardDataset,
        volume: NeuralBodyVolume,
        folder: Path,
        group: ProcessGroup = ALONE,
    ) -> None:
        preset = find_preset(settings.preset, settings.dim)
        check_shards(shards, preset, settings.batch_size)
        check_shards(held_out, preset, 1)
        if settings.batch_size % group.count:
            raise UserError(
                f"a batch of {settings.batch_size} cannot be shared equally by {group.count}"
                " processes; choose another --batch-size"
            )
        self.settings, self.shards, self.held_out = settings, shards, held_out
        self.folder, self.group = folder, group
        torch.manual_seed(settings.seed)
        loader = Loader(
            *(shards, volume, settings.batch_size, settings.augment, settings.seed),
            threads=settings.loader_threads,
        )
        self.network = build_network(settings, loader).to(group.device)
        self.loader = replace(loader, device=group.device)
        self.volume = volume = volume.to(volume.means.to(group.device))
        self.bank = MomentumBank(volume.kernels, settings.bins, preset.feature_dim)
        self.bank.to(group.device)
        group.align(self.network)
        self.average = WeightAverage(self.network, settings.decay)
        share_batchnorm(self.network, group)
        self.optimizer = build_optimizer(self.network, settings)
        faithful = preset.trunk == "blazepose" and settings.objective.regression.heatmaps > 0
        original = load_blazepose().to(group.device) if faithful else None
        self.objective = Objective(volume, self.bank, settings.objective, original, group)
        self.step, self.seconds = 0, 0.0
        self.losses, self.figures = Curves(folder, "losses"), Curves(folder, "held_out")
        self.observers: list[Observer] = []

    def run(self, report: Report) -> None:
        """Train to the end of the settings; may be stopped at any time and resumed."""
        smooth: dict[str, float] = {}
        share = replace(self.loader, index=self.group.index, count=self.group.count)
        for batch in share.batches(self.step):
            if self.settings.progress(self.step, self.seconds) >= 1:
                break
            started = time.monotonic()
            losses = self.update(batch)
            self.seconds += self.group.seconds(time.monotonic() - started)
            if not self.group.first:
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
        if self.group.first:
            self.validate()
            self.save()

    def update(self, batch: Batch) -> dict[str, float]:
        """One optimiser step on (this process's share of) a batch; the losses before it."""
        self.network.train()
        if not self.settings.trunk_share:
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
        """Figures of the averaged network, with a bank of its own, on the held-out samples.

        The momentum bank follows the network that is trained, which is ahead of the average.
        """
        network, bins = self.average.network, self.settings.bins
        seen = observations(network, self.shards, self.volume, bins, self.settings.bank_images)
        held_out = in_order(self.held_out, device=self.group.device)
        bank = reestimate(seen)
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
        self.losses.save()  # first: rows beyond a checkpoint are cut, missing ones would stay away
        save_checkpoint(self.folder, state)

    def resume(self) -> None:
        """Go on from the folder's last good checkpoint.

        Raises:
            UserError: there is none, or it belongs to another network.
        """
        path, state = load_checkpoint(self.folder, _STATE, self._most_bytes())
        try:
            self.network.load_state_dict(state["network"])
            self.average.network.load_state_dict(state["average"])
            self.bank.load_state_dict(state["bank"])
            self.optimizer.load_state_dict(state["optimizer"])
        except (RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{path} belongs to another network: {error}") from error
        self.step, self.seconds = state["step"], state["seconds"]
        self.losses.cut(self.step)
        self.figures.cut(self.step)

    def start_from(self, folder: Path) -> list[str]:
        """Begin with the averaged network of another run; names of what that one lacks.

        The two may differ in their heads: what has another shape here starts anew. A trunk that
        does not learn stays as it is.

        Raises:
            UserError: ``folder`` holds no checkpoint, or its network has nothing of this one.
        """
        if not any(folder.glob("checkpoint*.pt")):
            raise UserError(f"no run in {folder} to start from: it holds no checkpoint")
        path, state = load_checkpoint(folder, _STATE, self._most_bytes())
        own, given = self.network.state_dict(), state["average"]
        if not self.settings.trunk_share:
            own = {name: value for name, value in own.items() if not name.startswith("trunk.")}
        known = {
            name: value
            for name, value in given.items()
            if name in own and own[name].shape == value.shape
        }
        if not any(name.startswith("decoder.") for name in known):
            raise UserError(f"{path} belongs to another network")
        self.network.load_state_dict(known, strict=False)
        self.average.network.load_state_dict(known, strict=False)
        if all(state["bank"][name].shape == v.shape for name, v in self.bank.state_dict().items()):
            self.bank.load_state_dict(state["bank"])
        return sorted(own.keys() - known.keys())

    def lift(self, bodies: Bodies, settings: LifterSettings) -> None:
        """Train the head's lifter on bodies alone; the rest of the head then corrects nothing."""
        head = self.network.regressor
        train_lifter(head.lifter.cpu(), bodies, self.loader.volume, settings)
        head.correct_nothing()
        self.network.to(self.group.device)
        self.average.network.regressor.load_state_dict(head.state_dict())

    def _most_bytes(self) -> int:
        """What no checkpoint of this run exceeds: weights, averages, two moments, and as much."""
        states = (self.network.state_dict(), self.bank.state_dict())
        tensors = [tensor for state in states for tensor in state.values()]
        return 8 * sum(t.numel() * t.element_size() for t in tensors) + _SPARE_BYTES


def check_shards(shards: ShardDataset, preset: NetworkPreset, fewest: int) -> None:
    """Refuse crops of another size than the network's, and too few of them."""
    size = shards[0].image.shape[0]
    if size != preset.image_size:
        raise UserError(
            f"the shards hold {size} px crops, preset {preset.name!r} wants {preset.image_size} px;"
            f" make them with: nbf synth --size {preset.image_size}"
        )
    if len(shards) < fewest:
        raise UserError(f"{len(shards)} samples do not fill one batch of {fewest}")


def build_network(settings: TrainSettings, loader: Loader) -> PoseNetwork:
    """A new network; BlazePose has its published weights, batch-norm put back in if it learns."""
    network = PoseNetwork(find_preset(settings.preset, settings.dim))
    if isinstance(network.trunk, BlazePoseTrunk):
        blazepose = load_blazepose()
        network.trunk.blazepose = blazepose
        if settings.trunk_share:
            _make_trainable(blazepose, settings.frozen_blocks, loader)
    if not settings.trunk_share:
        network.trunk.requires_grad_(False)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def _make_trainable(blazepose: BlazePose, frozen_blocks: int, loader: Loader) -> None:
    """Put batch-norm back in, except into the first blocks, which do not learn."""
    add_batchnorm(blazepose, [loader.batch(step).images for step in range(4)])
    for module in [blazepose.trunk.stem, *blazepose.trunk.blocks][:frozen_blocks]:
        fold_batchnorm(module.requires_grad_(False))
        module.requires_grad_(False)  # folding makes new parameters


def build_optimizer(network: PoseNetwork, settings: TrainSettings) -> torch.optim.AdamW:
    """AdamW, with a rate of its own for the trunk and no decay of biases and norms."""
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            kind = (name.startswith("trunk."), parameter.ndim > 1)
            groups.setdefault(kind, []).append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "base_rate": settings.rate * (settings.trunk_share if trunk else 1.0),
                "weight_decay": settings.weight_decay if decays else 0.0,
            }
            for (trunk, decays), parameters in groups.items()
        ],
        lr=settings.rate,
    )
