"""Random adults in T-pose, from whom the shape space and the joint regressor are learned."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import cKDTree

from tools.freebody.eyes import EyeCap, eye_caps
from tools.freebody.skeleton import (
    JOINT,
    joint_positions,
    merge_weights,
    mirror_weights,
    split_chest_weights,
)
from tools.freebody.source import ADULT, Phenotypes, Source
from tools.freebody.tpose import symmetrized, to_tpose, tpose_rotations

# MakeHuman's weight slider spans too narrow a range of body-mass index (sd 3 instead of 4.3).
_WEIGHT_GAIN = 1.8
_MIDDLE = 0.5


@dataclass(frozen=True)
class People:
    """Base meshes (n, V, 3) and SMPL joints (n, 24, 3) in T-pose, metres."""

    vertices: np.ndarray
    joints: np.ndarray

    def exaggerated(self, other: People, gain: float) -> People:
        """Extrapolation from ``other`` through these people by the factor ``gain``."""
        return People(
            other.vertices + gain * (self.vertices - other.vertices),
            other.joints + gain * (self.joints - other.joints),
        )


@dataclass(frozen=True)
class Mannequin:
    """The base mesh rigged with SMPL's joints: phenotypes in, symmetric people in T-pose out.

    Attributes:
        source: where the shapes come from.
        adult: (V, 3) the mean adult in MakeHuman's rest pose, eye sockets open.
        heads: (B, 3) bone heads of that adult.
        mirror: (V,) the vertex on the other side.
        weights: (V, 24) symmetric blend weights.
        caps: closed eyes.
    """

    source: Source
    adult: np.ndarray
    heads: np.ndarray
    mirror: np.ndarray
    weights: np.ndarray
    caps: tuple[EyeCap, ...] = ()

    @staticmethod
    def of(source: Source) -> Mannequin:
        """Measure the mean adult, and close its eyes."""
        vertices, heads = source.rest({name: np.array([value]) for name, value in ADULT.items()})
        adult = vertices[0]
        mirror = cKDTree(adult).query(adult * [-1, 1, 1])[1]
        weights = merge_weights(source.bones, source.bone_indices, source.bone_weights)
        spine3 = joint_positions(heads, source.bones)[0, JOINT["spine3"], 1]
        weights = mirror_weights(split_chest_weights(weights, adult[:, 1], spine3), mirror)
        open_eyed = Mannequin(source, adult, heads[0], mirror, weights)
        return replace(open_eyed, caps=eye_caps(source, adult, heads[0]))

    @property
    def skin_mirror(self) -> np.ndarray:
        """(S,) ``mirror`` as indices into the skin's vertices."""
        place = np.full(len(self.mirror), -1)
        place[self.source.skin] = np.arange(len(self.source.skin))
        return place[self.mirror[self.source.skin]]

    def tpose(self, phenotypes: Phenotypes) -> People:
        """People in T-pose, with the effect of the weight slider enlarged."""
        middle = phenotypes | {"weight": np.full_like(phenotypes["weight"], _MIDDLE)}
        return self._tpose(phenotypes).exaggerated(self._tpose(middle), _WEIGHT_GAIN)

    def _tpose(self, phenotypes: Phenotypes) -> People:
        vertices, heads = self.source.rest(phenotypes)
        for cap in self.caps:
            cap.close(vertices)
        joints = joint_positions(heads, self.source.bones)
        rotations = tpose_rotations(joints, self._knuckles(heads))
        vertices, joints = to_tpose(vertices, joints, rotations, self.weights)
        return People(*symmetrized(vertices, joints, self.mirror))

    def _knuckles(self, heads: np.ndarray) -> np.ndarray:
        """From the little finger's knuckle to the index finger's (n, 2, 3), left hand first."""
        row = self.source.bones.index
        lines = [
            heads[:, row(f"finger2-1.{side}")] - heads[:, row(f"finger5-1.{side}")] for side in "LR"
        ]
        return np.stack(lines, 1)


def sample_adults(count: int, rng: np.random.Generator) -> Phenotypes:
    """Adults of all builds, mostly clearly male or female, of mixed origin.

    The order of the draws is part of the shipped body.
    """
    gender = rng.beta(0.35, 0.35, count)
    rng.uniform(size=count)  # unused, but part of the random stream of the shipped body
    age = np.clip(ADULT["age"] + np.abs(rng.normal(0, 0.14, count)), 0, 1.0)
    height = np.clip(rng.normal(0.375, 0.05, count), 0, 1)
    weight = rng.uniform(0.25, 1, count)
    muscle = rng.beta(3, 3, count)
    african, asian, caucasian = rng.dirichlet([0.6, 0.6, 0.6], count).T
    return {
        "gender": gender,
        "age": age,
        "height": height,
        "weight": weight,
        "muscle": muscle,
        "proportions": rng.uniform(0.2, 1, count),
        "cupsize": np.clip(rng.normal(0.5, 0.17, count), 0, 1),
        "firmness": rng.uniform(0.2, 0.8, count),
        "african": african,
        "asian": asian,
        "caucasian": caucasian,
    }
