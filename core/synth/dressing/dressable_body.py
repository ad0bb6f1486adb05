"""Dressing, shaping and posing a body, as one textured mesh."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Float32, Int32
from scipy.spatial.transform import Rotation

from core.body.kinematics import forward_kinematics
from core.body.model import Body
from core.render.shade.render import Material, TexturedMesh, vertex_normals
from core.synth.dressing.face import face_texels
from core.synth.dressing.paint import BodySurface, texel_surface
from core.synth.dressing.wardrobe import Garment


@dataclass(frozen=True)
class DressableBody:
    """The body in the forms that dressing and drawing need.

    Attributes:
        faces, corner_uv: of the body.
        face_part: joint with the largest blend weight of each face.
        normals: of the mean shape at rest.
        joints, joint_shapedirs: rest joints of the mean shape, and their displacement per shape
            coefficient, metres.
        vertices_surface, texels_surface: rest positions and parts, for painting.
    """

    body: Body
    faces: Int32[np.ndarray, "faces 3"]
    corner_uv: Float32[np.ndarray, "faces 3 2"]
    face_part: Int32[np.ndarray, " faces"]
    normals: Float32[np.ndarray, "vertices 3"]
    joints: Float32[np.ndarray, "24 3"]
    joint_shapedirs: Float32[np.ndarray, "24 3 10"]
    vertices_surface: BodySurface
    texels_surface: BodySurface

    @staticmethod
    def of(body: Body) -> DressableBody:
        """The tables of a body.

        Raises:
            ValueError: the body has no texture coordinates, or has posedirs.
        """
        if body.uv is None or body.uv_faces is None or body.posedirs is not None:
            raise ValueError("synthetic people need a body with texture and without posedirs")
        faces = body.faces.numpy().astype(np.int32)
        corner_uv = body.uv[body.uv_faces].numpy().astype(np.float32)
        rest, part = body.v_template.numpy(), body.vertex_part.numpy()
        regressor = body.joint_regressor
        return DressableBody(
            body=body,
            faces=faces,
            corner_uv=corner_uv,
            face_part=body.face_part.numpy().astype(np.int32),
            normals=vertex_normals(rest, faces),
            joints=(regressor @ body.v_template).numpy(),
            joint_shapedirs=torch.einsum("jv,vcs->jcs", regressor, body.shapedirs).numpy(),
            vertices_surface=BodySurface(rest, part),
            texels_surface=texel_surface(rest, part, faces, corner_uv),
        )

    @cached_property
    def face_texels(self) -> tuple[np.ndarray, np.ndarray]:
        """The texels of the face (see `core.synth.dressing.face`)."""
        surface = self.texels_surface
        return face_texels(surface.position, surface.groups["face"], self.joints[15])


@dataclass(frozen=True)
class Outfit:
    """What a person wears.

    Attributes:
        skin: material of the body, painted clothes included.
        standoff: metres each body vertex is pushed out along its normal.
        garments: items with their materials.
    """

    skin: Material
    standoff: Float32[np.ndarray, " vertices"]
    garments: list[tuple[Garment, Material]]

    @property
    def materials(self) -> list[Material]:
        """The body's material, then the garments'."""
        return [self.skin, *(material for _, material in self.garments)]


@dataclass(frozen=True)
class DressedPerson:
    """A posed, dressed person around the origin, in the camera's orientation.

    Attributes:
        mesh: body without covered faces, and garments.
        face_part: joint with the largest blend weight of each face of ``mesh``.
        body_vertices: of the undressed body.
        joints: posed joints.
    """

    mesh: TexturedMesh
    face_part: Int32[np.ndarray, " faces"]
    body_vertices: Float32[np.ndarray, "vertices 3"]
    joints: Float32[np.ndarray, "24 3"]

    def moved(self, transl: Float[np.ndarray, "3"]) -> DressedPerson:
        """The person, translated by ``transl`` (metres)."""
        shift = transl.astype(np.float32)
        mesh = TexturedMesh(
            self.mesh.vertices + shift,
            self.mesh.faces,
            self.mesh.corner_uv,
            self.mesh.face_material,
        )
        return DressedPerson(mesh, self.face_part, self.body_vertices + shift, self.joints + shift)


def pose_person(
    dressable: DressableBody,
    outfit: Outfit,
    pose: Float32[np.ndarray, "24 3"],
    betas: Float32[np.ndarray, "10"],
) -> DressedPerson:
    """Shape, dress and pose a person; entry 0 of ``pose`` is the rotation in the camera frame."""
    rest_joints = _shaped(dressable.joints, dressable.joint_shapedirs, betas)
    rotations = Rotation.from_rotvec(pose).as_matrix().astype(np.float32)
    kinematics = forward_kinematics(*(torch.from_numpy(x)[None] for x in (rotations, rest_joints)))
    motion = torch.cat([kinematics.rotations[0], kinematics.translations[0, ..., None]], -1).numpy()
    body = dressable.body
    shaped = _shaped(body.v_template.numpy(), body.shapedirs.numpy(), betas)
    loose = shaped + dressable.normals * outfit.standoff[:, None]
    body_vertices, dressed = _skin((shaped, loose), body.weights.numpy(), motion)
    pieces = [dressed]
    for garment, _ in outfit.garments:
        rest = _shaped(garment.vertices, garment.shapedirs, betas)
        pieces += _skin((rest,), garment.weights, motion)
    mesh, face_part = _assemble(dressable, outfit, np.concatenate(pieces))
    return DressedPerson(mesh, face_part, body_vertices, kinematics.joints[0].numpy())


def _shaped(rest: np.ndarray, shapedirs: np.ndarray, betas: np.ndarray) -> np.ndarray:
    """Rest points (N, 3) of a shape."""
    return rest + (shapedirs.reshape(-1, shapedirs.shape[-1]) @ betas).reshape(rest.shape)


def _skin(
    points: tuple[np.ndarray, ...], weights: np.ndarray, motion: Float32[np.ndarray, "24 3 4"]
) -> list[Float32[np.ndarray, "points 3"]]:
    """Sets of points that share their blend weights, moved by linear blend skinning."""
    blended = (motion.reshape(24, 12).T @ weights.T).reshape(
        3, 4, -1
    )  # points last, for contiguous rows
    posed = []
    for x, y, z in (np.ascontiguousarray(rest.T) for rest in points):
        rows = [row[0] * x + row[1] * y + row[2] * z + row[3] for row in blended]
        posed.append(np.stack(rows, 1))
    return posed


def _assemble(
    dressable: DressableBody, outfit: Outfit, vertices: np.ndarray
) -> tuple[TexturedMesh, np.ndarray]:
    """One mesh of the body's uncovered faces and all garments, and each face's part."""
    bare = np.ones(len(dressable.faces), bool)
    for garment, _ in outfit.garments:
        bare[garment.hidden] = False
    seen = np.flatnonzero(bare)
    faces, uv, part = (
        [dressable.faces[seen]],
        [dressable.corner_uv[seen]],
        [dressable.face_part[seen]],
    )
    start = len(dressable.normals)
    for garment, _ in outfit.garments:
        faces.append(garment.faces + np.int32(start))
        uv.append(garment.corner_uv)
        part.append(garment.face_part)
        start += len(garment.vertices)
    material = np.repeat(np.arange(len(faces), dtype=np.int32), [len(f) for f in faces])
    mesh = TexturedMesh(vertices, np.concatenate(faces), np.concatenate(uv), material)
    return mesh, np.concatenate(part)
