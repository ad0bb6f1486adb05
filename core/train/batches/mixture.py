"""Batches mixed of several sources: synthetic people and data sets, in ratios that phases change.

Which people a step shows follows from the seed and the step alone. A batch of B takes systematic
samples of the ratios: rows at (j + u) / B of their cumulated sum, with u going round by the golden
ratio from step to step. So each batch holds B times a source's ratio, rounded up or down, and the
run as a whole holds the ratio itself. Each source is shuffled anew whenever it has been through.
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
from core.train.batches.augment import Change, draw_change
from core.train.batches.loader import Loader, rest_pelvis, truth_of
from core.train.batches.partially_labelled import (
    PartialBatch,
    PartialTruth,
    augment_partial,
    collate_partial,
    partial,
    whole,
)

_GOLDEN = (math.sqrt(5) - 1) / 2
_THREADS = min(4, os.cpu_count() or 1)  # photos are decoded beside each other


class Source(Protocol):
    """People of one kind."""

    @property
    def name(self) -> str:
        """As ratios call it."""

    def __len__(self) -> int:
        """How many people."""

    def __getitem__(self, index: int) -> PartialTruth:
        """One person, not augmented."""


@dataclass(frozen=True)
class ShardSource:
    """Synthetic people, of whom everything is known."""

    name: str
    shards: ShardDataset

    def __len__(self) -> int:
        return len(self.shards)

    def __getitem__(self, index: int) -> PartialTruth:
        """One person, not augmented."""
        return whole(truth_of(self.shards[index]))


@dataclass(frozen=True)
class PhotoSource:
    """People of a data set."""

    name: str
    dataset: PhotoDataset
    settings: CropSettings

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> PartialTruth:
        """One person, not augmented.

        Raises:
            UserError: the photo cannot be read any more.
        """
        return partial(crop_sample(self.dataset, index, self.settings))


@dataclass(frozen=True)
class Phase:
    """A share of the run, and the ratios of sources in its batches; neither has to add up to 1."""

    share: float
    ratios: Mapping[str, float]


@dataclass(frozen=True)
class Pick:
    """One row of a batch: a source's number, and how many of its people came before."""

    source: int
    draw: int


@dataclass(frozen=True)
class Mixture(Loader):
    """A `Loader` of many sources; ``shards`` are one of them, or none.

    Args:
        steps: length of the run, of which phases are shares; not needed for a single phase.
    """

    sources: tuple[Source, ...] = ()
    phases: tuple[Phase, ...] = ()
    steps: int | None = None

    def batch(self, step: int) -> PartialBatch:
        """The batch of a step, or this process's share of it."""
        random = np.random.default_rng((self.seed, step))
        size, share = self.shards[0].image.shape[0], self.batch_size // self.count
        changes = [draw_change(size, self.settings, random) for _ in range(self.batch_size)]
        mine = slice(self.index * share, (self.index + 1) * share)
        with ThreadPoolExecutor(_THREADS) as pool:
            samples = list(pool.map(self._changed, self.picks(step)[mine], changes[mine]))
        return collate_partial(samples, self.volume).to(self.device)

    def picks(self, step: int) -> list[Pick]:
        """What all rows of a batch show."""
        counts, before = self._counts(step), self._before(step)
        picks = [
            Pick(source, int(before[source]) + number)
            for source, count in enumerate(counts)
            for number in range(count)
        ]
        order = np.random.default_rng((self.seed, step, 2)).permutation(len(picks))
        return [picks[row] for row in order]

    def finishing(self, seed: int) -> Mixture:
        """What a run ends with: its last phase."""
        return replace(self, seed=seed, phases=self.phases[-1:], steps=None)

    @property
    def facts(self) -> list[dict[str, float]]:
        """Names of what is trained on, and shares of the batches; one row a phase."""
        names = [source.name for source in self.sources]
        return [
            {name: round(float(ratio), 4) for name, ratio in zip(names, ratios, strict=True)}
            for ratios in map(self._ratios, self.phases)
        ]

    def _changed(self, pick: Pick, change: Change) -> PartialTruth:
        source = self.sources[pick.source]
        epoch, place = divmod(pick.draw, len(source))
        index = _shuffled(self.seed, pick.source, epoch, len(source))[place]
        sample = source[int(index)]
        return augment_partial(sample, rest_pelvis(self.volume, sample.truth.betas), change)

    def _counts(self, step: int) -> Int[np.ndarray, " sources"]:
        """Rows of each source in a step's batch."""
        phase = int(np.searchsorted(self._starts(), step, side="right")) - 1
        return self._rows(phase, step, step + 1)[0]

    def _before(self, step: int) -> Int[np.ndarray, " sources"]:
        """Rows of each source in all batches before."""
        starts = [*self._starts(), step]
        total = np.zeros(len(self.sources), int)
        for phase in range(len(self.phases)):
            stop = step if phase + 1 == len(self.phases) else min(starts[phase + 1], step)
            if stop > starts[phase]:
                total += self._rows(phase, starts[phase], stop).sum(0)
        return total

    def _rows(self, phase: int, start: int, stop: int) -> Int[np.ndarray, "steps sources"]:
        """Rows of each source in batches start..stop-1, all of one phase."""
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
    """A source's people in the order of one pass."""
    return np.random.default_rng((seed, source, epoch, 3)).permutation(count)
