"""CMU motions as exponential maps, the format of motion-prediction papers.

A file holds one array of (frames, 117): the root's position, then axis-angle vectors of 38 joints
in the order of `JOINTS`. The vectors are of rotations that act on row vectors, the transposes of
those used here.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from core.io.files import readable
from core.io.npz import read_npz
from core.mocap.cmu import BONE_OF_JOINT, centred_hands
from core.mocap.retarget import BoneMotion

# (name, index of the parent); names are those of the Acclaim skeleton, empty for ends of chains.
JOINTS = (
    *(("root", -1), ("lhipjoint", 0), ("lfemur", 1), ("ltibia", 2), ("lfoot", 3), ("ltoes", 4)),
    *(("", 5), ("rhipjoint", 0), ("rfemur", 7), ("rtibia", 8), ("rfoot", 9), ("rtoes", 10)),
    *(("", 11), ("lowerback", 0), ("upperback", 13), ("thorax", 14), ("lowerneck", 15)),
    *(("upperneck", 16), ("head", 17), ("", 18), ("lclavicle", 15), ("lhumerus", 20)),
    *(("lradius", 21), ("lwrist", 22), ("lhand", 23), ("lfingers", 24), ("", 25)),
    *(("lthumb", 23), ("", 27), ("rclavicle", 15), ("rhumerus", 29), ("rradius", 30)),
    *(("rwrist", 31), ("rhand", 32), ("rfingers", 33), ("", 34), ("rthumb", 32), ("", 36)),
)
COLUMNS = 3 + 3 * len(JOINTS)
_WHAT, _FIX = "exponential-map motion", "copy it again"

# Rest directions of the long bones of CMU's skeleton.
DIRECTIONS = {
    "femur": (0.342, -0.940, 0.0),
    "tibia": (0.342, -0.940, 0.0),
    "humerus": (1.0, 0.0, 0.0),
    "radius": (1.0, 0.0, 0.0),
}


def read_motion(path: Path) -> BoneMotion:
    """The motion of an npz whose array ``x`` is as described above.

    Raises:
        UserError: the file is missing, damaged, or of another width.
    """
    table = read_npz(path, _WHAT, _FIX, ("x",))["x"]
    with readable(path, _WHAT, _FIX):
        if table.dtype.kind not in "fiu":
            raise ValueError("x does not hold numbers")
        numbers = table.astype(np.float64)
        is_complete = numbers.ndim == 2 and numbers.shape[1] == COLUMNS and len(numbers) > 0
        if not is_complete or not np.isfinite(numbers).all():
            raise ValueError(f"x must be finite numbers of shape (frames, {COLUMNS})")
        return _motion(numbers)


def _motion(numbers: Float[np.ndarray, "frames columns"]) -> BoneMotion:
    """The motion in a table."""
    vectors = numbers[:, 3:].reshape(-1, len(JOINTS), 3)
    rotations: list[Rotation] = []
    for joint, (_, parent) in enumerate(JOINTS):
        own = Rotation.from_rotvec(vectors[:, joint]).inv()
        rotations.append(own if parent < 0 else rotations[parent] * own)
    named = {name: rotations[i].as_matrix() for i, (name, _) in enumerate(JOINTS) if name}
    return BoneMotion(centred_hands(named), _directions(), BONE_OF_JOINT)


def _directions() -> dict[str, np.ndarray]:
    """`DIRECTIONS` of both sides."""
    mirror = np.array([-1, 1, 1])
    left = {f"l{name}": np.array(value) for name, value in DIRECTIONS.items()}
    return left | {f"r{name}": np.array(v) * mirror for name, v in DIRECTIONS.items()}
