"""Evaluation of regressor and fit on photographs, against annotated 2D and 3D joints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool
from rich.console import Console
from torch import Tensor

from core.body.params import BodyParams
from core.datasets.crop import PhotoCrop, crop_person
from core.datasets.record import PhotoDataset
from core.eval.methods import INIT, STANDARD, fitted_bodies
from core.eval.metrics import JOINTS_14, mpjpe, pa_mpjpe, pck
from core.eval.summary import Estimate, Values, estimate
from core.eval.tables import empty_table, print_table, shown
from core.fit.engine import Engine
from core.fit.schedule import Schedule
from core.geometry.camera import Camera, project
from core.geometry.crop import PADDING
from core.io.records import save_record
from core.io.report import installed_versions

LIMB_JOINTS = (1, 2, 4, 5, 7, 8, 16, 17, 18, 19, 20, 21)
"""Hips, knees, ankles, shoulders, elbows, wrists: annotated points that nearly are SMPL joints."""


@dataclass(frozen=True)
class PhotoScores:
    """One value per person; NaN if the data set has no labels for it.

    Attributes:
        pck10, pck05: share of `LIMB_JOINTS` within 0.1 and 0.05 of the box's longer side.
        mpjpe_mm, pa_mpjpe_mm: over the labelled ones of the 14 joints.
    """

    pck10: Values
    pck05: Values
    mpjpe_mm: Values
    pa_mpjpe_mm: Values


@dataclass(frozen=True)
class PhotoRow:
    """Means of `PhotoScores` over people with intervals."""

    method: str
    n: int
    pck10: Estimate
    pck05: Estimate
    mpjpe_mm: Estimate
    pa_mpjpe_mm: Estimate


@dataclass(frozen=True)
class PhotoReport:
    """A table with its protocol."""

    title: str
    rows: list[PhotoRow]
    protocol: str
    versions: dict[str, str] = field(default_factory=lambda: installed_versions())

    def save(self, path: Path) -> None:
        """Write the report as JSON."""
        save_record(path, self)

    def print(self, console: Console) -> None:
        """Print the table and the protocol."""
        figures = ("n", "PCK@0.1 %", "PCK@0.05 %", "MPJPE", "PA-MPJPE")
        table = empty_table(self.title, ("method",), figures)
        for row in self.rows:
            shares = shown(row.pck10, 100), shown(row.pck05, 100)
            table.add_row(
                row.method, str(row.n), *shares, shown(row.mpjpe_mm), shown(row.pa_mpjpe_mm)
            )
        print_table(console, table, [self.protocol])


def evaluate_photos(
    engine: Engine,
    dataset: PhotoDataset,
    schedule: Schedule | None = None,
    progress: Callable[[int], object] = lambda _: None,
    methods: Sequence[str] = STANDARD,
) -> PhotoReport:
    """Evaluate methods on all people of a data set.

    Boxes are the data set's and keypoints are detected; annotations are used for scoring only.

    Args:
        progress: called with the number of people done.
        methods: names, see `core.eval.methods`; the start is always among them.
    """
    schedule = schedule or Schedule.standard()
    methods = tuple(dict.fromkeys((INIT, *methods)))
    parts: dict[str, list[PhotoScores]] = {method: [] for method in methods}
    for index in range(len(dataset)):
        for method, scores in score_person(engine, dataset, index, schedule, methods).items():
            parts[method].append(scores)
        progress(index + 1)
    rows = []
    for method, listed in parts.items():
        columns = [
            np.concatenate([getattr(p, f.name) for p in listed]) for f in fields(PhotoScores)
        ]
        rows.append(PhotoRow(method, len(dataset), *(estimate(column) for column in columns)))
    protocol = (
        f"{dataset.name} ({dataset.split}); the data set's boxes, detected keypoints; "
        f"PCK of {len(LIMB_JOINTS)} joints by the box's longer side; MPJPE aligned at the pelvis, "
        "PA by similarity; ±: half of the 95% bootstrap interval over people"
    )
    return PhotoReport(f"{dataset.name}: {len(dataset)} people", rows, protocol)


def score_person(
    engine: Engine,
    dataset: PhotoDataset,
    index: int,
    schedule: Schedule,
    methods: Sequence[str] = STANDARD,
) -> dict[str, PhotoScores]:
    """Scores of all methods on one person."""
    crop = crop_person(dataset, index, engine.size)
    record, photo = dataset[index], dataset.photo(index)
    observation = engine.observe_view(photo.pixels, record.box, crop.view, focal=record.focal)
    bodies = fitted_bodies(engine, observation.problem, schedule, methods)
    return {method: score_body(engine, body, crop) for method, body in bodies.items()}


@torch.no_grad()
def score_body(engine: Engine, body: BodyParams, crop: PhotoCrop) -> PhotoScores:
    """Scores of one body against the person's labels."""
    joints = engine.volume.pose(body.rotations(), body.betas, body.transl).joints
    camera = Camera.centered(torch.tensor([crop.view.focal]), engine.size)
    joints2d = np.zeros((24, 3), np.float32) if crop.joints2d is None else crop.joints2d
    points = torch.from_numpy(joints2d)[None]
    annotated = among(points[..., 2] > 0, LIMB_JOINTS)
    side = engine.size / PADDING
    pixels = project(camera, joints)
    near = [
        pck(pixels, points[..., :2], torch.tensor([share * side]), annotated)
        for share in (0.1, 0.05)
    ]
    errors = [torch.full((1,), torch.nan), torch.full((1,), torch.nan)]
    if crop.joints3d is not None:
        truth = torch.from_numpy(crop.joints3d)[None]
        known = among(truth[..., 3] > 0, JOINTS_14)
        if truth[0, 0, 3] > 0:
            errors[0] = mpjpe(joints, truth[..., :3], known)
        errors[1] = pa_mpjpe(joints, truth[..., :3], known)
    return PhotoScores(*(value.double().numpy() for value in (*near, *errors)))


def among(labelled: Bool[Tensor, "1 24"], joints: tuple[int, ...]) -> Bool[Tensor, "1 24"]:
    """Labelled joints that are in ``joints``."""
    chosen = torch.zeros_like(labelled)
    chosen[:, list(joints)] = True
    return labelled & chosen
