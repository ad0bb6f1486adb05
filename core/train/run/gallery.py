"""Pictures at each validation: what the network sees in people it has not learnt from.

A row shows two of them: the crop, its features, its parts, and the regressed body over it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from core.body.load import load_body
from core.body.model import Body
from core.datasets.coco import SUFFIXES
from core.errors import UserError
from core.fit.pictures import feature_colors
from core.geometry.camera import Camera, project
from core.geometry.crop import Box, crop_view, default_focal, warp
from core.io.images import load_image, save_image
from core.nbv.features import FeatureBank
from core.nets.keypoints import KeypointDetector
from core.nets.network import PoseNetwork, translation_from_camera
from core.pictures.colors import FeatureColors, part_colors
from core.pictures.overlay import draw_body
from core.pictures.panels import Panel, compose_panels
from core.synth.shards import ShardDataset
from core.train.run.curves import Curves
from core.train.run.validate import SCORED_JOINTS

PEOPLE, MOST_PHOTOS = 6, 8
_SURE = 0.5  # confidence of a detected joint that is held against the body
_TILE = 200  # pixels of a picture on the sheet

Show = Callable[[int, np.ndarray], None]
"""Told the step and the sheet of each validation."""


@dataclass(frozen=True)
class Subject:
    """A crop of a person, and where joints are in it.

    Attributes:
        title: short.
        image: RGB, of the network's size.
        focal: pixels of the crop; the principal point is its middle.
        joints: pixels of the crop; the truth, or in a photo what the published BlazePose finds.
        known: joints that can be held against a body.
        photo: a photo, not a synthetic person.
    """

    title: str
    image: UInt8[np.ndarray, "size size 3"]
    focal: float
    joints: Float[Tensor, "24 2"]
    known: Bool[Tensor, "24"]
    photo: bool


def held_out_people(shards: ShardDataset, count: int = PEOPLE) -> list[Subject]:
    """Some people of a held-out set, the same ones every time."""
    spaced = np.linspace(0, len(shards) - 1, min(count, len(shards))).astype(int).tolist()
    scored = torch.zeros(24, dtype=torch.bool)
    scored[list(SCORED_JOINTS)] = True
    subjects = []
    for index in spaced:
        sample = shards[index]
        joints = torch.from_numpy(sample.joints2d)
        title, focal = f"held out {index}", float(sample.focal)
        subjects.append(Subject(title, sample.image, focal, joints, scored, photo=False))
    return subjects


def people_in_photos(folder: Path, size: int) -> list[Subject]:
    """The most prominent person of each photo of a folder, by name; 8 photos at most.

    Where nobody is found, the whole photo is the crop, and no joint is known.

    Raises:
        UserError: there is no photo, or one is damaged.
    """
    found = folder.iterdir() if folder.is_dir() else iter(())
    paths = sorted(path for path in found if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise UserError(f"no photos in {folder}; name a folder with .jpg or .png files")
    detector = KeypointDetector()
    return [_look_at(path, size, detector) for path in paths[:MOST_PHOTOS]]


def _look_at(path: Path, size: int, detector: KeypointDetector) -> Subject:
    """Crop the person as a fit would."""
    photo = load_image(path)
    width, height = photo.size
    proposals = detector.propose_boxes(photo.pixels)
    box = proposals[0].box if proposals else Box(0, 0, width, height)
    view = crop_view(width, height, box, photo.focal_px or default_focal(width, height), size)
    crop = warp(photo.pixels, view)
    keypoints = detector(torch.from_numpy(crop).permute(2, 0, 1)[None].float() / 255)
    sure = (keypoints.confidence[0] > _SURE) & bool(proposals)
    title = photo.name if proposals else f"{photo.name}: nobody found"
    return Subject(title, crop, view.focal, keypoints.xy[0], sure, photo=True)


class Gallery:
    """Draws its subjects after each validation: ``OUT/gallery/step-0000400.png``.

    Args:
        folder: of the run.

    Attributes:
        curves: mean distances of the bodies' joints (``OUT/gallery.csv``).
        show: also given each sheet.
    """

    def __init__(self, subjects: Sequence[Subject], folder: Path) -> None:
        self.subjects, self.folder = subjects, folder
        self.show: list[Show] = []
        self.body = load_body()
        self.curves = Curves(folder, "gallery")

    def __call__(self, step: int, network: PoseNetwork, bank: FeatureBank) -> None:
        """Predict, draw and write (a `core.train.run.trainer.Observer`)."""
        views = predict(network, self.body, self.subjects)
        colors = feature_colors(bank.to(torch.zeros(())))
        sheet = draw_sheet(step, self.subjects, views, self.body, colors)
        save_image(self.folder / "gallery" / f"step-{step:07}.png", sheet)
        self.curves.cut(step - 1)
        self.curves.add(step, mean_distances(self.subjects, views))
        self.curves.save()
        for show in self.show:
            show(step, sheet)


@dataclass(frozen=True)
class View:
    """What a network says about a subject.

    Attributes:
        parts: most likely part of each cell.
        vertices: of the regressed body, metres in the crop camera's frame.
        distance: mean over the known joints, pixels of the crop; NaN where none is known.
    """

    features: Float[Tensor, "h w dim"]
    parts: UInt8[np.ndarray, "h w"]
    vertices: Float[np.ndarray, "vertices 3"]
    distance: float


@torch.no_grad()
def predict(network: PoseNetwork, body: Body, subjects: Sequence[Subject]) -> list[View]:
    """Show all subjects to the network at once."""
    network.eval()
    device = next(network.parameters()).device
    images = torch.from_numpy(np.stack([s.image for s in subjects])).permute(0, 3, 1, 2)
    output = network(images.to(device).float() / 255)
    focal = torch.tensor([s.focal for s in subjects])
    size = images.shape[-1]
    transl = translation_from_camera(output.camera.cpu(), focal, size)
    posed = body.pose(output.rotations.cpu(), output.betas.cpu(), transl)
    pixels = project(Camera.centered(focal, size), posed.joints)
    parts = output.part_logits.argmax(1).to(torch.uint8).cpu().numpy()
    features = output.features.permute(0, 2, 3, 1).cpu()
    return [
        View(features[i], parts[i], posed.vertices[i].numpy(), _distance(pixels[i], subject))
        for i, subject in enumerate(subjects)
    ]


def _distance(pixels: Float[Tensor, "24 2"], subject: Subject) -> float:
    """Mean over the known joints."""
    return float((pixels - subject.joints).norm(dim=-1)[subject.known].mean())


def mean_distances(subjects: Sequence[Subject], views: Sequence[View]) -> dict[str, float]:
    """Pixels of the crop: synthetic people's from the truth, photos' from BlazePose."""
    grouped: dict[str, list[float]] = {}
    for subject, view in zip(subjects, views, strict=True):
        if subject.known.any():
            name = "photos_px" if subject.photo else "held_out_px"
            grouped.setdefault(name, []).append(view.distance)
    return {name: float(np.mean(values)) for name, values in grouped.items()}


def draw_sheet(
    step: int,
    subjects: Sequence[Subject],
    views: Sequence[View],
    body: Body,
    colors: FeatureColors,
) -> UInt8[np.ndarray, "height width 3"]:
    """Four pictures a subject, two subjects a row."""
    faces = body.faces.numpy().astype(np.int32)
    panels: list[Panel] = []
    for subject, view in zip(subjects, views, strict=True):
        middle = (subject.image.shape[1] / 2, subject.image.shape[0] / 2)
        drawn = draw_body(subject.image, view.vertices, faces, subject.focal, middle)
        source = "BlazePose" if subject.photo else "the truth"
        off = f"{view.distance:.1f} px from {source}" if subject.known.any() else ""
        panels += [
            Panel(subject.title, subject.image),
            Panel("features", colors.apply(view.features)),
            Panel("parts", part_colors(view.parts)),
            Panel("regressed body", drawn, off),
        ]
    title = f"validation at step {step:,}"
    columns = 8 if len(subjects) > 1 else 4
    return compose_panels(panels, title, columns=columns, tile=(_TILE, _TILE))
