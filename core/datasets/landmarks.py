"""The points that data sets annotate, and their order in the files.

Every layout is a tuple of names in the file's order; None is a point that is not used. A name is
one of SMPL's 24 joints or one of `LANDMARK_NAMES`: points on the face, the feet and the head, and
joints whose definition in other data sets differs from SMPL's by some centimetres.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from core.body.names import JOINT_NAMES

LANDMARK_NAMES = (
    *("nose", "l_eye", "r_eye", "l_ear", "r_ear"),
    *("l_big_toe", "l_small_toe", "l_heel", "r_big_toe", "r_small_toe", "r_heel"),
    *("head_top", "l_hip_lsp", "r_hip_lsp", "neck_lsp", "pelvis_mpii", "thorax_mpii"),
    *("spine_h36m", "jaw_h36m", "head_h36m"),
)

PointLayout = tuple[str | None, ...]

_ARM = ("shoulder", "elbow", "wrist")
_FACE = ("nose", "l_eye", "r_eye", "l_ear", "r_ear")


def _side(side: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{side}_{name}" for name in names)


LSP_14: PointLayout = (
    *_side("r", "ankle", "knee", "hip_lsp"),
    *_side("l", "hip_lsp", "knee", "ankle"),
    *_side("r", "wrist", "elbow", "shoulder"),
    *_side("l", *_ARM),
    *("neck_lsp", "head_top"),
)
"""LSP's 14 points; also the first 14 of SPIN's 24."""

SPIN_24: PointLayout = (
    *LSP_14,
    *("pelvis_mpii", "thorax_mpii", "spine_h36m", "jaw_h36m", "head_h36m"),
    *_FACE,
)
"""The points of ``part`` and ``S`` in SPIN's files."""

_BODY_25_LIMBS: PointLayout = (
    *("nose", None),  # OpenPose's neck is between the shoulders; it is not SMPL's
    *_side("r", *_ARM),
    *_side("l", *_ARM),
    None,  # the middle of the hips
    *_side("r", "hip", "knee", "ankle"),
    *_side("l", "hip", "knee", "ankle"),
    *("r_eye", "l_eye", "r_ear", "l_ear"),
)
BODY_25: PointLayout = (
    *_BODY_25_LIMBS,
    *_side("l", "big_toe", "small_toe", "heel"),
    *_side("r", "big_toe", "small_toe", "heel"),
)
"""OpenPose's BODY_25."""

COCO_18: PointLayout = _BODY_25_LIMBS[:8] + _BODY_25_LIMBS[9:]
"""OpenPose's 18 points, as in 3DPW's ``poses2d``."""

COCO_17: PointLayout = (
    *_FACE,
    *[f"{side}_{name}" for name in (*_ARM, "hip_lsp", "knee", "ankle") for side in "lr"],
)
"""COCO's 17 points; its hips are where annotators see them, as LSP's are."""

SPIN_49: PointLayout = SPIN_24 + BODY_25
"""``part``, then ``openpose``: annotations take precedence over detections."""

SMPL_24: PointLayout = JOINT_NAMES
SMPLX_22: PointLayout = JOINT_NAMES[:22]
"""The joints that SMPL-X shares with SMPL: all but the hands."""

MPI_INF_3DHP_28: PointLayout = (
    *(None, None, None, "spine_h36m", "pelvis_mpii", "neck_lsp", "jaw_h36m", "head_h36m"),
    *(None, *_side("l", *_ARM), None),
    *(None, *_side("r", *_ARM), None),
    *(*_side("l", "hip_lsp", "knee", "ankle"), None, None),
    *(*_side("r", "hip_lsp", "knee", "ankle"), None, None),
)
"""MPI-INF-3DHP's 28 joints, named as in SPIN's conversion."""

HUMAN_DATA_190: PointLayout = (
    *SMPLX_22,
    *[None] * 33,  # jaw, eyeballs, fingers
    *("nose", "r_eye", "l_eye", "r_ear", "l_ear"),
    *BODY_25[19:],
    *[None] * 78,  # finger tips, face
    *("r_hip_lsp", "l_hip_lsp", "neck_lsp", "head_top"),
    *("pelvis_mpii", "thorax_mpii", "spine_h36m", "jaw_h36m", "head_h36m"),
    *BODY_25,
    *[None] * 10,  # points of single data sets
    *("l_hand", "r_hand"),
)
"""mmhuman3d's union of the points of all data sets."""

_JOINT_ROW = {name: row for row, name in enumerate(JOINT_NAMES)}
_LANDMARK_ROW = {name: row for row, name in enumerate(LANDMARK_NAMES)}


def sort_points(
    points: Float[np.ndarray, "people points columns"], layout: PointLayout
) -> tuple[Float[np.ndarray, "people 24 columns"], Float[np.ndarray, "people 20 columns"]]:
    """A file's points as SMPL's joints and as landmarks; the last column is the confidence.

    Of several points with the same name, the first with a positive confidence is used. Points
    without one, or with coordinates that are not finite, become 0.
    """
    people, _, columns = points.shape
    joints = np.zeros((people, len(JOINT_NAMES), columns), np.float32)
    landmarks = np.zeros((people, len(LANDMARK_NAMES), columns), np.float32)
    for column, name in enumerate(layout):
        if name is None:
            continue
        target, row = (
            (joints, _JOINT_ROW[name]) if name in _JOINT_ROW else (landmarks, _LANDMARK_ROW[name])
        )
        found = points[:, column]
        usable = np.isfinite(found).all(1) & (found[:, -1] > 0) & (target[:, row, -1] == 0)
        target[usable, row] = found[usable]
    for table in (joints, landmarks):
        np.minimum(table[..., -1], 1, out=table[..., -1])
    return joints, landmarks


def fill_missing_hips(
    joints: Float[np.ndarray, "people 24 3"], landmarks: Float[np.ndarray, "people 20 3"]
) -> None:
    """Use annotated 2D hips for SMPL's hips where these are unknown, in place.

    They differ by some centimetres, no more than annotators differ from each other. In 3D, where
    centimetres are measured, the two are kept apart.
    """
    for side in "lr":
        joint, landmark = _JOINT_ROW[f"{side}_hip"], _LANDMARK_ROW[f"{side}_hip_lsp"]
        missing = joints[:, joint, -1] <= 0
        joints[missing, joint] = landmarks[missing, landmark]
