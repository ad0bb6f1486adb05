"""SMPL parameters: pose, shape and translation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from core.errors import UserError
from core.geometry.rotations import rotation_from_axis_angle
from core.io.atomic import write_atomic
from core.io.files import printable
from core.io.npz import NpzReader
from core.rows import Rows

_SHAPES = {"global_orient": (3,), "body_pose": (23, 3), "betas": (10,), "transl": (3,)}
_LARGEST = {"global_orient": 100.0, "body_pose": 100.0, "betas": 100.0, "transl": 1e5}
_UNITS = dict.fromkeys(("global_orient", "body_pose"), "radians") | {
    "betas": "standard deviations",
    "transl": "metres",
}
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
        arrays = {n: _with_batch(path, n, found[n], shape) for n, shape in _SHAPES.items()}
        return BodyParams(**_checked(arrays, f"{printable(path)}: "))


def check_params(params: BodyParams, label: str = "") -> BodyParams:
    """Parameters of any type as float32, if they can be those of bodies.

    Args:
        label: of messages, where the parameters come from.

    Raises:
        UserError: an array has another shape, other values than finite numbers, or numbers that no
            pose, shape or place has.
    """
    return BodyParams(**_checked(vars(params), label))


def _checked(arrays: Mapping[str, object], label: str) -> dict[str, Tensor]:
    """Arrays by name as tensors that fit together."""
    tensors: dict[str, Tensor] = {}
    for name, shape in _SHAPES.items():
        try:
            value = torch.as_tensor(arrays[name]).detach().to("cpu", torch.float32)
        except (TypeError, ValueError, RuntimeError) as error:
            raise UserError(f"{label}{name} does not hold numbers") from error
        if value.shape != (len(value) if value.ndim else 0, *shape) or not len(value):
            wanted = ", ".join(map(str, ("bodies", *shape)))
            raise UserError(f"{label}{name} has the shape {tuple(value.shape)}, not ({wanted})")
        if not (value.abs() <= _LARGEST[name]).all():  # not with NaN either
            message = f"must hold finite numbers up to {_LARGEST[name]:g} ({_UNITS[name]})"
            raise UserError(f"{label}{name} {message}")
        tensors[name] = value
    if len({len(value) for value in tensors.values()}) != 1:
        raise UserError(f"{label}the arrays differ in batch size")
    return tensors


def _with_batch(path: Path, name: str, array: np.ndarray, shape: tuple[int, ...]) -> Tensor:
    """One array of a file with its batch axis."""
    width = int(np.prod(shape))
    if array.dtype.kind not in "fiub":
        raise UserError(f"{printable(path)}: {name} does not hold numbers; {_FIX}")
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite and is refused
        numbers = array.astype(np.float32)
    if numbers.size == 0 or numbers.size % width:
        raise UserError(f"{printable(path)}: {name} must hold {width} numbers a body; {_FIX}")
    return torch.from_numpy(numbers.reshape(-1, *shape))
