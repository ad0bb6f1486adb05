"""Evaluation of detectors, regressor and fit on photographs, against annotated joints."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from rich.console import Console
from torch import Tensor

from core.body.params import BodyParams
from core.body.points import CARRIERS, LIMB_POINTS
from core.datasets.crop import PhotoCrop, crop_person
from core.datasets.record import PhotoDataset
from core.eval.calibration import (
    FORESHORTENING_ERRORS,
    CalibrationBin,
    calibrate,
    calibration_table,
)
from core.eval.limb_foreshortenings import ForeshorteningReport, LimbErrors
from core.eval.methods import INIT, STANDARD, fitted_bodies
from core.eval.person_rows import PersonPlace
from core.eval.photo_masks import MaskPixels, MaskReport
from core.eval.photo_scores import LIMB_JOINTS, PhotoScores, score_body, score_points
from core.eval.summary import WORSE_BY, Estimate, estimate, worse
from core.eval.tables import empty_table, print_table, shown
from core.eval.warned import WarnedReport
from core.fit.detector import Detect
from core.fit.engine import Engine, detector_crops
from core.fit.evidence import BodyPoints
from core.fit.misfit import points_misfit
from core.fit.observation import Observation
from core.fit.pictures import occlusion_maps
from core.fit.schedule import Schedule
from core.geometry.crop import PADDING
from core.geometry.keypoints import Keypoints
from core.io.records import save_record
from core.io.report import installed_versions
from core.rows import Rows

EVERYBODY = "all"
POINTS = "points"
"""The fit's detected points in the table."""
_MOST_SUBJECTS = 8
"""Data sets with more subjects than this have no rows of their own for each."""
_SEEN_GROUPS = (("all 12 seen", 1.0, 1.1), ("6 to 11 seen", 0.5, 1.0), ("under 6 seen", 0.0, 0.5))


@dataclass(frozen=True)
class PhotoRow:
    """Means of `PhotoScores` over people with intervals.

    Attributes:
        method: a detector, or one of `core.eval.methods`.
        people: all, or a group of them.
        under_half: number of people with fewer than half of their joints right.
        pck10_change, pa_change_mm: minus the regressed body's, paired by person.
        worse_share: share of people whose PA-MPJPE is above the regressed body's (`worse`).
    """

    method: str
    people: str
    n: int
    pck10: Estimate
    pck05: Estimate
    under_half: int
    mpjpe_mm: Estimate
    pa_mpjpe_mm: Estimate
    pck10_change: Estimate
    pa_change_mm: Estimate
    worse_share: Estimate

    @staticmethod
    def of(method: str, people: str, scores: PhotoScores, regressed: PhotoScores) -> PhotoRow:
        """Summarise figures of people."""
        grown = worse(scores.pa_mpjpe, regressed.pa_mpjpe)
        return PhotoRow(
            method=method,
            people=people,
            n=len(scores),
            pck10=estimate(scores.pck10),
            pck05=estimate(scores.pck05),
            under_half=int(np.nansum(scores.under_half)),
            mpjpe_mm=estimate(scores.mpjpe),
            pa_mpjpe_mm=estimate(scores.pa_mpjpe),
            pck10_change=estimate(scores.pck10 - regressed.pck10),
            pa_change_mm=estimate(scores.pa_mpjpe - regressed.pa_mpjpe),
            worse_share=estimate(grown),
        )


@dataclass(frozen=True)
class PhotoReport:
    """A table with its protocol."""

    title: str
    rows: list[PhotoRow]
    protocol: str
    calibration: list[CalibrationBin]
    foreshortenings: ForeshorteningReport | None = None
    masks: MaskReport | None = None
    warned: WarnedReport | None = None
    versions: dict[str, str] = field(default_factory=lambda: installed_versions())

    def save(self, path: Path) -> None:
        """Write the report as JSON."""
        save_record(path, self)

    def print(self, console: Console) -> None:
        """Print the table and the protocol."""
        figures = ("n", "PCK@0.1 %", "PCK@0.05 %", "under half", "MPJPE", "PA-MPJPE")
        changes = ("PCK@0.1 +", "PA-MPJPE +", "worse %")
        table = empty_table(self.title, ("people", "method"), (*figures, *changes))
        for people, rows in groupby(self.rows, lambda row: row.people):
            table.add_section()
            for row in rows:
                table.add_row(
                    *(people, row.method, str(row.n)),
                    *(shown(row.pck10, 100), shown(row.pck05, 100), str(row.under_half)),
                    *(shown(row.mpjpe_mm), shown(row.pa_mpjpe_mm)),
                    *(shown(row.pck10_change, 100, sign="+"), shown(row.pa_change_mm, sign="+")),
                    shown(row.worse_share, 100),
                )
        print_table(console, table, [self.protocol])
        if self.calibration:
            title = "Detected points by their sigmas, in % of the box's longer side"
            print_table(console, calibration_table(title, self.calibration))
        for report in (self.foreshortenings, self.masks, self.warned):
            if report:
                print_table(console, report.table())
        if self.foreshortenings:
            title, bins = "Mean of network and 3D points by its sigma", self.foreshortenings.bins
            print_table(console, calibration_table(title, bins, FORESHORTENING_ERRORS))


@dataclass(frozen=True)
class PhotoPerson:
    """One person with everything that was computed about them.

    Attributes:
        index: in the data set.
        points: 2D joints in SMPL's order by detector, in pixels of the crop.
        sigmas: standard deviations of the fit's points in pixels of the crop, if they have any.
        bodies: by method, in the crop camera's frame.
        scores: by detector and method.
        limbs: errors of the limbs' foreshortenings; None without 3D labels.
        mask: what the last method's z says of an annotated mask; None without one.
        misfit: of the last method's body, see `core.fit.misfit`; NaN without points.
    """

    index: int
    crop: PhotoCrop
    points: Mapping[str, Float[Tensor, "1 24 2"]]
    sigmas: Float[Tensor, "1 24"] | None
    bodies: Mapping[str, BodyParams]
    scores: Mapping[str, PhotoScores]
    limbs: LimbErrors | None = None
    mask: MaskPixels | None = None
    misfit: float = math.nan


def measure_people(
    engine: Engine,
    dataset: PhotoDataset,
    schedule: Schedule | None = None,
    methods: Sequence[str] = STANDARD,
    detectors: Mapping[str, Detect] | None = None,
) -> Iterator[PhotoPerson]:
    """Look at and fit all people of a data set, one by one.

    Boxes are the data set's; annotations are used for scoring only.

    Args:
        methods: names, see `core.eval.methods`; the regressed body is always among them.
        detectors: measured besides those that the engine uses, by name.
    """
    schedule = schedule or Schedule.standard()
    methods = tuple(dict.fromkeys((INIT, *methods)))
    for index in range(len(dataset)):
        crop, seen = look_at(engine, dataset, index)
        points = dict(_points_of(seen.problem.evidence.values()))
        crops = detector_crops(dataset.photo(index).pixels, dataset[index].box, crop.view)
        for name, detect in (detectors or {}).items():
            points.update((name, found) for _, found in _points_of(detect(crops)))
        bodies = fitted_bodies(engine, seen.problem, schedule, methods)
        scores = {name: score_points(found, crop) for name, found in points.items()}
        scores |= {name: score_body(engine.volume, body, crop) for name, body in bodies.items()}
        sigmas = _sigmas_of(seen.problem.find(BodyPoints))
        last = bodies[methods[-1]]
        limbs = LimbErrors.of(seen.problem, crop.joints3d, _joints_of(engine, bodies))
        mask = _mask_pixels(engine, seen, last, crop, schedule)
        misfit = points_misfit(seen.problem, engine.model, last)
        apart = math.nan if misfit is None else float(misfit[0])
        yield PhotoPerson(index, crop, points, sigmas, bodies, scores, limbs, mask, apart)


def look_at(engine: Engine, dataset: PhotoDataset, index: int) -> tuple[PhotoCrop, Observation]:
    """A person with the labels, and what the engine's networks see in the data set's box."""
    crop = crop_person(dataset, index, engine.size)
    record, photo = dataset[index], dataset.photo(index)
    return crop, engine.observe_view(photo.pixels, record.box, crop.view, focal=record.focal)


@torch.no_grad()
def _joints_of(
    engine: Engine, bodies: Mapping[str, BodyParams]
) -> dict[str, Float[Tensor, "24 3"]]:
    """Joints of single bodies, crop camera."""
    return {
        name: engine.volume.pose(body.rotations(), body.betas, body.transl).joints[0]
        for name, body in bodies.items()
    }


def _mask_pixels(
    engine: Engine, seen: Observation, body: BodyParams, crop: PhotoCrop, schedule: Schedule
) -> MaskPixels | None:
    """What z says where the person is annotated."""
    if crop.mask is None:
        return None
    posterior = occlusion_maps(seen.problem, engine.model, body, schedule)[0]
    return MaskPixels.of(posterior, crop.mask, crop.inside)


def _sigmas_of(points: BodyPoints | None) -> Float[Tensor, "1 24"] | None:
    """Standard deviations in SMPL's order, NaN where a joint is not detected."""
    if points is None:
        return None
    sigmas = points.sigma.new_full((1, 24), torch.nan)
    sigmas[:, list(CARRIERS[: len(LIMB_POINTS)])] = points.sigma[:, : len(LIMB_POINTS)]
    return sigmas


def calibration_of(people: Sequence[PhotoPerson]) -> list[CalibrationBin]:
    """Errors of the fit's points by their sigmas; empty if the points have none."""
    sigmas, errors = [np.zeros(0)], [np.zeros(0)]
    for person in people:
        labels, found = person.crop.joints2d, person.points.get(POINTS)
        if labels is None or found is None or person.sigmas is None:
            continue
        side = person.crop.view.size / PADDING
        known = (labels[:, 2] > 0) & np.isfinite(found[0, :, 0].numpy())
        error = np.linalg.norm(found[0].numpy() - labels[:, :2], axis=1)
        errors.append(error[known] / side)
        sigmas.append(person.sigmas[0].numpy()[known] / side)
    merged = np.concatenate(sigmas)
    return calibrate(merged, np.concatenate(errors)) if len(merged) else []


def foreshortenings_of(people: Sequence[PhotoPerson]) -> ForeshorteningReport | None:
    """Errors of the limbs' foreshortenings by source; None without 3D labels."""
    return ForeshorteningReport.of([person.limbs for person in people if person.limbs])


def _points_of(evidence: Iterable[Rows]) -> Iterator[tuple[str, Float[Tensor, "1 24 2"]]]:
    """2D joints among evidence, in SMPL's order, with their name in the table."""
    for found in evidence:
        if isinstance(found, Keypoints):
            yield "keypoints", found.xy
        elif isinstance(found, BodyPoints):
            joints = found.xy.new_full((1, 24, 2), torch.nan)
            joints[:, list(CARRIERS[: len(LIMB_POINTS)])] = found.xy[:, : len(LIMB_POINTS)]
            yield POINTS, joints


def merged_scores(people: Sequence[PhotoPerson]) -> dict[str, PhotoScores]:
    """Figures of all people by detector and method."""
    names = list(people[0].scores)
    return {n: PhotoScores.concatenate([p.scores[n] for p in people]) for n in names}


def places(dataset: PhotoDataset, indices: Sequence[int], folder: Path) -> list[PersonPlace]:
    """Where the people of a data set are found again.

    Args:
        indices: of the people in the whole data set, of which ``dataset`` is a part.
        folder: that was opened.
    """
    return [
        PersonPlace(
            dataset=dataset.name,
            folder=str(folder.expanduser().resolve()),
            split=dataset.split,
            index=index,
            image=name,
            frame=record.number,
            **vars(record.box),
        )
        for index, name, record in zip(indices, dataset.images, dataset, strict=True)
    ]


def tabulate(dataset: PhotoDataset, people: Sequence[PhotoPerson]) -> PhotoReport:
    """The table of all people and of groups of them."""
    scores = merged_scores(people)
    rows = [
        PhotoRow.of(name, group, scores[name].among(chosen), scores[INIT].among(chosen))
        for group, chosen in people_groups(dataset, scores[INIT]).items()
        for name in scores
    ]
    protocol = photo_protocol(
        dataset,
        "under half: people with fewer than half of their joints within 0.1; MPJPE aligned at the "
        "pelvis (the middle of the hips where it is unknown); +: minus init's, by person; worse: "
        f"PA-MPJPE more than {WORSE_BY:g} mm above init's",
    )
    title = f"{dataset.name}: {len(people)} people"
    masks = MaskReport.of([person.mask for person in people if person.mask])
    misfits = np.array([person.misfit for person in people])
    last = list(people[0].bodies)[-1]
    warned = WarnedReport.of(misfits, scores[last].under_half)
    points, limbs = calibration_of(people), foreshortenings_of(people)
    return PhotoReport(title, rows, protocol, points, limbs, masks, warned)


def photo_protocol(dataset: PhotoDataset, note: str = "") -> str:
    """How figures of people in photographs are computed, with a note."""
    parts = [
        f"{dataset.name} ({dataset.split})",
        "the data set's boxes",
        f"PCK of {len(LIMB_JOINTS)} joints by the box's longer side",
        "PA by similarity",
        note,
        "±: half of the 95% bootstrap interval over people",
    ]
    return "; ".join(part for part in parts if part)


def people_groups(
    dataset: PhotoDataset, scores: PhotoScores
) -> dict[str, Bool[np.ndarray, " people"]]:
    """Everybody, then people by subject where these are few, and by how much of them is seen."""
    groups = {EVERYBODY: np.ones(len(scores), bool)}
    subjects = np.array(dataset.subjects or [""] * len(scores))
    if 1 < len(set(subjects)) <= _MOST_SUBJECTS:
        groups |= {str(name): subjects == name for name in sorted(set(subjects))}
    for name, low, high in _SEEN_GROUPS:
        chosen = (scores.seen >= low) & (scores.seen < high)
        if chosen.any() and not chosen.all():
            groups[name] = chosen
    return groups
