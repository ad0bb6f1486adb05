"""Samples on disk: shards with one ``<field>.npy`` per field, read as memory maps.

    OUT/recipe.json            seed, split, size: what determines the samples
    OUT/shard-00000/image.npy  (1000, size, size, 3) uint8
    OUT/shard-00000/pose.npy   (1000, 24, 3) float32
    ...

Dense labels are in separate, optional files. A shard is in a hidden folder until it is complete, so
an interrupted run continues with the first shard that is missing.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import signal
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from core.errors import UserError
from core.io.atomic import ROOM, cannot_write, check_folder, reserve, write_atomic
from core.io.files import read_json, readable
from core.io.folders import UNFINISHED, locked, put_in_place, unfinished
from core.io.npz import map_npy
from core.processes import end_children, end_with_parent
from core.synth.people import DRAWING_VERSION, PeopleSampler
from core.synth.sample import FieldLayout, Sample, field_layout, label_layout

PER_SHARD = 1000
RECIPE = "recipe.json"

_MAX_RECIPE = 1 << 20  # bytes

BLOCK = 50  # samples per task of a worker

Job = tuple[Path, int, int]  # a shard's folder, its first sample, one past its last
Block = tuple[Path, int, int, int]  # a shard's folder and first sample; first, one past last here


@dataclass(frozen=True)
class Recipe:
    """What determines the samples: the arguments of `PeopleSampler`."""

    seed: int
    data: str | None = None
    split: str = "train"
    size: int = 256
    labels: bool = False

    def sampler(self) -> PeopleSampler:
        """The sampler of this recipe."""
        data = Path(self.data) if self.data else None
        return PeopleSampler(self.seed, data, self.split, self.size, self.labels)

    def facts(self) -> dict[str, object]:
        """The recipe as recorded on disk, without the path, since the data folder may move."""
        return {**asdict(self), "data": self.data is not None, "drawing": DRAWING_VERSION}

    def layout(self) -> FieldLayout:
        """Shape and dtype of the samples' fields."""
        return field_layout(self.size) | (label_layout(self.size) if self.labels else {})


def write_shards(
    folder: Path, recipe: Recipe, count: int, workers: int = 1, per_shard: int = PER_SHARD
) -> Iterator[int]:
    """Write samples 0..count-1; yields the number of finished samples after each block.

    The files do not depend on ``workers``. Complete shards of an earlier run are kept.

    Raises:
        UserError: the folder holds samples of another recipe, has no room for these, cannot be
            written to, or another process is writing it.
    """
    starts = range(0, count, per_shard)
    jobs = [
        (_shard(folder, start // per_shard), start, min(start + per_shard, count))
        for start in starts
    ]
    missing = [job for job in jobs if not _is_complete(job[0], job[2] - job[1], recipe)]
    done = count - sum(stop - start for _, start, stop in missing)
    check_folder(folder, _bytes_of(recipe.layout()) * (count - done) + ROOM)
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(folder, folder))
            _remove_unfinished(folder)  # of a run that was killed
        except OSError as error:
            raise cannot_write(folder, error) from error
        _check_recipe(folder, {**recipe.facts(), "per_shard": per_shard})
        stack.callback(_remove_unfinished, folder)
        yield done
        for written in _write_all(recipe, missing, workers) if missing else ():
            done += written
            yield done


class ShardDataset:
    """All samples of a folder of shards, as memory maps."""

    def __init__(self, folder: Path) -> None:
        """Open all complete shards of a folder.

        Raises:
            UserError: there is no shard, or a file is missing or damaged.
        """
        found = sorted(path.parent for path in Path(folder).glob("shard-*/image.npy"))
        if not found:
            raise UserError(f"no shards in {folder}; make some with: nbf synth --out {folder}")
        self._shards = [_open_shard(path) for path in found]
        self._ends = np.cumsum([len(shard["image"]) for shard in self._shards])

    def __len__(self) -> int:
        """Number of samples."""
        return int(self._ends[-1])

    @property
    def digest(self) -> str:
        """SHA-256 of poses and focal lengths: names these people, without reading pictures."""
        found = hashlib.sha256()
        for shard in self._shards:
            for name in ("pose", "focal"):
                found.update(np.ascontiguousarray(shard[name]).tobytes())
        return found.hexdigest()

    def __getitem__(self, index: int) -> Sample:
        """One sample, copied from the maps."""
        if not 0 <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        which = int(np.searchsorted(self._ends, index, side="right"))
        row = index - (int(self._ends[which - 1]) if which else 0)
        return Sample(**{name: np.array(array[row]) for name, array in self._shards[which].items()})


def _write_all(recipe: Recipe, jobs: list[Job], workers: int) -> Iterator[int]:
    """Yields the number of samples of each finished block; a single worker is this process."""
    if workers == 1:
        sampler = recipe.sampler()
        for job in jobs:
            _allocate(recipe, job)
            for block in _blocks(job):
                yield _write_block(sampler, block)
            _finish(job[0], recipe.layout())
        return
    context = get_context("spawn")  # threads of OpenCV and torch do not survive a fork
    with ProcessPoolExecutor(workers, context, _start_worker, (recipe,)) as pool:
        try:
            pending: list[tuple[Job, list[Future[int]]]] = []
            for job in jobs:
                _allocate(recipe, job)
                pending.append((job, [pool.submit(_work, block) for block in _blocks(job)]))
            for job, futures in pending:
                for future in futures:
                    yield future.result()
                _finish(job[0], recipe.layout())
        except BrokenProcessPool as error:
            raise UserError("a worker was killed, perhaps for want of memory; try again") from error
        except BaseException:
            end_children()  # the pool would wait for all blocks
            raise


def _blocks(job: Job) -> list[Block]:
    """A shard in parts, so that few shards keep many workers busy."""
    path, start, stop = job
    return [(path, start, at, min(at + BLOCK, stop)) for at in range(start, stop, BLOCK)]


def _shard(folder: Path, number: int) -> Path:
    return Path(folder) / f"shard-{number:05d}"


def _is_complete(path: Path, count: int, recipe: Recipe) -> bool:
    """Whether a shard has ``count`` samples; a shorter or damaged one is written again."""
    try:
        shard = _open_shard(path)
    except UserError:
        return False
    return len(shard["image"]) == count and recipe.layout().keys() <= shard.keys()


def _remove_unfinished(folder: Path) -> None:
    """Remove incomplete shards."""
    for leftover in folder.glob(f".shard-*{UNFINISHED}"):
        shutil.rmtree(leftover)


def _bytes_of(layout: FieldLayout) -> int:
    """Size of a sample on disk."""
    return sum(math.prod(shape) * np.dtype(dtype).itemsize for shape, dtype in layout.values())


def _check_recipe(folder: Path, facts: dict[str, object]) -> None:
    """Write the recipe into a new folder; refuse a folder with another recipe."""
    path = Path(folder) / RECIPE
    if not path.is_file():
        write_atomic(path, lambda file: file.write_text(json.dumps(facts, indent=2) + "\n"))
        return
    with readable(path, "recipe of shards", f"delete {folder} and start again"):
        found = read_json(path, _MAX_RECIPE)
    if found != facts:
        raise UserError(f"{folder} holds samples of another recipe ({found}); choose another --out")


def _open_shard(path: Path) -> dict[str, np.ndarray]:
    """Memory maps of a shard's fields, checked against each other."""
    present = [name for name in label_layout(2) if (path / f"{name}.npy").is_file()]
    shard = {name: _open_field(path / f"{name}.npy") for name in (*field_layout(2), *present)}
    length, size = shard["image"].shape[:2] if shard["image"].ndim > 1 else (0, 0)
    layout = field_layout(size) | label_layout(size)
    for name, array in shard.items():
        shape, dtype = layout[name]
        if array.shape != (length, *shape) or array.dtype != dtype:
            raise UserError(
                f"{path / name}.npy has the wrong shape or type; delete {path} and run nbf synth"
                " again"
            )
    return shard


def _open_field(file: Path) -> np.ndarray:
    """The memory map of one field."""
    return map_npy(file, "field of a shard", f"delete {file.parent} and run nbf synth again")


_sampler: PeopleSampler | None = None


def _start_worker(recipe: Recipe) -> None:
    """Make the sampler of this process; it uses one thread."""
    import cv2
    import torch

    global _sampler
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal: the parent ends this
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    _sampler = recipe.sampler()


def _work(block: Block) -> int:
    """Write a block with the sampler of this process."""
    if _sampler is None:
        raise RuntimeError("the worker has no sampler")
    return _write_block(_sampler, block)


def _allocate(recipe: Recipe, job: Job) -> None:
    """Create the files of an empty shard, with their full size on disk.

    A memory map is a sparse file: on a full disk, writing to it would end the process by SIGBUS.

    Raises:
        UserError: the folder cannot be written to, or the disk is too full.
    """
    path, start, stop = job
    place = unfinished(path)
    try:
        place.mkdir(parents=True)
        for name, (shape, dtype) in recipe.layout().items():
            file = place / f"{name}.npy"
            np.lib.format.open_memmap(
                file, mode="w+", dtype=dtype, shape=(stop - start, *shape)
            ).flush()
            with file.open("r+b") as opened:
                reserve(opened, file.stat().st_size)
    except OSError as error:
        shutil.rmtree(place, ignore_errors=True)
        raise cannot_write(path, error) from error


def _write_block(sampler: PeopleSampler, block: Block) -> int:
    """Write samples first..last-1 into their shard; returns their number."""
    path, start, first, last = block
    place = unfinished(path)
    arrays: dict[str, np.memmap] = {}
    for index in range(first, last):
        for name, value in sampler.sample(index).arrays().items():
            if name not in arrays:
                arrays[name] = np.lib.format.open_memmap(place / f"{name}.npy", mode="r+")
            arrays[name][index - start] = value
    return last - first


def _finish(path: Path, layout: FieldLayout) -> None:
    """Put a complete shard into its place."""
    place = unfinished(path)
    try:
        for name in layout:
            np.lib.format.open_memmap(place / f"{name}.npy", mode="r+").flush()
        put_in_place(place, path, [f"{name}.npy" for name in layout])
    except OSError as error:
        raise cannot_write(path, error) from error
