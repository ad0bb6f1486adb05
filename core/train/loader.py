"""Shards of people to augmented training batches, the same ones whenever a step is repeated."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from core.errors import UserError
from core.geometry.rotations import rotation_from_axis_angle
from core.nbv.volume import NeuralBodyVolume
from core.train.augment import AugmentSettings, Truth, augment
from core.train.batch import Batch

_FIELDS = ("image", "focal", "pose", "betas", "transl", "parts", "occluder", "depth")
_AHEAD = 4  # batches prepared while the network is busy


class Shards:
    """All samples of a folder of shards, as memory maps.

    A shard is a folder with one ``<field>.npy`` for each field; ``folder`` is one shard or holds
    several.
    """

    def __init__(self, folder: Path) -> None:
        """Open the shards.

        Raises:
            UserError: there are none, or one lacks a field.
        """
        folder = Path(folder)
        found = sorted(path.parent for path in folder.glob("**/image.npy"))
        if not found:
            raise UserError(f"no shards in {folder}; make some with: nbf synth --out {folder}")
        self._shards = [_open_shard(path) for path in found]
        lengths = [len(shard["image"]) for shard in self._shards]
        self._starts = np.concatenate([[0], np.cumsum(lengths)])

    def __len__(self) -> int:
        """Number of samples."""
        return int(self._starts[-1])

    @property
    def size(self) -> int:
        """Side of the crops in pixels."""
        return self._shards[0]["image"].shape[1]

    def __getitem__(self, index: int) -> Truth:
        """One sample, its parts and occluder at stride 4."""
        which = int(np.searchsorted(self._starts, index, side="right")) - 1
        row = index - self._starts[which]
        sample = {name: array[row] for name, array in self._shards[which].items()}
        return Truth(
            image=np.asarray(sample["image"]),
            focal=float(sample["focal"]),
            pose=sample["pose"].astype(np.float64),
            betas=sample["betas"].astype(np.float64),
            transl=sample["transl"].astype(np.float64),
            parts=np.ascontiguousarray(sample["parts"][2::4, 2::4]),
            occluder=sample["occluder"][2::4, 2::4] > 0,
            depth=sample["depth"].astype(np.float32),
        )


def _open_shard(folder: Path) -> dict[str, np.ndarray]:
    try:
        return {
            name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
            for name in _FIELDS
        }
    except (OSError, ValueError) as error:
        raise UserError(f"shard {folder} is not readable: {error}") from error


@dataclass(frozen=True)
class Loader:
    """Draws batches: a fresh shuffle every epoch, a fresh augmentation every time.

    Everything random follows from ``seed`` and the step, so a resumed run sees what an
    uninterrupted one would have seen.
    """

    shards: Shards
    volume: NeuralBodyVolume
    indices: np.ndarray
    batch_size: int
    settings: AugmentSettings
    seed: int

    def batch(self, step: int) -> Batch:
        """The batch of a step."""
        random = np.random.default_rng((self.seed, step))
        chosen = self._chosen(step)
        return collate([self._sample(int(index), random) for index in chosen])

    def _chosen(self, step: int) -> np.ndarray:
        per_epoch = max(1, len(self.indices) // self.batch_size)
        epoch, row = divmod(step, per_epoch)
        order = np.random.default_rng((self.seed, 1, epoch)).permutation(self.indices)
        return order[row * self.batch_size : (row + 1) * self.batch_size]

    def _sample(self, index: int, random: np.random.Generator) -> Truth:
        truth = self.shards[index]
        return augment(truth, rest_pelvis(self.volume, truth.betas), self.settings, random)

    def batches(self, start: int) -> Iterator[Batch]:
        """Batches from a step on, without end; a thread prepares them ahead."""
        with ThreadPoolExecutor(1) as pool:
            waiting: list[Future[Batch]] = []
            step = start
            while True:
                while len(waiting) < _AHEAD:
                    waiting.append(pool.submit(self.batch, step))
                    step += 1
                yield waiting.pop(0).result()


def in_order(shards: Shards, indices: np.ndarray, batch_size: int = 16) -> Iterator[Batch]:
    """The samples ``indices``, once each and as they are."""
    for start in range(0, len(indices), batch_size):
        yield collate([shards[int(index)] for index in indices[start : start + batch_size]])


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
