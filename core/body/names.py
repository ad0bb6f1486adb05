"""Names and fixed tables of the SMPL skeleton."""

from __future__ import annotations

JOINT_NAMES = (
    *("pelvis", "l_hip", "r_hip", "spine1", "l_knee", "r_knee", "spine2", "l_ankle", "r_ankle"),
    *("spine3", "l_foot", "r_foot", "neck", "l_collar", "r_collar", "head"),
    *("l_shoulder", "r_shoulder", "l_elbow", "r_elbow", "l_wrist", "r_wrist", "l_hand", "r_hand"),
)
PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
JOINT_FLIP = tuple(
    JOINT_NAMES.index({"l": "r", "r": "l"}[n[0]] + n[1:]) if n[1] == "_" else i
    for i, n in enumerate(JOINT_NAMES)
)

LIMB_KINDS = ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")
"""Kinds of the twelve joints of legs and arms, which every annotation has."""
SIDES = {"l": "left", "r": "right"}


def joint_words(name: str) -> str:
    """A joint's name in words: "left wrist" for "l_wrist"."""
    side, _, rest = name.partition("_")
    return f"{SIDES[side]} {rest}" if rest else side


# Limb -> joints whose mean is its start, and joints whose mean is its end.
LIMBS: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "l_upper_arm": ((16,), (18,)),
    "r_upper_arm": ((17,), (19,)),
    "l_lower_arm": ((18,), (20,)),
    "r_lower_arm": ((19,), (21,)),
    "l_upper_leg": ((1,), (4,)),
    "r_upper_leg": ((2,), (5,)),
    "l_lower_leg": ((4,), (7,)),
    "r_lower_leg": ((5,), (8,)),
    "torso": ((1, 2), (12,)),
}
# For each joint, the limb (by its place in `LIMBS`) that the joint moves.
LIMB_OF_JOINT = (8, 4, 5, 8, 6, 7, 8, 6, 7, 8, 6, 7, 8, 8, 8, 8, 0, 1, 2, 3, 2, 3, 2, 3)
