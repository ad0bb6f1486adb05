"""Samples on disk: folders of one ``<field>.npy`` each, read as memory maps.

    OUT/recipe.json            seed, split, size: what the samples follow from
    OUT/shard-00000/image.npy  (1000, size, size, 3) uint8
    OUT/shard-00000/pose.npy   (1000, 24, 3) float32
    ...

A shard's files get their names when it is whole, ``image.npy`` last; so whoever looks for
``image.npy`` finds whole shards only, and an interrupted run goes on with the first missing one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from core.data.people import PeopleSampler
from core.data.sample import Sample, field_layout
from core.errors import UserError
from core.io.atomic import write_atomic

PER_SHARD = 1000
RECIPE = "recipe.json"

Job = tuple[Path, int, int]  # a shard's folder, its first sample, one past its last


@dataclass(frozen=True)
class Recipe:
    """What samples follow from; arguments of `PeopleSampler`."""

    seed: int
    data: str | None = None
    split: str = "train"
    size: int = 256

    def sampler(self) -> PeopleSampler:
        """The source of the samples."""
        data = Path(self.data) if self.data else None
        return PeopleSampler(self.seed, data, self.split, self.size)

    def facts(self) -> dict[str, object]:
        """The recipe without the path: the data folder may move."""
        return {**asdict(self), "data": self.data is not None}


def write_shards(
    folder: Path, recipe: Recipe, count: int, workers: int = 1, per_shard: int = PER_SHARD
) -> Iterator[int]:
    """Write samples 0..count-1; yields the number of samples there are whenever a shard is done.

    The files do not depend on ``workers``. Whole shards of an earlier run stay.

    Raises:
        UserError: the folder holds samples of another recipe.
    """
    _check_recipe(folder, {**recipe.facts(), "per_shard": per_shard})
    starts = range(0, count, per_shard)
    jobs = [
        (_shard(folder, start // per_shard), start, min(start + per_shard, count))
        for start in starts
    ]
    missing = [job for job in jobs if not _is_whole(job[0], job[2] - job[1])]
    done = count - sum(stop - start for _, start, stop in missing)
    yield done
    if missing:
        for written in _write_all(recipe, missing, workers):
            done += written
            yield done


class ShardDataset:
    """All samples of a folder of shards, as memory maps."""

    def __init__(self, folder: Path) -> None:
        """Open whole shards.

        Raises:
            UserError: there are none, or a file is missing or damaged.
        """
        found = sorted(path.parent for path in Path(folder).glob("shard-*/image.npy"))
        if not found:
            raise UserError(f"no shards in {folder}; make some with: nbf synth --out {folder}")
        self._shards = [_open_shard(path) for path in found]
        self._ends = np.cumsum([len(shard["image"]) for shard in self._shards])

    def __len__(self) -> int:
        """Number of samples."""
        return int(self._ends[-1])

    def __getitem__(self, index: int) -> Sample:
        """One sample, copied out of the maps."""
        if not 0 <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        which = int(np.searchsorted(self._ends, index, side="right"))
        row = index - (int(self._ends[which - 1]) if which else 0)
        return Sample(**{name: np.array(array[row]) for name, array in self._shards[which].items()})


def _write_all(recipe: Recipe, jobs: list[Job], workers: int) -> Iterator[int]:
    """Numbers of samples, as shards are done; one worker is this process."""
    if workers == 1:
        sampler = recipe.sampler()
        for job in jobs:
            yield _write_shard(sampler, *job)
        return
    context = get_context("spawn")  # threads of OpenCV and torch do not survive a fork
    with ProcessPoolExecutor(workers, context, _start_worker, (recipe,)) as pool:
        for future in as_completed([pool.submit(_work, job) for job in jobs]):
            yield future.result()


def _shard(folder: Path, number: int) -> Path:
    return Path(folder) / f"shard-{number:05d}"


def _is_whole(path: Path, count: int) -> bool:
    """Whether a shard is there with ``count`` samples (a longer run writes a cut one again)."""
    image = path / "image.npy"
    return image.is_file() and len(np.load(image, mmap_mode="r")) == count


def _check_recipe(folder: Path, facts: dict[str, object]) -> None:
    """Note the recipe in a new folder; refuse to mix recipes in an old one."""
    path = Path(folder) / RECIPE
    if not path.is_file():
        write_atomic(path, lambda file: file.write_text(json.dumps(facts, indent=2) + "\n"))
        return
    try:
        found = json.loads(path.read_text())
    except ValueError as error:
        raise UserError(f"{path} is damaged; delete {folder} and start again") from error
    if found != facts:
        raise UserError(f"{folder} holds samples of another recipe ({found}); choose another --out")


def _open_shard(path: Path) -> dict[str, np.ndarray]:
    """Memory maps of all fields, checked against each other."""
    shard = {}
    size, length = 0, 0
    for name in field_layout(2):
        file = path / f"{name}.npy"
        try:
            shard[name] = np.load(file, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise UserError(
                f"{file} is missing or damaged; delete {path} and run nbf synth again"
            ) from error
        if name == "image":
            length, size = shard[name].shape[:2]
        shape, dtype = field_layout(size)[name]
        if shard[name].shape != (length, *shape) or shard[name].dtype != dtype:
            raise UserError(
                f"{file} has the wrong shape or type; delete {path} and run nbf synth again"
            )
    return shard


_sampler: PeopleSampler | None = None


def _start_worker(recipe: Recipe) -> None:
    """One sampler a process, one thread a sampler."""
    import cv2
    import torch

    global _sampler
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    _sampler = recipe.sampler()


def _work(job: Job) -> int:
    """One shard with this process' sampler."""
    if _sampler is None:
        raise RuntimeError("the worker has no sampler")
    return _write_shard(_sampler, *job)


def _write_shard(sampler: PeopleSampler, path: Path, start: int, stop: int) -> int:
    """Samples start..stop-1 into one folder; the number written."""
    path.mkdir(parents=True, exist_ok=True)
    layout = field_layout(sampler.size)
    arrays = {
        name: np.lib.format.open_memmap(
            path / f"{name}.part", mode="w+", dtype=dtype, shape=(stop - start, *shape)
        )
        for name, (shape, dtype) in layout.items()
    }
    for row, index in enumerate(range(start, stop)):
        for name, value in sampler.sample(index).arrays().items():
            arrays[name][row] = value
    for array in arrays.values():
        array.flush()
    for name in sorted(layout, key="image".__eq__):  # image.npy last: it marks the shard as whole
        (path / f"{name}.part").replace(path / f"{name}.npy")
    return stop - start
