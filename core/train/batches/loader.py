"""Augmented training batches from shards; the same step always gives the same batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
import torch
from jaxtyping import Float

from core.geometry.rotations import rotation_from_axis_angle
from core.nbv.volume import NeuralBodyVolume
from core.synth.sample import Sample
from core.synth.shards import ShardDataset
from core.train.batches.augment import (
    Augmentation,
    AugmentSettings,
    Truth,
    augment,
    draw_augmentation,
)
from core.train.batches.batch import Batch

_PREFETCH = 4  # batches prepared ahead, for each loader thread


def crop_truth(sample: Sample) -> Truth:
    """Convert a sample to a crop's `Truth`; parts and occluder at stride 4."""
    return Truth(
        image=sample.image,
        focal=float(sample.focal),
        pose=sample.pose.astype(np.float64),
        betas=sample.betas.astype(np.float64),
        transl=sample.transl.astype(np.float64),
        parts=np.ascontiguousarray(sample.parts[2::4, 2::4]),
        occluder=sample.occluder[2::4, 2::4],
        depth=sample.depth.astype(np.float32),
    )


@dataclass(frozen=True)
class Loader:
    """Makes batches with a new shuffle every epoch and a new augmentation for every crop.

    All random numbers follow from ``seed`` and the step, so a resumed run gets the batches that an
    uninterrupted one would have got. Process ``rank`` of ``world_size`` makes its share of each
    batch and skips the random numbers of the other processes.
    """

    shards: ShardDataset
    volume: NeuralBodyVolume
    batch_size: int
    settings: AugmentSettings
    seed: int
    device: str = "cpu"
    rank: int = 0
    world_size: int = 1
    threads: int = field(default=1, kw_only=True)
    """Threads that prepare batches; one keeps up with training on a CPU, a GPU needs many."""

    def batch(self, step: int) -> Batch:
        """The batch of a step, or this process's share of it."""
        random = np.random.default_rng((self.seed, step))
        size, share = self.shards[0].image.shape[0], self.batch_size // self.world_size
        drawn = [draw_augmentation(size, self.settings, random) for _ in range(self.batch_size)]
        mine = slice(self.rank * share, (self.rank + 1) * share)
        return self.crops(self._indices(step)[mine].tolist(), drawn[mine]).to(self.device)

    def crops(self, indices: Sequence[int], augmentations: Sequence[Augmentation]) -> Batch:
        """These people with these augmentations, as a batch on the CPU."""
        rows = zip(indices, augmentations, strict=True)
        return collate([self._sample(index, change) for index, change in rows])

    def epoch(self, step: int) -> int:
        """How often all people were seen before the step's batch."""
        return step // self._steps_per_epoch

    @property
    def _steps_per_epoch(self) -> int:
        return max(1, len(self.shards) // self.batch_size)

    def _indices(self, step: int) -> np.ndarray:
        order = np.random.default_rng((self.seed, 1, self.epoch(step)))
        row = step % self._steps_per_epoch
        permuted = order.permutation(len(self.shards))
        return permuted[row * self.batch_size : (row + 1) * self.batch_size]

    def _sample(self, index: int, augmentation: Augmentation) -> Truth:
        truth = crop_truth(self.shards[index])
        return augment(truth, rest_pelvis(self.volume, truth.betas), augmentation)

    def for_final_tuning(self, seed: int) -> Self:
        """The loader for tuning the head after the run: the same people, another seed."""
        return replace(self, seed=seed)

    def with_shards(self, people: ShardDataset) -> Loader:
        """A loader of these people alone, with the same settings."""
        settings = (self.volume, self.batch_size, self.settings, self.seed, self.device)
        return Loader(people, *settings, threads=self.threads)

    @property
    def composition(self) -> list[dict[str, float]]:
        """Share of each source in the batches, by name; one row a phase."""
        return [{"shards": 1.0}]

    def batches(self, start: int) -> Iterator[Batch]:
        """Batches in order from step ``start`` on, without end; threads prepare them ahead."""
        with ThreadPoolExecutor(self.threads) as pool:
            waiting: list[Future[Batch]] = []
            step = start
            while True:
                while len(waiting) < _PREFETCH * self.threads:
                    waiting.append(pool.submit(self.batch, step))
                    step += 1
                yield waiting.pop(0).result()


def in_order(
    shards: ShardDataset,
    indices: Sequence[int] | None = None,
    batch_size: int = 16,
    device: str = "cpu",
) -> Iterator[Batch]:
    """Batches of the samples at ``indices`` (default: all), not augmented, each sample once."""
    chosen = range(len(shards)) if indices is None else indices
    for start in range(0, len(chosen), batch_size):
        samples = [crop_truth(shards[int(i)]) for i in chosen[start : start + batch_size]]
        yield collate(samples).to(device)


def rest_pelvis(volume: NeuralBodyVolume, betas: Float[np.ndarray, "10"]) -> Float[np.ndarray, "3"]:
    """The pelvis joint in the rest pose, metres."""
    template = volume.joint_template[0].numpy()
    return template + volume.joint_shapedirs[0].numpy() @ betas


def collate(samples: list[Truth]) -> Batch:
    """Stack crops into a fully labelled batch."""

    def stack(name: str, dtype: type = np.float32) -> torch.Tensor:
        return torch.from_numpy(np.stack([np.asarray(vars(s)[name], dtype) for s in samples]))

    images = stack("image", np.uint8).permute(0, 3, 1, 2).float().div_(255)
    return Batch(
        images=images.contiguous(memory_format=torch.channels_last),
        focal=stack("focal"),
        rotations=rotation_from_axis_angle(stack("pose", np.float64)).float(),
        betas=stack("betas"),
        transl=stack("transl"),
        parts=stack("parts", np.int64),
        occluder=stack("occluder", np.bool_),
        depth=stack("depth"),
    )
