"""Bodies in front of cameras, without pictures.

The lifter (`core.nets.lifter`) is trained on them. They have poses, shapes and cameras like the
synthetic people, but are not dressed, lit and rendered. A body takes 4 ms and 0.4 kB.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from core.body.tables import found, numbers
from core.geometry.rotations import rotation_from_axis_angle
from core.io.atomic import write_atomic
from core.io.files import readable
from core.io.npz import read_npz
from core.synth.people import PeopleSampler
from core.synth.sampling.camera import frame_person, random_orientation
from core.synth.sampling.poses import SPLIT_CODE

_STREAM = 11  # separates these random numbers from those of the sampler's people


@dataclass(frozen=True)
class Bodies:
    """Bodies in the crop camera's frame; see `core.synth.sample`."""

    pose: Float[np.ndarray, "n 24 3"]
    betas: Float[np.ndarray, "n 10"]
    transl: Float[np.ndarray, "n 3"]
    focal: Float[np.ndarray, " n"]
    """Pixels of a crop of side ``size``."""
    size: Float[np.ndarray, ""]

    def __len__(self) -> int:
        return len(self.pose)

    def save(self, path: Path) -> None:
        """Write an npz file."""
        write_atomic(path, lambda file: np.savez(file, **asdict(self)))

    @staticmethod
    def load(path: Path) -> Bodies:
        """Read a file that `save` wrote.

        Raises:
            UserError: the file is missing or damaged, or does not hold bodies.
        """
        fix = f"make them with: nbf synth --bodies {path}"
        arrays = read_npz(path, "file of bodies", fix)
        with readable(path, "file of bodies", fix):
            count = len(found(arrays.get, "pose", (None, 24, 3)))
            rows = {"pose": (24, 3), "betas": (10,), "transl": (3,), "focal": ()}
            shapes = {name: (count, *shape) for name, shape in rows.items()} | {"size": ()}
            bodies = Bodies(**{n: numbers(arrays.get, n, s).numpy() for n, s in shapes.items()})
            if not (bodies.focal > 0).all() or not bodies.size > 0:
                raise ValueError("a focal length or the size is not positive")
        return bodies


def sample_bodies(
    sampler: PeopleSampler, count: int, progress: Callable[[int], object] = lambda _: None
) -> Bodies:
    """Bodies 0..count-1 of the sampler's seed; each depends on its number only.

    Args:
        progress: called with the number of finished bodies.
    """
    rows = []
    for index in range(count):
        rows.append(_sample_body(sampler, index))
        progress(index + 1)
    pose, betas, transl, focal = (np.stack(column) for column in zip(*rows, strict=True))
    return Bodies(pose, betas, transl, focal, np.array(sampler.size, np.float32))


def _sample_body(sampler: PeopleSampler, index: int) -> tuple[np.ndarray, ...]:
    """Pose, shape, translation and focal length of one body."""
    rng = np.random.default_rng([sampler.seed, SPLIT_CODE[sampler.split], index, _STREAM])
    dressable = sampler.dressable
    pose, betas = sampler.random_body(random_orientation(rng), rng)
    rotations = rotation_from_axis_angle(torch.from_numpy(pose)[None]).float()
    with torch.no_grad():
        posed = dressable.body.pose(rotations, torch.from_numpy(betas)[None], torch.zeros(1, 3))
    part = dressable.vertices_surface.part
    framing = frame_person(posed.vertices[0].numpy(), part, sampler.size, rng)
    transl, focal = framing.transl.astype(np.float32), np.array(framing.focal, np.float32)
    return pose.astype(np.float32), betas, transl, focal
