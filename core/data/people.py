"""Sample synthetic people: shape, pose, clothes, camera, light, surroundings, occluders, sensor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8
from scipy.spatial.transform import Rotation

from core.assets import cache_dir
from core.body.load import load_body
from core.data import backdrop
from core.data.camera import Framing, frame_person, random_orientation
from core.data.degrade import degrade
from core.data.figure import Figure, Person, pose_person
from core.data.labels import dense_labels, kernel_vertices
from core.data.light import random_lighting, shadow_map
from core.data.looks import Looks
from core.data.occluders import random_occluders
from core.data.outfit import random_outfit
from core.data.poses import SPLIT_CODE, PoseBank, random_pose
from core.data.sample import Sample
from core.data.wardrobe import Garment, load_wardrobe
from core.errors import UserError
from core.render.raster import Raster, rasterize
from core.render.shade import Lighting, Material, shade_cells

DRAWING = 2  # another number, other people for the same seed
FINE = 2  # the person is drawn this much larger, then averaged
OCCLUDED = 0.45  # share of samples with something in front
BEHIND, BEFORE = 0.1, 0.05  # shares with a second person behind or in front
LEAST_VISIBLE = 0.25  # share of the person that occluders leave
PAST_EDGE = 0.1  # share whose crop looks past the edge of the photo


@dataclass(frozen=True)
class Scene:
    """What the layers of one picture share.

    Attributes:
        view: camera-from-world rotation (world: y up).
        lighting: in the camera frame, without shadows.
    """

    size: int
    view: Float[np.ndarray, "3 3"]
    framing: Framing
    lighting: Lighting


@dataclass(frozen=True)
class Drawn:
    """A person as drawn: premultiplied linear colour with coverage, and what each part is."""

    rgba: Float32[np.ndarray, "size size 4"]
    parts: UInt8[np.ndarray, "size size"]


class PeopleSampler:
    """An endless, reproducible source of synthetic people: sample ``i`` depends on (seed, i) only.

    Args:
        seed: another seed, other people.
        data: folder of CC0 material; None makes everything procedural (painted clothes, patterned
            backgrounds, poses from the prior).
        split: "train" or "test"; the splits share neither seeds nor skins, textures, panoramas,
            garments or mocap sequences.
        size: side of the crop in pixels.
        labels: give the samples dense labels too (see `core.data.sample`).
    """

    def __init__(
        self,
        seed: int,
        data: Path | None = None,
        split: str = "train",
        size: int = 256,
        labels: bool = False,
    ) -> None:
        self.seed, self.split, self.size = seed, split, size
        self.figure = Figure.of(load_body())
        self.kernels = kernel_vertices(self.figure) if labels else None
        self.looks = Looks.load(data, split)
        self.garments: dict[str, list[Garment]] = {}
        if data is None:
            self.bank = PoseBank.without_mocap(split)
        else:
            self.garments = load_wardrobe(cache_dir() / "wardrobe", split)
            if not self.garments:
                raise UserError(
                    f"no wardrobe yet; build it: python -m tools.wardrobe --data {data}"
                )
            self.bank = PoseBank.load(cache_dir() / "poses.npz", split)

    def __iter__(self) -> Iterator[Sample]:
        """Samples 0, 1, 2, ... without end."""
        index = 0
        while True:
            yield self.sample(index)
            index += 1

    def sample(self, index: int) -> Sample:
        """The person of this number."""
        rng = np.random.default_rng([self.seed, SPLIT_CODE[self.split], index])
        view = random_orientation(rng)
        pose, betas = self.random_body(view, rng)
        outfit = random_outfit(self.figure, self.garments, self.looks, rng)
        person = pose_person(self.figure, outfit, pose, betas)
        part = self.figure.vertices_surface.part
        framing = frame_person(person.body_vertices, part, self.size, rng)
        person = person.moved(framing.transl)
        panorama = self.looks.panorama(rng)
        scene = Scene(self.size, view, framing, random_lighting(panorama, view, rng))
        drawn = draw(person, outfit.materials, scene)
        image = self._behind(scene, person, panorama, rng)
        image = over(image, drawn.rgba)
        image, occluder = self._before(image, scene, drawn, rng)
        focal, seen = framing.focal, _body_raster(self.figure, person, scene)
        labels: dict[str, np.ndarray] = {}
        if self.kernels is not None:
            body = person.body_vertices
            labels = vars(dense_labels(self.figure, body, seen, focal, occluder, self.kernels))
        return Sample(
            image=degrade(np.sqrt(image) * 255, rng),
            focal=np.array(focal, np.float32),
            pose=pose,
            betas=betas,
            transl=framing.transl.astype(np.float32),
            joints=person.joints,
            joints2d=_project(person.joints, focal, self.size),
            parts=drawn.parts,
            occluder=occluder,
            depth=seen.depth.astype(np.float16),
            **labels,
        )

    def random_body(
        self, view: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Pose in the camera frame (24, 3) and shape (10,)."""
        pose = random_pose(self.bank, rng)
        root = Rotation.from_matrix(view) * Rotation.from_rotvec(pose[0])
        pose[0] = root.as_rotvec()
        betas = rng.normal(0, 1, 10).clip(-2.5, 2.5)
        return pose, betas.astype(np.float32)

    def _behind(
        self, scene: Scene, person: Person, panorama: np.ndarray, rng: np.random.Generator
    ) -> Float32[np.ndarray, "size size 3"]:
        """Surroundings with floor, shadow, clutter and perhaps another person; linear colour."""
        focal, size = scene.framing.focal, scene.size
        if rng.random() < 0.6:
            picture = backdrop.surroundings(panorama, scene.view, size, rng)
        else:
            picture = backdrop.flat_backdrop(self.looks, size, rng)
        if rng.random() < 0.5:
            ground = backdrop.Ground.below(person.body_vertices, scene.view)
            tile = self.looks.patch(rng, backdrop.FLOOR_TILE)
            lies = backdrop.lay_floor(picture, ground, focal, tile, rng)
            light = scene.lighting.directions[0]
            backdrop.cast_shadow(picture, lies, ground, person.mesh, light, focal, rng)
        if rng.random() < 0.6:
            backdrop.clutter(picture, self.looks, rng)
        linear = np.square(picture)
        if rng.random() < BEHIND:
            linear = over(linear, self._bystander(scene, rng.uniform(0.3, 4), rng).rgba)
        return linear

    def _before(
        self,
        image: Float32[np.ndarray, "size size 3"],
        scene: Scene,
        drawn: Drawn,
        rng: np.random.Generator,
    ) -> tuple[Float32[np.ndarray, "size size 3"], Bool[np.ndarray, "size size"]]:
        """The picture with everything in front of the person, and where that is."""
        hidden = np.zeros(drawn.parts.shape, bool)
        if rng.random() < BEFORE:
            other = self._bystander(scene, -rng.uniform(0.15, 0.3) * scene.framing.transl[2], rng)
            image = over(image, other.rgba)
            hidden |= other.parts > 0
        if rng.random() < OCCLUDED:
            layers = random_occluders(drawn.parts > 0, self.looks, rng)
            covered = hidden.copy()
            for layer in layers:
                covered |= layer.alpha > 0.5
            if _visible_share(drawn.parts, covered) > LEAST_VISIBLE:
                hidden = covered
                for layer in layers:
                    layer.cover(image)
        edge = 3 * PAST_EDGE if scene.framing.truncated else PAST_EDGE * 0.6
        if rng.random() < edge:
            past = _past_edge(scene.size, rng)
            image[past] = 0
            hidden |= past
        return image.clip(0, 1), hidden

    def _bystander(self, scene: Scene, farther: float, rng: np.random.Generator) -> Drawn:
        """Another person beside, ``farther`` metres behind the first (negative: in front)."""
        pose, betas = self.random_body(scene.view, rng)
        outfit = random_outfit(self.figure, self.garments, self.looks, rng)
        person = pose_person(self.figure, outfit, pose, betas)
        place = scene.framing.transl.copy()
        place[2] = max(place[2] + farther, 1.0)
        visible = place[2] * scene.size / scene.framing.focal  # metres across the crop
        place[0] += rng.choice([-1, 1]) * rng.uniform(0.15, 0.5) * visible
        return draw(person.moved(place), outfit.materials, scene)


def draw(person: Person, materials: list[Material], scene: Scene) -> Drawn:
    """Rasterise at a finer grid, shade with a shadow, average."""
    mesh, size = person.mesh, scene.size
    fine = FINE * size
    focal, center = FINE * scene.framing.focal, (fine / 2, fine / 2)
    raster = rasterize(mesh.vertices, mesh.faces, focal, center, fine, fine)
    light = scene.lighting
    shadow = shadow_map(mesh.vertices, mesh.faces, light.directions[0])
    lighting = Lighting(light.directions, light.colors, light.ambient, shadow)
    label = (person.face_part + 1).astype(np.uint8)
    return Drawn(*shade_cells(raster, mesh, materials, lighting, FINE, label))


def over(
    below: Float32[np.ndarray, "size size 3"], rgba: Float32[np.ndarray, "size size 4"]
) -> Float32[np.ndarray, "size size 3"]:
    """Premultiplied colour over a picture (both linear)."""
    picture = below * (1 - rgba[..., 3:])
    picture += rgba[..., :3]
    return picture


def _body_raster(figure: Figure, person: Person, scene: Scene) -> Raster:
    """The undressed body at half resolution."""
    half = scene.size // 2
    focal, center = scene.framing.focal / 2, (half / 2, half / 2)
    return rasterize(person.body_vertices, figure.faces, focal, center, half, half)


def _visible_share(parts: np.ndarray, hidden: np.ndarray) -> float:
    """Share of the person's pixels that nothing hides."""
    person = parts > 0
    return float((person & ~hidden).sum()) / max(int(person.sum()), 1)


def _past_edge(size: int, rng: np.random.Generator) -> np.ndarray:
    """A band at one or two sides of the crop."""
    past = np.zeros((size, size), bool)
    for _ in range(1 + (rng.random() < 0.2)):
        band = int(rng.uniform(0.03, 0.25) * size)
        past = np.rot90(past, int(rng.integers(4))).copy()
        past[:band] = True
    return np.rot90(past, int(rng.integers(4)))


def _project(joints: np.ndarray, focal: float, size: int) -> np.ndarray:
    """Pixels of camera-frame joints."""
    return (focal * joints[:, :2] / joints[:, 2:] + size / 2).astype(np.float32)
