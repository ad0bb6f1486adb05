"""The regressor and the fit on photographs: 2D against annotated points, 3D where it is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from rich.console import Console
from torch import Tensor

from core.body.params import BodyParams
from core.datasets.crop import PhotoCrop, crop_person
from core.datasets.record import PhotoDataset
from core.eval.methods import INIT, STANDARD, fitted_bodies
from core.eval.metrics import JOINTS_14, mpjpe, pa_mpjpe, pck
from core.eval.summary import Estimate, estimate
from core.eval.tables import plain_table, print_wide, shown
from core.fit.engine import Engine
from core.fit.schedule import Schedule
from core.geometry.camera import Camera, project
from core.geometry.crop import PADDING
from core.io.records import save_record
from core.io.report import installed_versions

LIMB_JOINTS = (1, 2, 4, 5, 7, 8, 16, 17, 18, 19, 20, 21)
"""Hips, knees, ankles, shoulders, elbows, wrists: what annotators mark and SMPL has, nearly."""

Values = Float[np.ndarray, " people"]


@dataclass(frozen=True)
class PhotoScores:
    """One value a person, NaN where the data set does not tell.

    Attributes:
        pck10, pck05: share of `LIMB_JOINTS` within 0.1 and 0.05 of the box's longer side.
        mpjpe_mm, pa_mpjpe_mm: over those of the 14 joints that are known.
    """

    pck10: Values
    pck05: Values
    mpjpe_mm: Values
    pa_mpjpe_mm: Values


@dataclass(frozen=True)
class PhotoRow:
    """Means of `PhotoScores` over people, with intervals."""

    method: str
    n: int
    pck10: Estimate
    pck05: Estimate
    mpjpe_mm: Estimate
    pa_mpjpe_mm: Estimate


@dataclass(frozen=True)
class PhotoReport:
    """A table, and what is needed to read it."""

    title: str
    rows: list[PhotoRow]
    protocol: str
    versions: dict[str, str] = field(default_factory=lambda: installed_versions())

    def save(self, path: Path) -> None:
        """Write the report as json."""
        save_record(path, self)

    def print(self, console: Console) -> None:
        """Show the table."""
        table = plain_table(self.title)
        table.add_column("method", no_wrap=True)
        for name in ("n", "PCK@0.1 %", "PCK@0.05 %", "MPJPE", "PA-MPJPE"):
            table.add_column(name, justify="right", no_wrap=True)
        for row in self.rows:
            shares = shown(row.pck10, 100), shown(row.pck05, 100)
            table.add_row(
                row.method, str(row.n), *shares, shown(row.mpjpe_mm), shown(row.pa_mpjpe_mm)
            )
        print_wide(console, table)
        console.print(self.protocol, style="dim", highlight=False)


def evaluate_photos(
    engine: Engine,
    dataset: PhotoDataset,
    schedule: Schedule | None = None,
    progress: Callable[[int], object] = lambda _: None,
    methods: Sequence[str] = STANDARD,
) -> PhotoReport:
    """A row for each method.

    Boxes are the data set's, keypoints the network's own: annotations are only scored against.

    Args:
        progress: told the number of people done.
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
        f"{dataset.name} ({dataset.split}); the data set's boxes, the network's own keypoints; "
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
    """All methods on one person."""
    crop = crop_person(dataset, index, engine.size)
    record, photo = dataset[index], dataset.photo(index)
    observation = engine.observe_view(photo.pixels, record.box, crop.view, focal=record.focal)
    bodies = fitted_bodies(engine, observation.problem, schedule, methods)
    return {method: score_body(engine, body, crop) for method, body in bodies.items()}


@torch.no_grad()
def score_body(engine: Engine, body: BodyParams, crop: PhotoCrop) -> PhotoScores:
    """One body against what is known of the person."""
    joints = engine.volume.pose(body.rotations(), body.betas, body.transl).joints
    camera = Camera.centered(torch.tensor([crop.view.focal]), engine.size)
    nowhere = np.full((24, 3), 0, np.float32) if crop.joints2d is None else crop.joints2d
    points = torch.from_numpy(nowhere)[None]
    marked = among(points[..., 2] > 0, LIMB_JOINTS)
    side = engine.size / PADDING
    pixels = project(camera, joints)
    near = [
        pck(pixels, points[..., :2], torch.tensor([share * side]), marked) for share in (0.1, 0.05)
    ]
    errors = [torch.full((1,), torch.nan), torch.full((1,), torch.nan)]
    if crop.joints3d is not None:
        truth = torch.from_numpy(crop.joints3d)[None]
        known = among(truth[..., 3] > 0, JOINTS_14)
        if truth[0, 0, 3] > 0:
            errors[0] = mpjpe(joints, truth[..., :3], known)
        errors[1] = pa_mpjpe(joints, truth[..., :3], known)
    return PhotoScores(*(value.double().numpy() for value in (*near, *errors)))


def among(known: Bool[Tensor, "1 24"], joints: tuple[int, ...]) -> Bool[Tensor, "1 24"]:
    """Known joints that are among some."""
    chosen = torch.zeros_like(known)
    chosen[:, list(joints)] = True
    return known & chosen
