"""From many people on MakeHuman's mesh to one body in SMPL's format."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from core.body.names import PARENTS
from tools.freebody.decimate import Decimator
from tools.freebody.halfmesh import Mesh, both_halves, left_half
from tools.freebody.landmarks import LandmarkInput, find_landmarks, order_for_landmarks
from tools.freebody.people import Mannequin, People
from tools.freebody.regressor import joint_regressor, prune_weights
from tools.freebody.shape_space import ShapeSpace
from tools.freebody.skeleton import JOINT

TOPOLOGY = "freebody-1"
_VERTICES = 6890  # as SMPL has
_DECIMATION_SHAPES = 4  # people whose surfaces count in the decimation, besides the mean
_REGRESSOR_PEOPLE = 150
_UNSEEN = 0.02  # importance of a vertex in the mouth or an eye socket


@dataclass(frozen=True)
class FreeBody:
    """The finished body.

    Attributes:
        mesh: ``kept`` are indices into the skin's vertices.
        shape: mean and shape basis.
        weights: (V, 24).
        regressor: (24, V).
        landmarks: name -> vertex.
    """

    mesh: Mesh
    shape: ShapeSpace
    weights: np.ndarray
    regressor: np.ndarray
    landmarks: dict[str, int]

    def reordered(self, order: np.ndarray) -> FreeBody:
        """The same body; its new vertex i is the old vertex ``order[i]``."""
        place = np.argsort(order)
        shape = replace(
            self.shape, mean=self.shape.mean[order], shapedirs=self.shape.shapedirs[order]
        )
        return FreeBody(
            self.mesh.reordered(order),
            shape,
            self.weights[order],
            self.regressor[:, order],
            {name: int(place[vertex]) for name, vertex in self.landmarks.items()},
        )

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays of the file: SMPL's keys, texture coordinates, parts, mirror and landmarks."""
        mesh, names = self.mesh, sorted(self.landmarks)
        parents = np.where(np.array(PARENTS) < 0, 2**32 - 1, PARENTS)
        return {
            "v_template": self.shape.mean.astype(np.float32),
            "shapedirs": self.shape.shapedirs.astype(np.float32),
            "J_regressor": self.regressor.astype(np.float32),
            "weights": self.weights.astype(np.float32),
            "kintree_table": np.stack([parents, np.arange(24)]).astype(np.int64),
            "f": mesh.faces.astype(np.uint32),
            "J": (self.regressor @ self.shape.mean).astype(np.float32),
            "vt": mesh.uv.astype(np.float32),
            "ft": mesh.uv_faces.astype(np.uint32),
            "part": self.weights.argmax(1).astype(np.uint8),
            "face_part": self.weights[mesh.faces].sum(1).argmax(1).astype(np.uint8),
            "mirror": mesh.mirror.astype(np.int32),
            "landmark_names": np.array(names),
            "landmark_vertices": np.array([self.landmarks[name] for name in names], np.int32),
            "topology": np.array(TOPOLOGY),
        }


def build_body(mannequin: Mannequin, people: People, rng: np.random.Generator) -> FreeBody:
    """Decimate the skin, then learn shapes, weights and joints on its remaining vertices."""
    mesh = _decimated(mannequin, people, rng)
    rows = mannequin.source.skin[mesh.kept]
    skin = People(people.vertices[:, rows], people.joints)
    shape = ShapeSpace.of(skin.vertices)
    weights = prune_weights(mannequin.weights[rows], mesh.mirror)
    people_used = rng.choice(len(people.joints), _REGRESSOR_PEOPLE, replace=False)
    regressor = joint_regressor(skin, people_used, weights, mesh.mirror)
    body = FreeBody(mesh, shape, weights, regressor, {})
    body = replace(body, landmarks=_landmarks(mannequin, people, body))
    return body.reordered(order_for_landmarks(body.landmarks, len(rows)))


def _decimated(mannequin: Mannequin, people: People, rng: np.random.Generator) -> Mesh:
    source, mirror = mannequin.source, mannequin.skin_mirror
    mean = people.vertices.mean(0)[source.skin]
    shape_people = rng.choice(len(people.vertices), _DECIMATION_SHAPES, replace=False)
    half = left_half(source.quads, source.uv_quads, mean, mirror)
    shapes = np.stack([mean, *people.vertices[shape_people][:, source.skin]])
    Decimator(half, shapes, np.where(source.inside, _UNSEEN, 1.0)).run(_VERTICES)
    return both_halves(half, mirror, source.uv)


def _landmarks(mannequin: Mannequin, people: People, body: FreeBody) -> dict[str, int]:
    source, heads = mannequin.source, mannequin.heads
    rows = source.skin[body.mesh.kept]
    row = source.bones.index
    eye = heads[row("eye.L")] - heads[row("head")]  # the head is not rotated in the T-pose
    surface = LandmarkInput(
        mean=body.shape.mean,
        weights=body.weights,
        mirror=body.mesh.mirror,
        inside=source.inside[body.mesh.kept],
        moved_by=lambda bone: source.moved_by(bone, rows),
        head=(body.regressor @ body.shape.mean)[JOINT["head"]],
        left_eye=people.joints.mean(0)[JOINT["head"]] + eye,
    )
    return find_landmarks(surface)
