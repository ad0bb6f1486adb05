"""Furniture and other people in the person's space, partly in front and partly behind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from core.render.shade.render import Material, TexturedMesh
from core.synth.drawing.backdrop import Ground
from core.synth.drawing.furniture import build, random_furniture, random_materials, seat, seat_place
from core.synth.dressing.appearance import MaterialLibrary
from core.synth.dressing.dressable_body import DressedPerson
from core.synth.sampling.camera import bounds

MIN_DEPTH = 0.3  # metres in front of the camera that stay empty
LIMBS = ([16, 18, 20, 22], [17, 19, 21, 23], [1, 4, 7, 10], [2, 5, 8, 11])
ENDS = (20, 21, 7, 8)  # wrists and ankles: the joint of each limb that reaches the person


@dataclass(frozen=True)
class Solid:
    """A mesh in the camera frame with its materials."""

    mesh: TexturedMesh
    materials: list[Material]

    @property
    def clears_camera(self) -> bool:
        """Whether all of the mesh is far enough from the camera."""
        return bool(bounds(self.mesh.vertices)[0][2] > MIN_DEPTH)


def furniture(
    person: DressedPerson, ground: Ground, materials: MaterialLibrary, rng: np.random.Generator
) -> Solid:
    """A seat under a sitting person, or a piece in front of, next to or behind a person."""
    found = seat_place(person.joints[0], ground) if is_sitting(person, ground) else None
    if found is not None and rng.random() < 0.7:
        height, place = found
        blocks, facing = seat(height, rng), _level(_forward(person), ground)
    else:
        blocks, facing = random_furniture(rng), _heading(ground, rng)
        towards = _level(-ground.foot, ground)
        angle = rng.normal(0, 0.7) if rng.random() < 0.7 else rng.uniform(-np.pi, np.pi)
        across = np.cross(ground.up, towards)
        away = np.cos(angle) * towards + np.sin(angle) * across
        place = ground.foot + rng.uniform(0.35, 1.0) * away
    return Solid(build(blocks, ground, place, facing), random_materials(materials, rng))


def is_sitting(person: DressedPerson, ground: Ground) -> bool:
    """Whether both thighs are nearly level and the torso is roughly upright."""
    joints = person.joints
    thighs, torso = joints[[4, 5]] - joints[[1, 2]], joints[12] - joints[0]
    rise = (thighs @ ground.up) / np.linalg.norm(thighs, axis=1)
    return bool((np.abs(rise) < 0.55).all() and torso @ ground.up > 0.5 * np.linalg.norm(torso))


def place_neighbour(
    other: DressedPerson,
    person: DressedPerson,
    view: Float[np.ndarray, "3 3"],
    rng: np.random.Generator,
) -> DressedPerson:
    """The other person, moved onto the same ground so near that both touch or overlap."""
    ground = Ground.below(person.body_vertices, view)
    feet = Ground.below(other.body_vertices, view)
    side, depth = rng.choice([-1, 1]) * rng.uniform(0.1, 0.5), rng.normal(0, 0.25)
    right, forward = ground.axes
    shift = person.joints[0] - other.joints[0] + side * right + depth * forward
    rise = ground.height - feet.height - shift @ ground.up
    return other.moved(shift + rise * ground.up)


def reaching_limb(
    other: DressedPerson, person: DressedPerson, rng: np.random.Generator
) -> TexturedMesh:
    """Another person with the wrist or ankle of one limb in front of the person.

    Half of the time all of the other person is kept, else only the limb, as if the rest were
    outside the picture.
    """
    limb = int(rng.integers(4))
    joint = person.joints[rng.integers(24)]
    touched = joint * (1 - rng.uniform(0.08, 0.3) / joint[2])
    mesh = other.moved(touched - other.joints[ENDS[limb]]).mesh
    if rng.random() < 0.5:
        return mesh
    kept = np.isin(np.arange(24), LIMBS[limb])[other.face_part]
    return TexturedMesh(
        mesh.vertices, mesh.faces[kept], mesh.corner_uv[kept], mesh.face_material[kept]
    )


def _forward(person: DressedPerson) -> np.ndarray:
    """Direction of a sitting person's thighs, not normalised."""
    joints = person.joints
    thighs: np.ndarray = (joints[[4, 5]] - joints[[1, 2]]).sum(0)
    return thighs


def _level(direction: np.ndarray, ground: Ground) -> np.ndarray:
    """A direction projected onto the ground, as a unit vector."""
    flat = direction - (direction @ ground.up) * ground.up
    length = np.linalg.norm(flat)
    unit: np.ndarray = flat / length if length > 1e-6 else ground.axes[0]
    return unit


def _heading(ground: Ground, rng: np.random.Generator) -> np.ndarray:
    """A random unit vector along the ground."""
    angle = rng.uniform(0, 2 * np.pi)
    heading: np.ndarray = np.cos(angle) * ground.axes[0] + np.sin(angle) * ground.axes[1]
    return heading
