"""What is known to be true of the person in a photo: joints, or a whole body."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32

from core.body.params import BodyParams, check_params
from core.fit.engine import Engine
from core.fit.frames import crop_from_photo
from core.fit.observation import Observation
from core.fit.photo_joints import body_joints

_PREFIX = "truth/"
_JOINTS = {"joints2d": 3, "joints3d": 4}
_BODY = {"global_orient": (3,), "body_pose": (23, 3), "betas": (10,), "transl": (3,)}
_LARGEST = 1e7  # pixels, metres


@dataclass(frozen=True)
class Truth:
    """The truth about one person, as far as somebody has given it.

    Attributes:
        joints2d: x, y in pixels of the photo and confidence of SMPL's joints; 0 for unknown ones.
        joints3d: x, y, z in metres in the photo's camera frame and confidence. They may be known
            up to a common shift only.
        body: in the photo's camera frame; its joints count where none are given.
    """

    joints2d: Float32[np.ndarray, "24 3"] | None = None
    joints3d: Float32[np.ndarray, "24 4"] | None = None
    body: BodyParams | None = None

    def arrays(self) -> dict[str, np.ndarray]:
        """Members of a record."""
        found = {name: getattr(self, name) for name in _JOINTS}
        if self.body is not None:
            found |= {name: value.numpy() for name, value in vars(self.body).items()}
        return {_PREFIX + name: array for name, array in found.items() if array is not None}

    @staticmethod
    def of_arrays(arrays: dict[str, np.ndarray]) -> Truth | None:
        """The truth among the members of a record; None without any.

        Raises:
            ValueError: it makes no sense.
            UserError: a body cannot be one.
        """
        own = {n.removeprefix(_PREFIX): a for n, a in arrays.items() if n.startswith(_PREFIX)}
        if not own:
            return None
        joints: dict[str, Any] = {
            name: _checked(own[name], name, (24, width))
            for name, width in _JOINTS.items()
            if name in own
        }
        if not own.keys() & _BODY.keys():
            return Truth(**joints)
        if lacking := sorted(_BODY.keys() - own.keys()):
            raise ValueError(f"its true body lacks {lacking[0]}")
        body = {name: _checked(own[name], name, (1, *shape)) for name, shape in _BODY.items()}
        tensors = {name: torch.from_numpy(array) for name, array in body.items()}
        return Truth(**joints, body=check_params(BodyParams(**tensors), "its true body: "))


def _checked(array: np.ndarray, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """A member of a record, which may hold anything."""
    if array.shape != shape or array.dtype != np.float32:
        raise ValueError(f"its true {name} are {array.dtype} of {array.shape}")
    if not (np.abs(array) <= _LARGEST).all():
        raise ValueError(f"its true {name} are not finite")
    return np.array(array)


@dataclass(frozen=True)
class TrueJoints:
    """Joints of one person in SMPL's order, NaN where they are not known.

    Attributes:
        xy: pixels of the photo.
        places: metres, photo's camera frame, perhaps up to a common shift.
    """

    xy: Float[np.ndarray, "24 2"]
    places: Float[np.ndarray, "24 3"]


@torch.no_grad()
def true_joints(engine: Engine, observation: Observation, truth: Truth) -> TrueJoints:
    """The joints of a truth; a body's own where the truth has no joints."""
    xy, places = np.full((24, 2), np.nan), np.full((24, 3), np.nan)
    if truth.body is not None:
        body = crop_from_photo(truth.body, observation.view, engine.volume)
        posed = engine.volume.joints(body.rotations(), body.betas, body.transl)[0].double().numpy()
        xy = body_joints(engine, observation, body).xy
        places = posed @ observation.view.rotation.T
    if truth.joints2d is not None:
        xy = _known(truth.joints2d)
    if truth.joints3d is not None:
        places = _known(truth.joints3d)
    return TrueJoints(xy, places)


def _known(joints: Float32[np.ndarray, "24 _"]) -> Float[np.ndarray, "24 _"]:
    values = joints.astype(np.float64)
    return np.where(values[:, -1:] > 0, values[:, :-1], np.nan)
