"""Pictures at each validation: predictions for held-out people and photos.

Each subject has four pictures: crop, features, parts, and the regressed body over the crop.
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
from core.nets.people import PeopleFinder
from core.pictures.colors import FeatureColors, part_colors
from core.pictures.overlay import draw_body
from core.pictures.panels import Panel, compose_panels
from core.synth.shards import ShardDataset
from core.train.run.curves import Curves
from core.train.run.validate import SCORED_JOINTS

PEOPLE, MOST_PHOTOS = 6, 8
_MIN_CONFIDENCE = 0.5  # of a detected joint that the body is compared with, exclusive
_TILE = 200  # side of a picture on the sheet, pixels

SheetCallback = Callable[[int, np.ndarray], None]
"""Called with the step and the sheet of each validation."""


@dataclass(frozen=True)
class Subject:
    """A crop of a person with reference joints.

    Attributes:
        title: short title of the crop's picture.
        image: RGB, of the network's size.
        focal: pixels of the crop; the principal point is its middle.
        joints: pixels of the crop; ground truth, or in a photo the published BlazePose's keypoints.
        scored: joints that the body is compared with.
        photo: whether this is a photo and not a synthetic person.
    """

    title: str
    image: UInt8[np.ndarray, "size size 3"]
    focal: float
    joints: Float[Tensor, "24 2"]
    scored: Bool[Tensor, "24"]
    photo: bool


def held_out_people(shards: ShardDataset, count: int = PEOPLE) -> list[Subject]:
    """``count`` evenly spaced people of a held-out set."""
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
    """The most prominent person in each of a folder's first 8 photos by name.

    If nobody is found, the whole photo is the crop and no joint is scored.

    Raises:
        UserError: there is no photo, or one is damaged.
    """
    found = folder.iterdir() if folder.is_dir() else iter(())
    paths = sorted(path for path in found if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise UserError(f"no photos in {folder}; name a folder with .jpg or .png files")
    finder, detector = PeopleFinder(), KeypointDetector()
    return [_crop_person(path, size, finder, detector) for path in paths[:MOST_PHOTOS]]


def _crop_person(
    path: Path, size: int, finder: PeopleFinder, detector: KeypointDetector
) -> Subject:
    """Crop the most prominent person in the way a fit does."""
    photo = load_image(path)
    width, height = photo.size
    proposals = finder(photo.pixels)
    box = proposals[0].box if proposals else Box(0, 0, width, height)
    view = crop_view(width, height, box, photo.focal_px or default_focal(width, height), size)
    crop = warp(photo.pixels, view)
    keypoints = detector(torch.from_numpy(crop).permute(2, 0, 1)[None].float() / 255)
    scored = (keypoints.confidence[0] > _MIN_CONFIDENCE) & bool(proposals)
    title = photo.name if proposals else f"{photo.name}: nobody found"
    return Subject(title, crop, view.focal, keypoints.xy[0], scored, photo=True)


class Gallery:
    """Draws a sheet of its subjects after each validation: ``OUT/gallery/step-0000400.png``.

    Args:
        folder: folder of the run.

    Attributes:
        curves: mean distances of the bodies' joints (``OUT/gallery.csv``).
        callbacks: called with each sheet.
    """

    def __init__(self, subjects: Sequence[Subject], folder: Path) -> None:
        self.subjects, self.folder = subjects, folder
        self.callbacks: list[SheetCallback] = []
        self.body = load_body()
        self.curves = Curves(folder, "gallery")

    def __call__(self, step: int, network: PoseNetwork, bank: FeatureBank) -> None:
        """Predict, draw and write (a `core.train.run.trainer.Observer`)."""
        predictions = predict(network, self.body, self.subjects)
        colors = feature_colors(bank.to(torch.zeros(())))
        sheet = draw_sheet(step, self.subjects, predictions, self.body, colors)
        save_image(self.folder / "gallery" / f"step-{step:07}.png", sheet)
        self.curves.cut(step - 1)
        self.curves.add(step, mean_distances(self.subjects, predictions))
        self.curves.save()
        for callback in self.callbacks:
            callback(step, sheet)


@dataclass(frozen=True)
class Prediction:
    """A network's prediction for a subject.

    Attributes:
        features: unit feature map.
        parts: most likely part of each cell.
        vertices: of the regressed body, metres in the crop camera's frame.
        distance: mean distance over the scored joints, pixels of the crop; NaN without any.
    """

    features: Float[Tensor, "h w dim"]
    parts: UInt8[np.ndarray, "h w"]
    vertices: Float[np.ndarray, "vertices 3"]
    distance: float


@torch.no_grad()
def predict(network: PoseNetwork, body: Body, subjects: Sequence[Subject]) -> list[Prediction]:
    """Run the network on all subjects in one batch."""
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
        Prediction(features[i], parts[i], posed.vertices[i].numpy(), _distance(pixels[i], subject))
        for i, subject in enumerate(subjects)
    ]


def _distance(pixels: Float[Tensor, "24 2"], subject: Subject) -> float:
    """Mean distance over the scored joints, pixels."""
    return float((pixels - subject.joints).norm(dim=-1)[subject.scored].mean())


def mean_distances(
    subjects: Sequence[Subject], predictions: Sequence[Prediction]
) -> dict[str, float]:
    """Mean distances in pixels of the crop, for synthetic people and for photos."""
    grouped: dict[str, list[float]] = {}
    for subject, prediction in zip(subjects, predictions, strict=True):
        if subject.scored.any():
            name = "photos_px" if subject.photo else "held_out_px"
            grouped.setdefault(name, []).append(prediction.distance)
    return {name: float(np.mean(values)) for name, values in grouped.items()}


def draw_sheet(
    step: int,
    subjects: Sequence[Subject],
    predictions: Sequence[Prediction],
    body: Body,
    colors: FeatureColors,
) -> UInt8[np.ndarray, "height width 3"]:
    """One sheet with four pictures a subject and two subjects a row."""
    faces = body.faces.numpy().astype(np.int32)
    panels: list[Panel] = []
    for subject, prediction in zip(subjects, predictions, strict=True):
        middle = (subject.image.shape[1] / 2, subject.image.shape[0] / 2)
        drawn = draw_body(subject.image, prediction.vertices, faces, subject.focal, middle)
        source = "BlazePose" if subject.photo else "the truth"
        distance = f"{prediction.distance:.1f} px from {source}" if subject.scored.any() else ""
        panels += [
            Panel(subject.title, subject.image),
            Panel("features", colors.apply(prediction.features)),
            Panel("parts", part_colors(prediction.parts)),
            Panel("regressed body", drawn, distance),
        ]
    title = f"validation at step {step:,}"
    columns = 8 if len(subjects) > 1 else 4
    return compose_panels(panels, title, columns=columns, tile=(_TILE, _TILE))
