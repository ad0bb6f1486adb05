"""Where the parts of bodies lie in pictures, without the pictures.

What the lifter (`core.nets.lifter`) learns from: poses, shapes and cameras like those of the
synthetic people, but nobody is dressed and lit. Only part maps are drawn, and only their moments
are kept, which takes 5 ms and 0.8 kB a body.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from core.data.camera import frame_person, random_orientation
from core.data.files import read_npz
from core.data.people import PeopleSampler
from core.data.poses import SPLIT_CODE
from core.errors import UserError
from core.geometry.rotations import rotation_from_axis_angle
from core.io.atomic import write_atomic
from core.nets.lifter import PARTS, part_layout
from core.render.raster import rasterize

MAP = 64  # side of the part maps; moments hardly depend on it
_STREAM = 11  # keeps these bodies apart from the sampler's people


@dataclass(frozen=True)
class Layouts:
    """Layouts and the bodies behind them, in the crop camera's frame; see `core.data.sample`."""

    layout: Float[np.ndarray, "n 24 7"]
    pose: Float[np.ndarray, "n 24 3"]
    betas: Float[np.ndarray, "n 10"]
    transl: Float[np.ndarray, "n 3"]
    focal: Float[np.ndarray, " n"]
    """Pixels of a crop of side ``size``."""
    size: Float[np.ndarray, ""]

    def __len__(self) -> int:
        return len(self.layout)

    def save(self, path: Path) -> None:
        """Write an npz file."""
        write_atomic(path, lambda file: np.savez(file, **asdict(self)))

    @staticmethod
    def load(path: Path) -> Layouts:
        """Read what `save` wrote.

        Raises:
            UserError: the file is missing, damaged, or something else.
        """
        arrays = read_npz(path, "layouts")
        names = {field.name for field in fields(Layouts)}
        if set(arrays) != names or arrays["layout"].shape[1:] != (PARTS, 7):
            raise UserError(f"{path} holds no layouts; make them with: nbf synth --layouts {path}")
        return Layouts(**arrays)


def sample_layouts(
    sampler: PeopleSampler, count: int, progress: Callable[[int], object] = lambda _: None
) -> Layouts:
    """Layouts of bodies 0..count-1 of the sampler's seed; each depends on its number only."""
    rows = []
    for index in range(count):
        rows.append(_one(sampler, index))
        progress(index + 1)
    layout, pose, betas, transl, focal = (np.stack(column) for column in zip(*rows, strict=True))
    return Layouts(layout, pose, betas, transl, focal, np.array(sampler.size, np.float32))


def _one(sampler: PeopleSampler, index: int) -> tuple[np.ndarray, ...]:
    """Layout, pose, shape, place and focal length of one body."""
    rng = np.random.default_rng([sampler.seed, SPLIT_CODE[sampler.split], index, _STREAM])
    figure = sampler.figure
    pose, betas = sampler.random_body(random_orientation(rng), rng)
    rotations = rotation_from_axis_angle(torch.from_numpy(pose)[None]).float()
    with torch.no_grad():
        posed = figure.body.pose(rotations, torch.from_numpy(betas)[None], torch.zeros(1, 3))
    vertices = posed.vertices[0].numpy()
    framing = frame_person(vertices, figure.vertices_surface.part, sampler.size, rng)
    transl = framing.transl.astype(np.float32)
    focal, middle = framing.focal * MAP / sampler.size, (MAP / 2, MAP / 2)
    raster = rasterize(vertices + transl, figure.faces, focal, middle, MAP, MAP)
    part = figure.face_part[raster.face_ids]
    regions = (part == np.arange(PARTS)[:, None, None]) & raster.mask
    layout = part_layout(torch.from_numpy(regions[None]).float())[0].numpy().astype(np.float16)
    return layout, pose.astype(np.float32), betas, transl, np.array(framing.focal, np.float32)
