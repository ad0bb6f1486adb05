"""``report.json``: the settings and results of a fit."""

from __future__ import annotations

import platform
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from core.errors import UserError
from core.geometry.crop import Box
from core.io.records import load_record, save_record

SCHEMA = 2
"""Increased when a field changes its meaning or is removed; new fields need a default."""
_PACKAGES = ("nbf", "torch", "numpy", "opencv-python", "roma")


@dataclass(frozen=True)
class TermLoss:
    """One unweighted term of the objective (or the weighted total); None where not finite."""

    start: float | None
    best: float | None
    end: float | None


@dataclass(frozen=True)
class JointReport:
    """How sure one joint's place is, see `core.fit.joint_certainty`.

    Attributes:
        seen: whether the photo shows it; if not, its place comes from the prior.
        inside: whether it is inside the photo.
        spread_mm: root mean square of the 3D error to be expected, with the hips in place.
    """

    seen: bool
    inside: bool
    spread_mm: float


@dataclass(frozen=True)
class FitReport:
    """One fit of one person.

    Attributes:
        image: the photo as the user named it.
        image_size: width and height in pixels.
        box: the person's box in photo pixels.
        focal_px: focal length of the photo in pixels.
        focal_source: "exif", "diagonal" (nothing known) or "given".
        preset, backend: networks and renderer that were used.
        seed: of all random numbers.
        steps: optimiser steps taken.
        best_step: the recorded step whose body was exported.
        reason: why the fit stopped.
        seconds: wall time by phase: "start" (Python, imports, reading the photo), "load" (networks,
            body), "look" (at the photo), "fit", "write". They add up to the time from the start of
            the process to this report; of several photos, all have the same start and load.
        loss: loss of each term, and "total".
        initialisation: the start that was chosen: "regressed", "placed" (moved to where its points
            are detected), "turned" (turned by 180 degrees about its vertical axis) or "given".
        start_objective: objective of the starts that were tried, None if not finite.
        detectors: that found the points which were fitted, by name.
        occluded_share: share of the body's pixels with p(z = 1) < 1/2 (z = 1: the body is visible),
            None if it covers no pixel.
        z_auroc, z_iou: how well p(z = 1) finds what was put before the photo by hand, on the body's
            pixels; None without that, or where it hides all or nothing of the body.
        warnings: one line each.
        versions: of Python and the packages that influence the result.
        schema: version of this record.
        joints: by name; empty in reports of versions that did not say it.
    """

    image: str
    image_size: tuple[int, int]
    box: Box
    focal_px: float
    focal_source: str
    preset: str
    backend: str
    seed: int
    steps: int
    best_step: int
    reason: str
    seconds: dict[str, float]
    loss: dict[str, TermLoss]
    initialisation: str
    start_objective: dict[str, float | None]
    detectors: list[str]
    occluded_share: float | None
    warnings: list[str]
    versions: dict[str, str] = field(default_factory=lambda: installed_versions())
    schema: int = SCHEMA
    z_auroc: float | None = None
    z_iou: float | None = None
    joints: dict[str, JointReport] = field(default_factory=dict)

    @property
    def finite(self) -> bool:
        """Whether the objective was finite to the end; the fit stopped early if it was not."""
        return self.loss["total"].end is not None

    def save(self, path: Path) -> None:
        """Write the report as json."""
        save_record(path, self)

    @staticmethod
    def load(path: Path) -> FitReport:
        """Read a report.

        Raises:
            UserError: the file is missing, damaged, or of another version.
        """
        report = load_record(FitReport, path)
        if report.schema != SCHEMA:
            raise UserError(f"{path} has schema {report.schema}; this version reads {SCHEMA}")
        return report


def installed_versions() -> dict[str, str]:
    """Versions of Python and of the packages that influence a fit's result."""
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return versions
