"""Sampling synthetic people: shape, pose, clothes, camera, light, background, occluders, sensor."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32
from scipy.spatial.transform import Rotation

from core.assets import cache_dir
from core.body.load import load_body
from core.errors import UserError
from core.synth.drawing import backdrop, interactions
from core.synth.drawing.degrade import degrade
from core.synth.drawing.interactions import Solid
from core.synth.drawing.labels import dense_labels, kernel_vertices
from core.synth.drawing.light import random_lighting
from core.synth.drawing.occluders import Occluder, barrier_below, random_occluders
from core.synth.drawing.scene import (
    DrawnPerson,
    Scene,
    SolidLayers,
    alpha_over,
    body_raster,
    draw_person,
    draw_solid,
)
from core.synth.dressing.appearance import MaterialLibrary
from core.synth.dressing.dressable_body import DressableBody, DressedPerson, Outfit, pose_person
from core.synth.dressing.outfit import random_outfit
from core.synth.dressing.wardrobe import Garment, load_wardrobe
from core.synth.sample import Sample
from core.synth.sampling.camera import frame_person, random_orientation
from core.synth.sampling.low_poses import low_bank
from core.synth.sampling.poses import SPLIT_CODE, PoseBank, low_pose, random_pose
from core.synth.sampling.shapes import ShapeSampler

DRAWING_VERSION = 4  # increased when the same seed gives other people
OCCLUDED = 0.45  # share with flat occluders in front
BEHIND = {"train": 0.35, "test": 0.1}  # share with a person behind, and then with one more
MOST_BEHIND = {"train": 3, "test": 1}
IN_FRONT = {"train": 0.12, "test": 0.05}  # share with a person in front
LOW_POSE = 0.12  # share of people who sit, kneel or lie
WITH_FURNITURE = 0.13  # share with furniture
WITH_NEIGHBOUR = {"train": 0.08, "test": 0.05}  # share with a person who touches or overlaps
WITH_LIMB = 0.06  # share with another person's limb that reaches in
SEAT_FOR_SITTING = 0.6  # share of sitting people with furniture
MIN_VISIBLE = 0.25  # smallest share of the person that occluders leave visible
BEHIND_DESK = 0.4  # share of training people, cut by their box, who are hidden below it
PAST_EDGE = 0.1  # share of crops that reach past the photo's edge


class PeopleSampler:
    """An endless, reproducible source of synthetic people: sample ``i`` depends on (seed, i) only.

    Args:
        seed: of all random numbers.
        data: folder of material (docs/synthetic.md); None makes everything procedural (painted
            clothes, patterned backgrounds, poses from the prior).
        split: "train" or "test"; the splits share neither seeds nor skins, textures, panoramas,
            garments or mocap sequences.
        size: side of the crop in pixels.
        labels: add dense labels to the samples (see `core.synth.sample`).
        unoccluded: nothing is in front of the person, and the photo fills the crop.

    Raises:
        UserError: ``data`` lacks material, or the wardrobe or the pose bank is not built.
    """

    def __init__(
        self,
        seed: int,
        data: Path | None = None,
        split: str = "train",
        size: int = 256,
        labels: bool = False,
        unoccluded: bool = False,
    ) -> None:
        self.seed, self.split, self.size, self.unoccluded = seed, split, size, unoccluded
        self.dressable = DressableBody.of(load_body())
        self.kernels = kernel_vertices(self.dressable) if labels else None
        self.materials = MaterialLibrary.load(data, split)
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
        self.low = low_bank(self.bank, self.dressable.joints, split)
        self.shapes = ShapeSampler(self.dressable.body)

    def __iter__(self) -> Iterator[Sample]:
        """Samples 0, 1, 2, ... without end."""
        index = 0
        while True:
            yield self.sample(index)
            index += 1

    def sample(self, index: int) -> Sample:
        """Sample ``index``."""
        rng = np.random.default_rng([self.seed, SPLIT_CODE[self.split], index])
        view = random_orientation(rng)
        pose, betas = self.random_body(view, rng)
        outfit = random_outfit(self.dressable, self.garments, self.materials, rng)
        person = pose_person(self.dressable, outfit, pose, betas)
        part = self.dressable.vertices_surface.part
        framing = frame_person(person.body_vertices, part, self.size, rng, self.split)
        person = person.moved(framing.transl)
        panorama = self.materials.panorama(rng)
        scene = Scene(self.size, view, framing, random_lighting(panorama, view, rng))
        drawn = draw_person(person, outfit.materials, scene)
        image = self._background(scene, person, panorama, rng)
        interaction = None
        if not self.unoccluded:
            interaction = self._interaction(scene, person, drawn, rng.spawn(1)[0])
        image = _composite(image, drawn, interaction)
        if self.unoccluded:
            image, occluder = image.clip(0, 1), np.zeros(drawn.parts.shape, bool)
        else:
            image, occluder = self._foreground(image, scene, drawn, interaction, rng)
        focal, seen = framing.focal, body_raster(self.dressable, person, scene)
        labels: dict[str, np.ndarray] = {}
        if self.kernels is not None:
            body = person.body_vertices
            labels = vars(dense_labels(self.dressable, body, seen, focal, occluder, self.kernels))
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
        low = rng.spawn(1)[0]  # its own generator
        pose = random_pose(self.bank, rng)
        if low.random() < LOW_POSE:
            pose = low_pose(self.low, low)
        root = Rotation.from_matrix(view) * Rotation.from_rotvec(pose[0])
        pose[0] = root.as_rotvec()
        return pose, self.shapes(rng)

    def _background(
        self, scene: Scene, person: DressedPerson, panorama: np.ndarray, rng: np.random.Generator
    ) -> Float32[np.ndarray, "size size 3"]:
        """The background in linear colour: surroundings, floor, shadow, clutter, other people."""
        focal, size = scene.framing.focal, scene.size
        if rng.random() < 0.6:
            picture = backdrop.surroundings(panorama, scene.view, size, rng)
        else:
            picture = backdrop.flat_backdrop(self.materials, size, rng)
        if rng.random() < 0.5:
            ground = backdrop.Ground.below(person.body_vertices, scene.view)
            tile = self.materials.patch(rng, backdrop.FLOOR_TILE)
            floor_mask = backdrop.draw_floor(picture, ground, focal, tile, rng)
            light = scene.lighting.directions[0]
            backdrop.cast_shadow(picture, floor_mask, ground, person.mesh, light, focal, rng)
        if rng.random() < 0.6:
            backdrop.clutter(picture, self.materials, rng)
        linear = np.square(picture)
        distances: list[float] = []
        while len(distances) < MOST_BEHIND[self.split] and rng.random() < BEHIND[self.split]:
            distances.append(rng.uniform(0.3, 4))
        for farther in sorted(distances, reverse=True):
            linear = alpha_over(linear, self._bystander(scene, farther, rng).rgba)
        return linear

    def _foreground(
        self,
        image: Float32[np.ndarray, "size size 3"],
        scene: Scene,
        drawn: DrawnPerson,
        interaction: SolidLayers | None,
        rng: np.random.Generator,
    ) -> tuple[Float32[np.ndarray, "size size 3"], Bool[np.ndarray, "size size"]]:
        """The picture with everything in front of the person, and the mask of all that occludes."""
        hidden = np.zeros(drawn.parts.shape, bool)
        if interaction is not None:
            hidden |= interaction.occlusion
        if rng.random() < IN_FRONT[self.split]:
            other = self._bystander(scene, -rng.uniform(0.15, 0.3) * scene.framing.transl[2], rng)
            covered = hidden | (other.parts > 0)
            if _visible_share(drawn.parts, covered) > MIN_VISIBLE:
                image, hidden = alpha_over(image, other.rgba), covered
        if rng.random() < OCCLUDED:
            layers = random_occluders(drawn.parts > 0, self.materials, rng)
            hidden = _cover(image, layers, drawn.parts, hidden)
        cut = scene.framing.cut
        if self.split == "train" and cut is not None and rng.random() < BEHIND_DESK:
            layers = barrier_below(self.size, cut, self.materials, rng)
            hidden = _cover(image, layers, drawn.parts, hidden)
        edge = 3 * PAST_EDGE if scene.framing.truncated else PAST_EDGE * 0.6
        if rng.random() < edge:
            past = _past_edge(scene.size, rng)
            image[past] = 0
            hidden |= past
        return image.clip(0, 1), hidden

    def _bystander(self, scene: Scene, farther: float, rng: np.random.Generator) -> DrawnPerson:
        """Another person to the side, ``farther`` metres behind the first (negative: in front)."""
        person, outfit = self._random_person(scene, rng)
        place = scene.framing.transl.copy()
        place[2] = max(place[2] + farther, 1.0)
        visible = place[2] * scene.size / scene.framing.focal  # metres across the crop
        place[0] += rng.choice([-1, 1]) * rng.uniform(0.15, 0.5) * visible
        return draw_person(person.moved(place), outfit.materials, scene)

    def _random_person(
        self, scene: Scene, rng: np.random.Generator
    ) -> tuple[DressedPerson, Outfit]:
        """Another posed and dressed person, at the origin."""
        pose, betas = self.random_body(scene.view, rng)
        outfit = random_outfit(self.dressable, self.garments, self.materials, rng)
        return pose_person(self.dressable, outfit, pose, betas), outfit

    def _interaction(
        self, scene: Scene, person: DressedPerson, drawn: DrawnPerson, rng: np.random.Generator
    ) -> SolidLayers | None:
        """Furniture or another person in the person's space, if there is any."""
        ground = backdrop.Ground.below(person.body_vertices, scene.view)
        furnished = SEAT_FOR_SITTING if interactions.is_sitting(person, ground) else WITH_FURNITURE
        kind = rng.random()
        if rng.random() < furnished:
            solid = interactions.furniture(person, ground, self.materials, rng)
        elif kind < WITH_NEIGHBOUR[self.split]:
            other, outfit = self._random_person(scene, rng)
            solid = Solid(
                interactions.place_neighbour(other, person, scene.view, rng).mesh, outfit.materials
            )
        elif kind < WITH_NEIGHBOUR[self.split] + WITH_LIMB:
            other, outfit = self._random_person(scene, rng)
            solid = Solid(interactions.reaching_limb(other, person, rng), outfit.materials)
        else:
            return None
        if not solid.clears_camera:
            return None
        layers = draw_solid(solid, drawn, scene)
        return layers if _visible_share(drawn.parts, layers.occlusion) > MIN_VISIBLE else None


def _composite(
    image: Float32[np.ndarray, "size size 3"], drawn: DrawnPerson, interaction: SolidLayers | None
) -> Float32[np.ndarray, "size size 3"]:
    """Composite from back to front: picture, solid, person, and the solid's part in front."""
    if interaction is None:
        return alpha_over(image, drawn.rgba)
    person_over_solid = alpha_over(alpha_over(image, interaction.full), drawn.rgba)
    return alpha_over(person_over_solid, interaction.front)


def _cover(
    image: Float32[np.ndarray, "size size 3"],
    layers: list[Occluder],
    parts: np.ndarray,
    hidden: Bool[np.ndarray, "size size"],
) -> Bool[np.ndarray, "size size"]:
    """Draw layers over the image in place, if enough of the person stays visible.

    Returns:
        The mask of all that occludes.
    """
    covered = hidden.copy()
    for layer in layers:
        covered |= layer.alpha > 0.5
    if _visible_share(parts, covered) <= MIN_VISIBLE:
        return hidden
    for layer in layers:
        layer.cover(image)
    return covered


def _visible_share(parts: np.ndarray, hidden: np.ndarray) -> float:
    """Share of the person's pixels that are not hidden."""
    person = parts > 0
    return float((person & ~hidden).sum()) / max(int(person.sum()), 1)


def _past_edge(size: int, rng: np.random.Generator) -> np.ndarray:
    """Mask of a band at one or two sides of the crop."""
    past = np.zeros((size, size), bool)
    for _ in range(1 + (rng.random() < 0.2)):
        band = int(rng.uniform(0.03, 0.25) * size)
        past = np.rot90(past, int(rng.integers(4))).copy()
        past[:band] = True
    return np.rot90(past, int(rng.integers(4)))


def _project(joints: np.ndarray, focal: float, size: int) -> np.ndarray:
    """Pixels of camera-frame joints."""
    return (focal * joints[:, :2] / joints[:, 2:] + size / 2).astype(np.float32)
