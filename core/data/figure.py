"""A dressed body as one textured mesh: put on clothes, take a shape and a pose."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Float32, Int32
from scipy.spatial.transform import Rotation

from core.body.kinematics import blend, forward_kinematics
from core.body.model import Body
from core.data.face import face_texels
from core.data.paint import Surface, texel_surface
from core.data.wardrobe import Garment
from core.render.shade import Material, Mesh, vertex_normals


@dataclass(frozen=True)
class Figure:
    """The body in the forms that dressing and drawing need.

    Attributes:
        faces, corner_uv: of the body.
        face_part: joint that moves each face most.
        normals: of the mean shape at rest.
        joints: rest joints of the mean shape.
        vertices_surface, texels_surface: rest positions and parts, for painting.
    """

    body: Body
    faces: Int32[np.ndarray, "faces 3"]
    corner_uv: Float32[np.ndarray, "faces 3 2"]
    face_part: Int32[np.ndarray, "faces"]
    normals: Float32[np.ndarray, "vertices 3"]
    joints: Float32[np.ndarray, "24 3"]
    vertices_surface: Surface
    texels_surface: Surface

    @staticmethod
    def of(body: Body) -> Figure:
        """Tables of a body with texture coordinates."""
        if body.uv is None or body.uv_faces is None:
            raise ValueError("synthetic people need a body with texture coordinates")
        faces = body.faces.numpy().astype(np.int32)
        corner_uv = body.uv[body.uv_faces].numpy().astype(np.float32)
        rest, part = body.v_template.numpy(), body.vertex_part.numpy()
        return Figure(
            body=body,
            faces=faces,
            corner_uv=corner_uv,
            face_part=body.face_part.numpy().astype(np.int32),
            normals=vertex_normals(rest, faces),
            joints=(body.joint_regressor @ body.v_template).numpy(),
            vertices_surface=Surface(rest, part),
            texels_surface=texel_surface(rest, part, faces, corner_uv),
        )

    @cached_property
    def face_texels(self) -> tuple[np.ndarray, np.ndarray]:
        """Where the face is on the body's texture (see `core.data.face`)."""
        surface = self.texels_surface
        return face_texels(surface.position, surface.members["face"], self.joints[15])


@dataclass(frozen=True)
class Outfit:
    """What a person wears.

    Attributes:
        skin: material of the body, painted clothes included.
        standoff: metres each body vertex is pushed out along its normal.
        garments: items with the material each is made of.
    """

    skin: Material
    standoff: Float32[np.ndarray, "vertices"]
    garments: list[tuple[Garment, Material]]

    @property
    def materials(self) -> list[Material]:
        """The body's material, then the garments'."""
        return [self.skin, *(material for _, material in self.garments)]


@dataclass(frozen=True)
class Person:
    """A posed, dressed person around the origin, in the camera's orientation.

    Attributes:
        mesh: body without covered faces, and garments.
        face_part: joint that moves each face of ``mesh`` most.
        body_vertices: of the undressed body.
        joints: posed joints.
    """

    mesh: Mesh
    face_part: Int32[np.ndarray, "faces"]
    body_vertices: Float32[np.ndarray, "vertices 3"]
    joints: Float32[np.ndarray, "24 3"]

    def moved(self, transl: Float[np.ndarray, "3"]) -> Person:
        """The person elsewhere."""
        shift = transl.astype(np.float32)
        mesh = Mesh(
            self.mesh.vertices + shift,
            self.mesh.faces,
            self.mesh.corner_uv,
            self.mesh.face_material,
        )
        return Person(mesh, self.face_part, self.body_vertices + shift, self.joints + shift)


def pose_person(
    figure: Figure,
    outfit: Outfit,
    pose: Float32[np.ndarray, "24 3"],
    betas: Float32[np.ndarray, "10"],
) -> Person:
    """Shape, dress and pose; entry 0 of ``pose`` is the rotation in the camera frame."""
    rotations = torch.from_numpy(Rotation.from_rotvec(pose).as_matrix().astype(np.float32))[None]
    shape = torch.from_numpy(betas.astype(np.float32))[None]
    posed = figure.body.pose(rotations, shape, torch.zeros(1, 3))
    kinematics = forward_kinematics(rotations, figure.body.rest_joints(shape))
    body_vertices = posed.vertices[0].numpy()
    linear, _ = blend(kinematics, figure.body.weights)
    pushed = torch.from_numpy(figure.normals * outfit.standoff[:, None])
    pieces = [body_vertices + torch.einsum("nab,nb->na", linear[0], pushed).numpy()]
    for garment, _ in outfit.garments:
        rest = torch.from_numpy(garment.vertices + garment.shapedirs @ betas)
        linear, offset = blend(kinematics, torch.from_numpy(garment.weights))
        pieces.append((torch.einsum("nab,nb->na", linear[0], rest) + offset[0]).numpy())
    mesh, face_part = _assemble(figure, outfit, np.concatenate(pieces))
    return Person(mesh, face_part, body_vertices, posed.joints[0].numpy())


def _assemble(figure: Figure, outfit: Outfit, vertices: np.ndarray) -> tuple[Mesh, np.ndarray]:
    """One mesh of the body's uncovered faces and all garments, and each face's part."""
    bare = np.ones(len(figure.faces), bool)
    for garment, _ in outfit.garments:
        bare[garment.hidden] = False
    faces, uv, part = [figure.faces[bare]], [figure.corner_uv[bare]], [figure.face_part[bare]]
    start = len(figure.normals)
    for garment, _ in outfit.garments:
        faces.append(garment.faces + np.int32(start))
        uv.append(garment.corner_uv)
        part.append(garment.face_part)
        start += len(garment.vertices)
    material = np.repeat(np.arange(len(faces), dtype=np.int32), [len(f) for f in faces])
    mesh = Mesh(vertices, np.concatenate(faces), np.concatenate(uv), material)
    return mesh, np.concatenate(part)
