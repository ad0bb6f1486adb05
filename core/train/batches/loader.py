"""Shards of people to augmented training batches, the same ones whenever a step is repeated."""

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
from core.train.batches.augment import AugmentSettings, Change, Truth, augment, draw_change
from core.train.batches.batch import Batch

_AHEAD = 4  # batches prepared while the network is busy, for each thread that prepares them


def truth_of(sample: Sample) -> Truth:
    """What training needs of a sample; parts and occluder at stride 4."""
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
    """Draws batches: a fresh shuffle every epoch, a fresh augmentation every time.

    Everything random follows from ``seed`` and the step, so a resumed run sees what an
    uninterrupted one would have seen. The ``index``-th of ``count`` processes makes its share of
    each batch, and passes over the random numbers of the rest.
    """

    shards: ShardDataset
    volume: NeuralBodyVolume
    batch_size: int
    settings: AugmentSettings
    seed: int
    device: str = "cpu"
    index: int = 0
    count: int = 1
    threads: int = field(default=1, kw_only=True)
    """That prepare batches; one keeps up with a CPU, a GPU wants many."""

    def batch(self, step: int) -> Batch:
        """The batch of a step, or this process's share of it."""
        random = np.random.default_rng((self.seed, step))
        size, share = self.shards[0].image.shape[0], self.batch_size // self.count
        changes = [draw_change(size, self.settings, random) for _ in range(self.batch_size)]
        mine = slice(self.index * share, (self.index + 1) * share)
        rows = zip(self._chosen(step)[mine], changes[mine], strict=True)
        return collate([self._sample(int(i), change) for i, change in rows]).to(self.device)

    def _chosen(self, step: int) -> np.ndarray:
        per_epoch = max(1, len(self.shards) // self.batch_size)
        epoch, row = divmod(step, per_epoch)
        order = np.random.default_rng((self.seed, 1, epoch)).permutation(len(self.shards))
        return order[row * self.batch_size : (row + 1) * self.batch_size]

    def _sample(self, index: int, change: Change) -> Truth:
        truth = truth_of(self.shards[index])
        return augment(truth, rest_pelvis(self.volume, truth.betas), change)

    def finishing(self, seed: int) -> Self:
        """What a run ends with: the same people, newly augmented."""
        return replace(self, seed=seed)

    def of(self, people: ShardDataset) -> Loader:
        """The same of other people, and of nobody else."""
        settings = (self.volume, self.batch_size, self.settings, self.seed, self.device)
        return Loader(people, *settings, threads=self.threads)

    @property
    def facts(self) -> list[dict[str, float]]:
        """Names of what is trained on, and shares of the batches; one row a phase."""
        return [{"shards": 1.0}]

    def batches(self, start: int) -> Iterator[Batch]:
        """Batches from a step on, without end, in order; threads prepare them ahead."""
        with ThreadPoolExecutor(self.threads) as pool:
            waiting: list[Future[Batch]] = []
            step = start
            while True:
                while len(waiting) < _AHEAD * self.threads:
                    waiting.append(pool.submit(self.batch, step))
                    step += 1
                yield waiting.pop(0).result()


def in_order(
    shards: ShardDataset,
    indices: Sequence[int] | None = None,
    batch_size: int = 16,
    device: str = "cpu",
) -> Iterator[Batch]:
    """Samples as they are, once each: those of ``indices``, or all."""
    chosen = range(len(shards)) if indices is None else indices
    for start in range(0, len(chosen), batch_size):
        samples = [truth_of(shards[int(i)]) for i in chosen[start : start + batch_size]]
        yield collate(samples).to(device)


def rest_pelvis(volume: NeuralBodyVolume, betas: Float[np.ndarray, "10"]) -> Float[np.ndarray, "3"]:
    """The pelvis joint in the rest pose, metres."""
    template = volume.joint_template[0].numpy()
    return template + volume.joint_shapedirs[0].numpy() @ betas


def collate(samples: list[Truth]) -> Batch:
    """Stack samples into tensors."""

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
