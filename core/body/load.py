"""Bodies from files: the embedded one, and a user's SMPL, SMPL-H or SMPL-X as .pkl or .npz."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from core.assets import asset_path
from core.body.model import Body
from core.body.names import PARENTS
from core.body.smpl_pickle import UnsafePickleError, read_pickle, unwrap
from core.body.smplx_models import KINDS, body_of_kind
from core.body.tables import Lookup, found, indices, numbers, optional, texture
from core.errors import UserError
from core.io.files import open_file, read_bytes, readable
from core.io.npz import NpzReader

MAX_BYTES = 400 * 2**20
_SHAPES = 10
_HINT = "give the .pkl or .npz of SMPL (version 1.0.0 or 1.1.0), SMPL-H or SMPL-X"


def load_body(path: Path | None = None) -> Body:
    """The embedded body, or the body of a .pkl or .npz file of SMPL, SMPL-H or SMPL-X.

    Of more than ten shape components the first ten are kept. Nothing in the file is executed.
    `core.body.smplx_models` says what becomes of the joints of fingers and face.

    Raises:
        UserError: the file is missing, too large, damaged, unsafe, or not an SMPL body; or it is
            one of SMPL-H or SMPL-X and smplx is not installed.
    """
    path = asset_path("body/freebody.npz") if path is None else Path(path)
    with readable(path, "SMPL body", _HINT):
        try:
            return _assemble(_open(path))
        except UnsafePickleError as error:
            raise UserError(f"{path} names {error}, which no SMPL file needs; {_HINT}") from error


def check_regressor(body: Body, topology: str) -> None:
    """Refuse a per-vertex table that was made for another vertex numbering.

    Two bodies may both have 6890 vertices and number them differently.

    Raises:
        UserError: ``topology`` is not the body's.
    """
    if body.topology != topology:
        raise UserError(
            f"a regressor made for the topology {topology!r} does not fit a body of topology "
            f"{body.topology!r}; load the body it was made for"
        )


def _open(path: Path) -> Lookup:
    """Choose the reader by the file's first bytes, after a check of its size."""
    with open_file(path, MAX_BYTES) as file:
        is_zip = file.read(4) == b"PK\x03\x04"
    return _open_npz(path) if is_zip else _open_pickle(read_bytes(path, MAX_BYTES))


def _open_npz(path: Path) -> Lookup:
    reader = NpzReader(path, "SMPL body", _HINT, MAX_BYTES)
    return lambda key: reader.array(key) if key in reader else None


def _open_pickle(data: bytes) -> Lookup:
    found = read_pickle(data)

    def find(key: str) -> np.ndarray | None:
        value = found.get(key)
        if isinstance(value, str):
            return np.array(value)
        return None if value is None else unwrap(value)

    return _explained(find)


def _explained(find: Lookup) -> Lookup:
    """The same lookup with errors that name the key: a damaged array can fail in any way."""

    def lookup(key: str) -> np.ndarray | None:
        try:
            return find(key)
        except Exception as error:
            raise ValueError(f"{key} cannot be read ({error})") from error

    return lookup


def _assemble(find: Lookup) -> Body:
    """Check every table against the others."""
    joints = found(find, "weights", (None, None)).shape[1]
    if joints in KINDS:
        return body_of_kind(KINDS[joints], find)
    if joints != len(PARENTS):
        raise ValueError(f"weights are for {joints} joints: SMPL has 24, SMPL-H 52, SMPL-X 55")
    v_template = numbers(find, "v_template", (None, 3))
    count = len(v_template)
    shapedirs = numbers(find, "shapedirs", (count, 3, None))
    if shapedirs.shape[-1] < _SHAPES:
        raise ValueError(f"shapedirs has {shapedirs.shape[-1]} components, {_SHAPES} are needed")
    _check_skeleton(find)
    uv, uv_faces = texture(find)
    return Body(
        v_template=v_template,
        shapedirs=shapedirs[..., :_SHAPES].contiguous(),
        posedirs=optional(find, "posedirs", (count, 3, 207)),
        joint_regressor=numbers(find, "J_regressor", (24, count)),
        weights=numbers(find, "weights", (count, 24)),
        faces=indices(find, "f", (None, 3), count),
        uv=uv,
        uv_faces=uv_faces,
        mirror=None if find("mirror") is None else indices(find, "mirror", (count,), count),
        topology=_topology(find, count),
    )


def _check_skeleton(find: Lookup) -> None:
    """Refuse a kinematic tree other than SMPL's, if the file contains one."""
    table = find("kintree_table")
    if table is not None and (table.shape != (2, 24) or table[0, 1:].tolist() != list(PARENTS[1:])):
        raise ValueError("kintree_table is not SMPL's tree of 24 joints")


def _topology(find: Lookup, count: int) -> str:
    """The file's topology tag; SMPL's own files have none."""
    tag = find("topology")
    if tag is not None:
        return str(tag)
    if count != 6890:
        raise ValueError(f"v_template has {count} vertices, SMPL has 6890")
    return "smpl"
