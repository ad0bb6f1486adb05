"""Files in the official format of SMPL-H and SMPL-X, made of the embedded body.

The real files may not be passed on. Fingers, jaw and eyes share the weights of SMPL's hands and
head; pose blend shapes are noise.
"""

from __future__ import annotations

import numpy as np

from core.body.load import load_body
from core.body.names import PARENTS

FINGERS = 15
VERTICES = {52: 6890, 55: 10475}


def parents_of(joints: int) -> list[int]:
    """SMPL's first 22 joints, jaw and eyes (SMPL-X), five fingers of three joints a hand."""
    parents = [*PARENTS[:22], *([15, 15, 15] if joints == 55 else [])]
    for wrist in (20, 21):
        for _ in range(5):
            first = len(parents)
            parents += [wrist, first, first + 1]
    return parents


def official_tables(joints: int, components: int = 20, seed: int = 0) -> dict[str, np.ndarray]:
    """What smplx reads, and the texture coordinates."""
    rng = np.random.default_rng(seed)
    body = load_body()
    count = VERTICES[joints]
    rows = np.concatenate([np.arange(6890), rng.integers(0, 6890, count - 6890)])
    moved = 0.002 * rng.normal(size=(count, 3)) * (np.arange(count) >= 6890)[:, None]
    shapedirs = 0.001 * rng.normal(size=(count, 3, components))
    shared = min(components, 10)
    shapedirs[..., :shared] = body.shapedirs.numpy()[rows, :, :shared]
    weights = body.weights.numpy()[rows]
    regressor = np.zeros((joints, count))
    regressor[:22, :6890] = body.joint_regressor.numpy()[:22]
    full = np.zeros((count, joints))
    full[:, :22] = weights[:, :22]
    for hand in (0, 1):
        first = joints - 2 * FINGERS + hand * FINGERS
        spread = rng.dirichlet(np.ones(FINGERS + 1), count)
        full[:, first : first + FINGERS] += weights[:, [22 + hand]] * spread[:, 1:]
        full[:, 20 + hand] += weights[:, 22 + hand] * spread[:, 0]
        for finger in range(FINGERS):
            picked = rng.choice(np.flatnonzero(weights[:, 22 + hand] > 0.5))
            regressor[first + finger, picked] = 1
        regressor[first + 3] = 0
        regressor[first + 3, :6890] = body.joint_regressor.numpy()[22 + hand]
    if joints == 55:
        spread = rng.dirichlet(np.ones(4), count)
        full[:, 22:25] = full[:, [15]] * spread[:, 1:]
        full[:, 15] *= spread[:, 0]
        regressor[[22, 23, 24], rng.choice(np.flatnonzero(weights[:, 15] > 0.5), 3)] = 1
    tree = np.stack([np.array(parents_of(joints)) % 2**32, np.arange(joints)])
    return {
        "v_template": body.v_template.numpy()[rows].astype(np.float64) + moved,
        "shapedirs": shapedirs,
        "posedirs": 1e-3 * rng.normal(size=(count, 3, 9 * (joints - 1))),
        "J_regressor": regressor,
        "weights": full,
        "f": body.faces.numpy().astype(np.uint32),
        "kintree_table": tree.astype(np.int64),
        "vt": rng.random((50, 2)),
        "ft": rng.integers(0, 50, body.faces.shape).astype(np.uint32),
        "hands_meanl": rng.normal(size=45),
        "hands_meanr": rng.normal(size=45),
        "hands_componentsl": rng.normal(size=(45, 45)),
        "hands_componentsr": rng.normal(size=(45, 45)),
        "lmk_faces_idx": np.arange(51),
        "lmk_bary_coords": np.full((51, 3), 1 / 3),
    }
