"""Pose, shape and place of a body, as SMPL files have them."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from core.errors import UserError
from core.geometry.rotations import rotation_from_axis_angle
from core.io.atomic import write_atomic
from core.rows import Rows

_SHAPES = {"global_orient": (3,), "body_pose": (23, 3), "betas": (10,), "transl": (3,)}
_MAX_BYTES = 256 * 2**20
# A file may be absent, no zip, a zip cut short or damaged, or a bare array instead of an archive.
_UNREADABLE = (OSError, ValueError, EOFError, TypeError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True)
class BodyParams(Rows):
    """A batch of bodies.

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
        """Read an npz; arrays without a batch axis are one body, body_pose may be flat.

        Raises:
            UserError: the file is missing or damaged, or an array has a wrong shape or NaN.
        """
        try:
            _check_size(path)
            with np.load(path, allow_pickle=False) as file:
                found = {n: np.asarray(file[n], np.float32) for n in _SHAPES if n in file.files}
        except _UNREADABLE as error:
            raise UserError(f"{path} is not a readable npz of body parameters ({error})") from error
        if missing := [name for name in _SHAPES if name not in found]:
            raise UserError(f"{path} lacks {', '.join(missing)}; it needs {', '.join(_SHAPES)}")
        arrays = {n: _checked(path, n, found[n], shape) for n, shape in _SHAPES.items()}
        if len({len(a) for a in arrays.values()}) != 1:
            raise UserError(f"{path}: its arrays are not of one batch size; write them alike")
        return BodyParams(**arrays)


def _check_size(path: Path) -> None:
    """Refuse an archive that would unpack to more than any real one."""
    with zipfile.ZipFile(path) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > _MAX_BYTES:
            raise ValueError(f"it unpacks to more than {_MAX_BYTES >> 20} MB")


def _checked(path: Path, name: str, array: np.ndarray, shape: tuple[int, ...]) -> Tensor:
    """One array of a file with its batch axis, or the reason why not."""
    width = int(np.prod(shape))
    if array.size == 0 or array.size % width or not np.isfinite(array).all():
        raise UserError(f"{path}: {name} must hold finite numbers, {width} a body")
    return torch.from_numpy(array.reshape(-1, *shape).copy())
