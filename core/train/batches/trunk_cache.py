"""Outputs of a frozen trunk for augmented crops, on disk: computed once, read in every epoch.

    FOLDER/recipe.json             what determines the content
    FOLDER/copy-0/maps.npy         (people, values) int8: maps at strides 4 to 32, one after another
    FOLDER/copy-0/scales.npy       (people, channels) float32: of each channel of a crop's maps
    FOLDER/copy-0/landmarks.npy    (people, landmarks) float32
    FOLDER/copy-0/done.json        number of people whose rows are written

Each copy holds every person once, with an augmentation of its own. 8-bit integers with a scale for
each channel of each crop need a quarter of the room. An interrupted run continues.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.errors import UserError
from core.io.atomic import ROOM, cannot_write, check_folder, reserve, write_atomic
from core.io.files import read_json, readable
from core.io.folders import locked
from core.io.npz import map_npy
from core.nets.blazepose import INPUT_SIZE
from core.nets.trunks import DetectorTrunk, TrunkOutput
from core.nets.weights import freeze
from core.synth.shards import RECIPE, ShardDataset
from core.train.batches.augment import Augmentation, AugmentSettings, draw_augmentation
from core.train.batches.batch import Batch
from core.train.batches.loader import Loader

_STRIDES = (4, 8, 16, 32)
_BLOCK = 16  # crops that the trunk runs on at once
_SAVED = 32  # blocks between two records of what is done
_MAX_JSON = 1 << 20  # bytes
_WHAT, _FIX = "trunk cache", "delete its folder and start again"


@dataclass(frozen=True)
class TrunkCache:
    """Trunk outputs of every person of some shards, in several augmented copies.

    Attributes:
        people: number of people of the shards.
        copies: augmented crops of each person.
        seed: of the augmentations.
    """

    folder: Path
    people: int
    copies: int
    settings: AugmentSettings
    seed: int = 0

    @property
    def size(self) -> int:
        """Side of the crops in pixels."""
        return INPUT_SIZE

    def loader(self, loader: Loader) -> CachedLoader:
        """A loader of these crops, with the other one's settings."""
        return CachedLoader(**vars(loader), cache=self)

    def augmentation(self, copy: int, index: int) -> Augmentation:
        """The augmentation of a person in a copy."""
        random = np.random.default_rng((self.seed, copy, index))
        return draw_augmentation(self.size, self.settings, random)

    def read(self, copy: int, indices: Sequence[int]) -> TrunkOutput:
        """The trunk's output for some people of a copy, in single precision."""
        arrays = self._maps[copy]
        packed, scales, landmarks = (
            torch.from_numpy(np.stack([array[i] for i in indices])) for array in arrays
        )
        return TrunkOutput(unpack(packed, scales, self.size), landmarks, None)

    @cached_property
    def _maps(self) -> list[list[np.ndarray]]:
        return [
            [map_npy(self._folder(copy) / f"{name}.npy", _WHAT, _FIX) for name in self._layout()]
            for copy in range(self.copies)
        ]

    def _layout(self) -> dict[str, tuple[tuple[int, int], type]]:
        """Shape and type of each array of a copy."""
        channels = DetectorTrunk.channels
        cells = [(self.size // stride) ** 2 for stride in _STRIDES]
        values = sum(c * n for c, n in zip(channels, cells, strict=True))
        return {
            "maps": ((self.people, values), np.int8),
            "scales": ((self.people, sum(channels)), np.float32),
            "landmarks": ((self.people, DetectorTrunk.landmark_values), np.float32),
        }

    def _folder(self, copy: int) -> Path:
        return self.folder / f"copy-{copy}"

    def _done(self, copy: int) -> int:
        """Number of people of a copy whose rows are written."""
        path = self._folder(copy) / "done.json"
        if not path.is_file():
            return 0
        with readable(path, _WHAT, _FIX):
            done = read_json(path, _MAX_JSON)
            if type(done) is not int or not 0 <= done <= self.people:
                raise ValueError(f"it says that {done!r:.40} people are done")
            return done

    @property
    def missing(self) -> int:
        """Number of crops that are not computed yet."""
        return sum(self.people - self._done(copy) for copy in range(self.copies))

    def fill(self, loader: Loader, bfloat16: bool) -> Iterator[int]:
        """Compute what is missing; yields the number of crops that are done after each block.

        Args:
            loader: whose people and augmentation settings these are.
            bfloat16: run the trunk's maps in half precision, which is twice as fast on processors
                with such instructions.

        Raises:
            UserError: the folder has no room, holds the outputs of other crops, or another process
                is writing it.
        """
        recipe = self._recipe(loader.shards, bfloat16)
        if not self.missing:
            _check_recipe(self.folder, recipe)
            return
        each = sum(shape[1] * np.dtype(kind).itemsize for shape, kind in self._layout().values())
        check_folder(self.folder, each * self.missing + ROOM)
        self.folder.mkdir(parents=True, exist_ok=True)
        with locked(self.folder, self.folder):
            _check_recipe(self.folder, recipe)
            trunk = DetectorTrunk()
            trunk.load_published()
            freeze(trunk)
            for copy in range(self.copies):
                for done in self._fill_copy(copy, loader, trunk, bfloat16):
                    yield copy * self.people + done

    def _fill_copy(
        self, copy: int, loader: Loader, trunk: DetectorTrunk, bfloat16: bool
    ) -> Iterator[int]:
        done = self._done(copy)
        if done == 0:
            self._allocate(copy)
        arrays = [
            np.lib.format.open_memmap(self._folder(copy) / f"{name}.npy", mode="r+")
            for name in self._layout()
        ]
        while done < self.people:
            indices = range(done, min(done + _BLOCK, self.people))
            images = loader.crops(indices, [self.augmentation(copy, i) for i in indices]).images
            rows = _packed_output(trunk, images, bfloat16)
            for array, row in zip(arrays, rows, strict=True):
                array[indices.start : indices.stop] = row.cpu().numpy()
            done = indices.stop
            if done == self.people or (done // _BLOCK) % _SAVED == 0:
                for array in arrays:
                    array.flush()
                self._record(copy, done)
            yield done

    def _allocate(self, copy: int) -> None:
        """Create the files of a copy, with their full size on disk."""
        folder = self._folder(copy)
        try:
            folder.mkdir(exist_ok=True)
            for name, (shape, kind) in self._layout().items():
                file = folder / f"{name}.npy"
                np.lib.format.open_memmap(file, mode="w+", dtype=kind, shape=shape).flush()
                with file.open("r+b") as opened:
                    reserve(opened, file.stat().st_size)
        except OSError as error:
            raise cannot_write(folder, error) from error

    def _record(self, copy: int, done: int) -> None:
        path = self._folder(copy) / "done.json"
        write_atomic(path, lambda file: file.write_text(json.dumps(done)))

    def _recipe(self, shards: ShardDataset, bfloat16: bool) -> dict[str, object]:
        """What determines the content; another number of copies may use the same folder."""
        return {
            "trunk": "detectors",
            "people": self.people,
            "shards": shards.digest,
            "seed": self.seed,
            "augment": asdict(self.settings),
            "bfloat16": bfloat16,
        }


@dataclass(frozen=True)
class CachedLoader(Loader):
    """A `Loader` whose crops are those of a `TrunkCache`; each epoch takes the next copy."""

    cache: TrunkCache = field(kw_only=True)

    def batch(self, step: int) -> Batch:
        """The batch of a step with the trunk's output, or this process's share of it."""
        copy = self.epoch(step) % self.cache.copies
        share = self.batch_size // self.world_size
        mine = self._indices(step)[self.rank * share : (self.rank + 1) * share].tolist()
        batch = self.crops(mine, [self.cache.augmentation(copy, index) for index in mine])
        return replace(batch, trunk=self.cache.read(copy, mine)).to(self.device)


def pack(
    maps: list[Float[Tensor, "batch _c _h _w"]],
) -> tuple[Int[Tensor, "batch values"], Float[Tensor, "batch channels"]]:
    """Maps as 8-bit integers, and the scale of each channel of a crop: its maximum over 127."""
    flat = [level.flatten(2).float() for level in maps]
    scales = [level.abs().amax(2).clamp(min=1e-12) / 127 for level in flat]
    packed = [
        (level / scale[..., None]).round().to(torch.int8).flatten(1)
        for level, scale in zip(flat, scales, strict=True)
    ]
    return torch.cat(packed, 1), torch.cat(scales, 1)


def unpack(
    packed: Int[Tensor, "batch values"], scales: Float[Tensor, "batch channels"], size: int
) -> list[Float[Tensor, "batch _c _h _w"]]:
    """Inverse of :func:`pack`, to half a scale, for crops of ``size`` pixels; channels last."""
    maps = []
    for channels, stride in zip(DetectorTrunk.channels, _STRIDES, strict=True):
        side = size // stride
        level, packed = packed[:, : channels * side**2], packed[:, channels * side**2 :]
        scale, scales = scales[:, :channels], scales[:, channels:]
        level = level.unflatten(1, (channels, side, side)).float() * scale[..., None, None]
        maps.append(level.contiguous(memory_format=torch.channels_last))
    return maps


@torch.inference_mode()
def _packed_output(trunk: DetectorTrunk, images: Tensor, bfloat16: bool) -> tuple[Tensor, ...]:
    with torch.autocast(images.device.type, torch.bfloat16, enabled=bfloat16):
        output = trunk(images)
    assert output.landmarks is not None
    return (*pack(output.maps), output.landmarks)


def _check_recipe(folder: Path, facts: dict[str, object]) -> None:
    """Write the recipe into a new folder; refuse a folder with another recipe."""
    path = folder / RECIPE
    if not path.is_file():
        write_atomic(path, lambda file: file.write_text(json.dumps(facts, indent=2) + "\n"))
        return
    with readable(path, f"recipe of a {_WHAT}", _FIX):
        found = read_json(path, _MAX_JSON)
    if found != facts:
        raise UserError(f"{folder} holds the trunk's outputs for other crops; choose another one")
