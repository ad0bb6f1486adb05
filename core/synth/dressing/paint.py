"""Clothes painted on the body's texture; they need no data folder.

Cut lines (hem, sleeve, neck, cuff) split the rest-pose body into regions, each of one fabric.
The same rule is applied to texels (for their colour) and to vertices (for their distance from the
skin).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, Int, UInt8
from scipy.ndimage import distance_transform_edt

from core.pictures.patterns import random_color
from core.render.mesh.raster import rasterize
from core.render.shade.cloth import Cloth, lay_cloth
from core.synth.dressing.appearance import SKIN, MaterialLibrary

BARE, TOP, BOTTOM, SHOES, HAIR = range(5)
FEET = (7, 8, 10, 11)
ARMS, HANDS, HEAD = (16, 17, 18, 19), (20, 21, 22, 23), (12, 15)
SOFT_EDGE = 0.004  # metres; amplitude of the waves of cut lines


@dataclass(frozen=True)
class BodySurface:
    """Points on the rest-pose body: texels or vertices.

    Attributes:
        position: metres, mean shape, T-pose.
        part: joint with the largest blend weight.
    """

    position: Float32[np.ndarray, "*shape 3"]
    part: Int[np.ndarray, "*shape"]

    @cached_property
    def wavy_position(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """|x|, y and z, the first two with small waves, which make cut lines uneven."""
        x, y, z = (np.ascontiguousarray(self.position[..., k]) for k in range(3))
        wave = SOFT_EDGE * np.sin(60 * x + 45 * z)
        return np.abs(x) + wave, y + wave, z

    @cached_property
    def cloth_plane(self) -> Float32[np.ndarray, "*shape 2"]:
        """Position on the plane of the cloth, metres; depth shifts it, which wraps the cloth."""
        x, y, z = (self.position[..., k] for k in range(3))
        return np.stack([x + np.float32(0.7) * z, y + np.float32(0.4) * z], -1)

    @cached_property
    def groups(self) -> dict[str, Bool[np.ndarray, "*shape"]]:
        """Masks of body parts, of what tops and trousers may cover ("clothed"), and of sleeves."""
        kinds = {
            "arm": (*ARMS, *HANDS),
            "hand": HANDS,
            "head": HEAD,
            "face": HEAD[1:],
            "foot": FEET,
        }
        of = {name: np.isin(self.part, parts) for name, parts in kinds.items()}
        return of | {"clothed": ~of["arm"] & ~of["face"], "sleeve": of["arm"] & ~of["hand"]}


@dataclass(frozen=True)
class Cut:
    """The cut lines of painted clothes, metres in the rest pose.

    Attributes:
        hem: height of the top's lower edge; a dress reaches the thighs.
        waist: height up to which trousers or a skirt reach.
        sleeve: distance from the plane of symmetry at which sleeves end.
        cuff: height at which trousers end.
        neck: height of the collar.
        shoe: height of the shoes' upper edge.
        hairline, crown, nape: hair is behind ``hairline`` (z) or above ``crown``, and above
            ``nape``.
        worn: the regions that are worn.
    """

    hem: float
    waist: float
    sleeve: float
    cuff: float
    neck: float
    shoe: float
    hairline: float
    crown: float
    nape: float
    worn: frozenset[int]


def texel_surface(
    vertices: Float32[np.ndarray, "vertices 3"],
    vertex_part: Int[np.ndarray, " vertices"],
    faces: Int[np.ndarray, "faces 3"],
    corner_uv: Float32[np.ndarray, "faces 3 2"],
    size: int = SKIN,
) -> BodySurface:
    """Rest position and part of every texel of the body's UV layout, gaps filled by the nearest."""
    flat = corner_uv.reshape(-1, 2)
    plane = np.stack([flat[:, 0], 1 - flat[:, 1], np.ones(len(flat))], 1).astype(np.float32)
    corners = np.arange(len(plane), dtype=np.int32).reshape(-1, 3)
    raster = rasterize(plane, corners, size, (0.0, 0.0), size, size)
    ids = raster.face_ids.clip(0)
    position = np.einsum("xyk,xykc->xyc", raster.barycentric, vertices[faces[ids]])
    largest = raster.barycentric.argmax(-1)
    part = vertex_part[np.take_along_axis(faces[ids], largest[..., None], -1)[..., 0]]
    nearest = distance_transform_edt(~raster.mask, return_distances=False, return_indices=True)
    index = tuple(nearest)
    return BodySurface(position[index].astype(np.float32), part[index])


def random_cut(joints: Float[np.ndarray, "24 3"], rng: np.random.Generator) -> Cut:
    """Cut lines relative to the rest joints."""
    hip, knee, ankle = (float(joints[[j, j + 1], 1].mean()) for j in (1, 4, 7))
    shoulder, wrist = abs(joints[16, 0]), abs(joints[20, 0])
    neck, head = joints[12, 1], joints[15]
    dress = rng.random() < 0.12
    hem = rng.uniform(knee, hip - 0.1) if dress else rng.uniform(hip - 0.12, hip + 0.16)
    long_legs = rng.random() < 0.7
    cuff = rng.uniform(ankle, ankle + 0.1) if long_legs else rng.uniform(knee - 0.1, hip - 0.15)
    probabilities = {TOP: 0.96, BOTTOM: 0.3 if dress else 0.99, SHOES: 0.85, HAIR: 0.9}
    return Cut(
        hem=hem,
        waist=hip + rng.uniform(0.08, 0.2),
        sleeve=rng.choice(
            [shoulder + 0.03, rng.uniform(shoulder, wrist), wrist], p=[0.1, 0.5, 0.4]
        ),
        cuff=cuff,
        neck=neck + rng.uniform(-0.06, 0.07),
        shoe=ankle + rng.choice([rng.uniform(-0.04, 0.02), rng.uniform(0.02, 0.3)], p=[0.8, 0.2]),
        hairline=head[2] + rng.uniform(-0.02, 0.07),
        crown=head[1] + rng.uniform(0.1, 0.16),
        nape=head[1] + rng.uniform(-0.1, 0.05),
        worn=frozenset(
            region for region, probability in probabilities.items() if rng.random() < probability
        ),
    )


def region_of(surface: BodySurface, cut: Cut) -> UInt8[np.ndarray, "*shape"]:
    """The region of each point."""
    (x, y, z), of = surface.wavy_position, surface.groups
    region = np.zeros(surface.part.shape, np.uint8)
    clothed = of["clothed"]
    _mark(region, BOTTOM, cut, clothed & (y < cut.waist) & (y > cut.cuff))
    _mark(region, TOP, cut, clothed & (y > cut.hem) & (y < cut.neck))
    _mark(region, TOP, cut, of["sleeve"] & (x < cut.sleeve))
    _mark(region, SHOES, cut, of["foot"] & (y < cut.shoe))
    hair = of["head"] & ((z < cut.hairline) | (y > cut.crown)) & (y > cut.nape)
    _mark(region, HAIR, cut, hair)
    return region


def _mark(region: np.ndarray, kind: int, cut: Cut, where: np.ndarray) -> None:
    """Set ``kind`` in a mask if it is worn."""
    if kind in cut.worn:
        region[where] = kind


def paint(
    texture: UInt8[np.ndarray, "size size 3"],
    surface: BodySurface,
    region: UInt8[np.ndarray, "size size"],
    materials: MaterialLibrary,
    rng: np.random.Generator,
) -> None:
    """Draw a random fabric on each region of the body's texture, in place."""
    found = [kind for kind in range(1, 5) if (region == kind).any()]
    cloths = {kind: _cloth(materials, rng, kind == HAIR) for kind in found}
    lay_cloth(texture, region, surface.cloth_plane, cloths)


def _cloth(materials: MaterialLibrary, rng: np.random.Generator, dark: bool) -> Cloth:
    """A random fabric of random scale and offset."""
    tile = fabric(materials, rng, dark)
    density = len(tile) * np.exp(rng.uniform(np.log(0.8), np.log(8)))
    return Cloth(tile, density, (rng.uniform(0, len(tile)), rng.uniform(0, len(tile))))


def fabric(
    materials: MaterialLibrary, rng: np.random.Generator, dark: bool = False
) -> UInt8[np.ndarray, "tile tile 3"]:
    """A tile of cloth (or hair): a tinted texture patch or a plain colour with a little grain."""
    color = 255 * random_color(rng)
    if dark:
        color *= rng.uniform(0.1, 0.8)
    if rng.random() < 0.55:
        patch = materials.patch(rng, 128)
        if rng.random() < 0.5:
            return patch
        grey = cv2.cvtColor(patch, cv2.COLOR_RGB2GRAY)[..., None] / max(float(patch.mean()), 1.0)
        return (color * (0.4 + 0.6 * grey)).clip(0, 255).astype(np.uint8)
    grain = rng.normal(1, 0.05, (128, 128, 1))
    return (color * cv2.GaussianBlur(grain, (0, 0), 1.0)[..., None]).clip(0, 255).astype(np.uint8)


def cloth_standoff(
    region: UInt8[np.ndarray, " vertices"],
    position: Float32[np.ndarray, "vertices 3"],
    rng: np.random.Generator,
) -> Float32[np.ndarray, " vertices"]:
    """Distance of painted cloth or hair from the skin, with folds, metres."""
    reach = np.array(
        [0, rng.uniform(0, 0.022), rng.uniform(0, 0.022), 0.006, rng.uniform(0.003, 0.025)]
    )
    phase, waves = rng.uniform(0, 6, 2), rng.uniform(8, 28, 2)
    folds = np.sin(waves[0] * position[:, 0] + phase[0]) * np.sin(
        waves[1] * position[:, 1] + phase[1]
    )
    return (reach[region] * (1 + 0.5 * folds)).astype(np.float32)
