"""The steps of a fit as a body with a skin and an animation, for other programs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from core.body.kinematics import forward_kinematics
from core.body.model import Body
from core.body.names import JOINT_NAMES, PARENTS
from core.body.params import BodyParams
from core.errors import UserError
from core.fit.course import bodies_at
from core.fit.engine import Engine
from core.fit.observation import Observation
from core.fit.trace import Trace
from core.io.files import printable
from core.io.skinned import Motion, SkinnedMesh, save_skinned
from core.render.shade.render import vertex_normals

RATE = 24.0
"""Steps in a second of the animation."""
TOLERANCE = 1e-5
"""Metres by which the surface may differ from the body's own at a step."""
RECORDS = 600
"""Steps that an animation has at most; of longer fits every few are taken."""


def save_animation(
    path: Path, engine: Engine, observation: Observation, trace: Trace, shown: int
) -> None:
    """Write the steps of a fit of one person as a glTF binary with a skin and an animation.

    It is in the photo's camera frame as glTF has it (see `core.io.gltf`), `RATE` steps a second.

    Args:
        shown: the step at which the body stands where the animation is not played.

    Raises:
        UserError: another suffix, there is no step, or the file cannot be written.
    """
    if path.suffix.lower() != ".glb":
        raise UserError(f"{printable(path)}: an animation is written as .glb")
    if not trace.records:
        raise UserError("the fit has no step yet: there is nothing to animate")
    steps = list(range(0, len(trace), -(-len(trace) // RECORDS)))
    steps = sorted({*steps, shown})
    params = bodies_at(trace, steps, observation.view, engine.volume)
    mesh, motion = animated(engine.body, params, np.array(steps) / RATE)
    save_skinned(path, mesh, motion, steps.index(shown))


@torch.no_grad()
def animated(
    body: Body, params: BodyParams, times: Float[np.ndarray, " times"]
) -> tuple[SkinnedMesh, Motion]:
    """A skinned body and the motion that gives what `Body.pose` gives for each row.

    Shape and pose correctives move the vertices at rest from row to row. These displacements are
    written as a few morph targets, their principal components. The joints at rest move with the
    shape as well, which the places of the joints make up for.
    """
    rotations = params.rotations().double()
    body = body.to(rotations)
    betas = params.betas.double()
    rest, rest_joints = body.rest_vertices(betas), body.rest_joints(betas)
    moves = forward_kinematics(rotations, rest_joints)
    surface = rest if body.posedirs is None else rest + _correctives(body, rotations)
    base, base_joints = surface.mean(0), rest_joints.mean(0)
    morphs, shares = _components((surface - base).flatten(1).numpy())
    # A joint's motion takes its place at rest to the posed one; a skin with one rest for all rows
    # must take the base's place to where that motion takes it.
    places = (moves.rotations @ base_joints[..., None])[..., 0] + moves.translations
    places = places + params.transl.double()[:, None]
    mesh = SkinnedMesh(
        vertices=base.numpy(),
        normals=vertex_normals(base.numpy().astype(np.float32), body.faces.numpy()),
        faces=body.faces.numpy(),
        weights=body.weights.numpy(),
        names=JOINT_NAMES,
        parents=PARENTS,
        joints=base_joints.numpy(),
        morphs=morphs.reshape(-1, *base.shape),
    )
    local = _in_parents(moves.rotations, places)
    return mesh, Motion(times, rotations.numpy(), local.numpy(), shares)


def _correctives(
    body: Body, rotations: Float[Tensor, "rows 24 3 3"]
) -> Float[Tensor, "rows vertices 3"]:
    """Displacements at rest that depend on the pose."""
    assert body.posedirs is not None
    bent = (rotations[:, 1:] - torch.eye(3, dtype=rotations.dtype)).flatten(1)
    return torch.einsum("vcp,bp->bvc", body.posedirs, bent)


def _in_parents(
    rotations: Float[Tensor, "rows 24 3 3"], places: Float[Tensor, "rows 24 3"]
) -> Float[Tensor, "rows 24 3"]:
    """Places of joints in the frames of their parents; the root's stays."""
    parents = torch.tensor(PARENTS[1:])
    away = places[:, 1:] - places[:, parents]
    inner = (rotations[:, parents].mT @ away[..., None])[..., 0]
    return torch.cat([places[:, :1], inner], 1)


def _components(
    moves: Float[np.ndarray, "rows size"],
) -> tuple[Float[np.ndarray, "found size"], Float[np.ndarray, "rows found"]]:
    """As few components as give every number up to `TOLERANCE`, and each row's shares of them."""
    values, vectors = np.linalg.eigh(moves @ moves.T)
    order = np.argsort(-values)
    shares = vectors[:, order] * np.sqrt(values[order].clip(0))
    left, count = moves, 0
    found: list[np.ndarray] = []
    while count < len(moves) and np.abs(left).max() > TOLERANCE:
        share = shares[:, count]
        component = share @ moves / max(share @ share, 1e-300)
        found.append(component)
        left = left - np.outer(share, component)
        count += 1
    components = np.stack(found) if found else np.zeros((0, moves.shape[1]))
    return components, shares[:, :count]
