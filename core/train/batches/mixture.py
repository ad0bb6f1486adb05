"""Batches mixed from several sources (synthetic people, data sets), with ratios by phase.

The people of a step follow from the seed and the step alone. A batch of B is a systematic sample of
the ratios: row j takes the source at (j + u) / B of the cumulative ratios, and the offset u moves
by the golden ratio (modulo 1) from step to step. So each batch holds B times a source's ratio,
rounded up or down, and the whole run holds the exact ratio. A source is reshuffled after each pass.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Protocol

import numpy as np
from jaxtyping import Float, Int

from core.datasets.record import PhotoDataset
from core.datasets.training_sample import CropSettings, crop_sample
from core.synth.shards import ShardDataset
from core.train.batches.augment import Augmentation, draw_augmentation
from core.train.batches.batch import Batch
from core.train.batches.loader import Loader, crop_truth, rest_pelvis
from core.train.batches.partially_labelled import (
    PartiallyLabelledCrop,
    augment_partially_labelled,
    collate_partially_labelled,
    fully_labelled,
    partially_labelled,
)

_GOLDEN = (math.sqrt(5) - 1) / 2
_THREADS = min(4, os.cpu_count() or 1)  # photos are decoded in parallel


class Source(Protocol):
    """People of one kind, by index."""

    @property
    def name(self) -> str:
        """The source's name in `Phase.ratios`."""

    def __len__(self) -> int:
        """Number of people."""

    def __getitem__(self, index: int) -> PartiallyLabelledCrop:
        """One person, not augmented."""


@dataclass(frozen=True)
class ShardSource:
    """Synthetic people, fully labelled."""

    name: str
    shards: ShardDataset

    def __len__(self) -> int:
        return len(self.shards)

    def __getitem__(self, index: int) -> PartiallyLabelledCrop:
        """One person, not augmented."""
        return fully_labelled(crop_truth(self.shards[index]))


@dataclass(frozen=True)
class PhotoSource:
    """People in the photos of a data set."""

    name: str
    dataset: PhotoDataset
    settings: CropSettings

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> PartiallyLabelledCrop:
        """One person, not augmented.

        Raises:
            UserError: the photo cannot be read.
        """
        return partially_labelled(crop_sample(self.dataset, index, self.settings))


@dataclass(frozen=True)
class Phase:
    """A share of the run and the ratios of sources in its batches; both are normalised later."""

    share: float
    ratios: Mapping[str, float]


@dataclass(frozen=True)
class Pick:
    """One row of a batch: index of the source, and how many people it has given so far."""

    source: int
    draw: int


@dataclass(frozen=True)
class Mixture(Loader):
    """A `Loader` of several sources; only the crop size is taken from ``shards``.

    Args:
        steps: length of the run, which the phases divide; not needed for a single phase.
    """

    sources: tuple[Source, ...] = ()
    phases: tuple[Phase, ...] = ()
    steps: int | None = None

    def batch(self, step: int) -> Batch:
        """The batch of a step, or this process's share of it."""
        random = np.random.default_rng((self.seed, step))
        size, share = self.shards[0].image.shape[0], self.batch_size // self.world_size
        drawn = [draw_augmentation(size, self.settings, random) for _ in range(self.batch_size)]
        mine = slice(self.rank * share, (self.rank + 1) * share)
        with ThreadPoolExecutor(_THREADS) as pool:
            samples = list(pool.map(self._augmented, self.picks(step)[mine], drawn[mine]))
        return collate_partially_labelled(samples, self.volume).to(self.device)

    def picks(self, step: int) -> list[Pick]:
        """Source and person of each row of a step's batch, shuffled."""
        counts, before = self._counts(step), self._before(step)
        picks = [
            Pick(source, int(before[source]) + number)
            for source, count in enumerate(counts)
            for number in range(count)
        ]
        order = np.random.default_rng((self.seed, step, 2)).permutation(len(picks))
        return [picks[row] for row in order]

    def for_final_tuning(self, seed: int) -> Mixture:
        """The loader for tuning the head after the run: the last phase, another seed."""
        return replace(self, seed=seed, phases=self.phases[-1:], steps=None)

    @property
    def composition(self) -> list[dict[str, float]]:
        """Share of each source in the batches, by name; one row a phase."""
        names = [source.name for source in self.sources]
        return [
            {name: round(float(ratio), 4) for name, ratio in zip(names, ratios, strict=True)}
            for ratios in map(self._ratios, self.phases)
        ]

    def _augmented(self, pick: Pick, augmentation: Augmentation) -> PartiallyLabelledCrop:
        source = self.sources[pick.source]
        epoch, place = divmod(pick.draw, len(source))
        index = _shuffled(self.seed, pick.source, epoch, len(source))[place]
        sample = source[int(index)]
        pelvis = rest_pelvis(self.volume, sample.truth.betas)
        return augment_partially_labelled(sample, pelvis, augmentation)

    def _counts(self, step: int) -> Int[np.ndarray, " sources"]:
        """Rows of each source in a step's batch."""
        phase = int(np.searchsorted(self._starts(), step, side="right")) - 1
        return self._rows(phase, step, step + 1)[0]

    def _before(self, step: int) -> Int[np.ndarray, " sources"]:
        """Rows of each source in all earlier batches."""
        starts = [*self._starts(), step]
        total = np.zeros(len(self.sources), int)
        for phase in range(len(self.phases)):
            stop = step if phase + 1 == len(self.phases) else min(starts[phase + 1], step)
            if stop > starts[phase]:
                total += self._rows(phase, starts[phase], stop).sum(0)
        return total

    def _rows(self, phase: int, start: int, stop: int) -> Int[np.ndarray, "steps sources"]:
        """Rows of each source in the batches start..stop-1, which lie in one phase."""
        first = np.random.default_rng((self.seed, 0, 4)).random()
        offset = (first + np.arange(start, stop) * _GOLDEN) % 1
        edges = np.cumsum(self._ratios(self.phases[phase]))[:-1]
        below = np.ceil(self.batch_size * edges - offset[:, None]).astype(int)
        below = below.clip(0, self.batch_size)
        return np.diff(below, axis=1, prepend=0, append=self.batch_size)

    def _starts(self) -> list[int]:
        """First step of each phase."""
        shares = np.array([phase.share for phase in self.phases])
        ends = np.cumsum(shares[:-1]) / shares.sum()
        return [0, *(round(end * (self.steps or 0)) for end in ends.tolist())]

    def _ratios(self, phase: Phase) -> Float[np.ndarray, " sources"]:
        ratios = np.array([phase.ratios.get(source.name, 0.0) for source in self.sources])
        return ratios / ratios.sum()


@lru_cache(maxsize=64)
def _shuffled(seed: int, source: int, epoch: int, count: int) -> Int[np.ndarray, " count"]:
    """Order of a source's people in one pass."""
    return np.random.default_rng((seed, source, epoch, 3)).permutation(count)
