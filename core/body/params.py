"""SMPL parameters: pose, shape and translation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from core.errors import UserError
from core.geometry.rotations import rotation_from_axis_angle
from core.io.atomic import write_atomic
from core.io.npz import NpzReader
from core.rows import Rows

_SHAPES = {"global_orient": (3,), "body_pose": (23, 3), "betas": (10,), "transl": (3,)}
_MAX_BYTES = 256 * 2**20
_FIX = "give an npz that `BodyParams.save` or nbf fit wrote"


@dataclass(frozen=True)
class BodyParams(Rows):
    """Parameters of a batch of bodies.

    Attributes:
        global_orient: axis-angle of the root, radians, in the frame of ``transl``.
        body_pose: axis-angle of joints 1..23 relative to their parents.
        betas: shape coefficients in standard deviations.
        transl: metres.
    """

    global_orient: Float[Tensor, "batch 3"]
    body_pose: Float[Tensor, "batch 23 3"]
    betas: Float[Tensor, "batch 10"]
    transl: Float[Tensor, "batch 3"]

    def rotations(self) -> Float[Tensor, "batch 24 3 3"]:
        """Local rotation matrices, the root's first."""
        vectors = torch.cat([self.global_orient[:, None], self.body_pose], 1)
        return rotation_from_axis_angle(vectors)

    def save(self, path: Path) -> None:
        """Write an npz of the four arrays."""

        def write(temporary: Path) -> None:
            with temporary.open("wb") as file:
                np.savez(file, **{n: v.detach().cpu().numpy() for n, v in vars(self).items()})

        write_atomic(path, write)

    @staticmethod
    def load(path: Path) -> BodyParams:
        """Read an npz. Arrays without a batch axis describe one body; body_pose may be flat.

        Raises:
            UserError: the file is missing or damaged, or an array has a wrong shape or holds
                values that are not finite numbers.
        """
        reader = NpzReader(path, "npz of body parameters", _FIX, _MAX_BYTES)
        found = reader.arrays([name for name in _SHAPES if name in reader])
        if missing := [name for name in _SHAPES if name not in found]:
            raise UserError(f"{path} lacks {', '.join(missing)}; it needs {', '.join(_SHAPES)}")
        arrays = {n: _checked(path, n, found[n], shape) for n, shape in _SHAPES.items()}
        if len({len(a) for a in arrays.values()}) != 1:
            raise UserError(f"{path}: its arrays differ in batch size; {_FIX}")
        return BodyParams(**arrays)


def _checked(path: Path, name: str, array: np.ndarray, shape: tuple[int, ...]) -> Tensor:
    """One array of a file with its batch axis, checked."""
    width = int(np.prod(shape))
    if array.dtype.kind not in "fiub":
        raise UserError(f"{path}: {name} does not hold numbers; {_FIX}")
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite and is refused
        numbers = array.astype(np.float32)
    if numbers.size == 0 or numbers.size % width or not np.isfinite(numbers).all():
        raise UserError(f"{path}: {name} must hold finite numbers, {width} a body; {_FIX}")
    return torch.from_numpy(numbers.reshape(-1, *shape))
