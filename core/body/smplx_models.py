"""SMPL-H and SMPL-X as bodies of 24 joints, read by the `smplx` package.

Both have SMPL's joints 0 to 21 and more: fingers, and with SMPL-X the jaw and the eyes. Fingers are
folded into SMPL's two hand joints, jaw and eyes into the head: blend weights add up. As long as the
folded joints stay at rest, and a joint at rest moves like its parent, nothing is lost:
vertices equal those of smplx with ``flat_hand_mean=True`` and zero poses of hands, jaw and eyes.
(With smplx's default, ``flat_hand_mean=False``, a zero pose of the hand is MANO's mean pose, whose
fingers are bent; here it is the template's flat hand.) Facial expressions are left out.

smplx unpickles the files it is given, so it never sees the user's: it gets a copy that holds
nothing but arrays which have been checked.
"""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.body.model import Body
from core.body.names import JOINT_NAMES, PARENTS
from core.body.tables import Lookup, indices, numbers, texture
from core.errors import UserError

SHARED = 22
"""SMPL's joints without the two of the hands."""
_SHAPES = 10
_HANDS = (22, 23)
_FOLDED = {15: 15, 20: 22, 21: 23, 22: 22, 23: 23}
"""The joint that owns a parent -> the one that owns its child: the head, or a hand."""


@dataclass(frozen=True)
class Kind:
    """A model family that contains SMPL's joints.

    Attributes:
        name: as its makers write it.
        layer: the class in smplx.
        vertices, joints: how many it has.
        topology: see `core.body.model.Body`. SMPL-H has SMPL's vertices.
        middle: the first joints of the left and the right middle finger, where SMPL's hands are.
    """

    name: str
    layer: str
    vertices: int
    joints: int
    topology: str
    middle: tuple[int, int]


KINDS = {
    52: Kind("SMPL-H", "SMPLHLayer", 6890, 52, "smpl", (25, 40)),
    55: Kind("SMPL-X", "SMPLXLayer", 10475, 55, "smplx", (28, 43)),
}
"""By the number of joints."""


def body_of_kind(kind: Kind, find: Lookup) -> Body:
    """The body in the tables of a file.

    Raises:
        ValueError: a table is missing, damaged, or does not belong to this kind.
        UserError: smplx is not installed.
    """
    arrays = _checked_arrays(kind, find)
    uv, uv_faces = texture(find)
    model = _load(kind, arrays)
    owner = folded_joints(model.parents)
    fold = torch.nn.functional.one_hot(owner, len(JOINT_NAMES)).to(model.lbs_weights)
    kept = [*range(SHARED), *kind.middle]
    return Body(
        v_template=model.v_template,
        shapedirs=model.shapedirs[..., :_SHAPES].contiguous(),
        posedirs=_pose_shapes(model.posedirs, kind),
        joint_regressor=model.J_regressor[kept],
        weights=model.lbs_weights @ fold,
        faces=model.faces_tensor,
        uv=uv,
        uv_faces=uv_faces,
        mirror=None,
        topology=kind.topology,
    )


def folded_joints(parents: Int[Tensor, " joints"]) -> Int[Tensor, " joints"]:
    """SMPL's joint that moves each joint of a larger tree while that one stays at rest.

    Raises:
        ValueError: the tree is not SMPL's with more joints on the head and the wrists.
    """
    tree = parents.tolist()
    if tree[1:SHARED] != list(PARENTS[1:SHARED]):
        raise ValueError("kintree_table does not begin with SMPL's joints")
    owner = list(range(SHARED))
    for joint, parent in enumerate(tree[SHARED:], SHARED):
        if not 0 <= parent < joint or owner[parent] not in _FOLDED:
            raise ValueError(f"kintree_table hangs joint {joint} on joint {parent}")
        owner.append(_FOLDED[owner[parent]])
    return torch.tensor(owner)


def _checked_arrays(kind: Kind, find: Lookup) -> dict[str, np.ndarray]:
    """What smplx reads from a file; what no body at rest needs is left at zero."""
    count = kind.vertices
    v_template = numbers(find, "v_template", (None, 3))
    if len(v_template) != count:
        raise ValueError(f"v_template has {len(v_template)} vertices, {kind.name} has {count}")
    tables = {
        "v_template": v_template,
        "shapedirs": _shapes(numbers(find, "shapedirs", (count, 3, None)), kind),
        "posedirs": numbers(find, "posedirs", (count, 3, 9 * (kind.joints - 1))),
        "J_regressor": numbers(find, "J_regressor", (kind.joints, count)),
        "weights": numbers(find, "weights", (count, kind.joints)),
        "f": indices(find, "f", (None, 3), count),
        "kintree_table": numbers(find, "kintree_table", (2, kind.joints)),
    }
    unused: dict[str, np.ndarray] = {
        **{f"hands_components{side}": np.zeros((45, 45), np.float32) for side in "lr"},
        **{f"hands_mean{side}": np.zeros(45, np.float32) for side in "lr"},
        "lmk_faces_idx": np.zeros(1, np.int64),
        "lmk_bary_coords": np.zeros((1, 3), np.float32),
    }
    return {name: table.numpy() for name, table in tables.items()} | unused


def _shapes(found: Float[Tensor, "vertices 3 n"], kind: Kind) -> Float[Tensor, "vertices 3 20"]:
    """Ten shape components and, in place of expressions, ten that move nothing."""
    number = found.shape[-1]
    if number < _SHAPES:
        print(
            f"nbf: the {kind.name} file has {number} shape components; "
            f"betas {number + 1} to {_SHAPES} move nothing",
            file=sys.stderr,
        )
    shapes = found.new_zeros(*found.shape[:2], 2 * _SHAPES)
    shapes[..., : min(number, _SHAPES)] = found[..., :_SHAPES]
    return shapes


def _load(kind: Kind, arrays: dict[str, np.ndarray]) -> Any:
    """The model as smplx reads it from an npz of plain arrays."""
    try:
        import smplx
    except ImportError as error:
        raise UserError(
            f"{kind.name} files are read by smplx (non-commercial research only), which is not "
            "installed: pip install smplx"
        ) from error
    with tempfile.TemporaryDirectory(prefix="nbf-") as folder:
        path = Path(folder, "model.npz")
        np.savez(path, **arrays)  # type: ignore[arg-type]  # mypy takes them for `allow_pickle`
        layer = getattr(smplx, kind.layer)
        with contextlib.redirect_stdout(io.StringIO()):  # it remarks on ten shape components
            return layer(str(path), ext="npz", use_pca=False, flat_hand_mean=True)


def _pose_shapes(
    posedirs: Float[Tensor, "pose coordinates"], kind: Kind
) -> Float[Tensor, "vertices 3 207"]:
    """Pose blend shapes of the shared joints; those of fingers and face are zero at rest."""
    shared = posedirs[: 9 * (SHARED - 1)].reshape(-1, kind.vertices, 3).permute(1, 2, 0)
    return torch.nn.functional.pad(shared, (0, 9 * len(_HANDS))).contiguous()
