"""Is the feature map right about photographs? Pixels against bodies fitted without it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from rich.table import Table
from torch import Tensor

from core.datasets.crop import PhotoCrop
from core.datasets.record import PhotoDataset
from core.eval.feature_pixels import NEAR, FeaturePixels, judge_features
from core.eval.methods import fitted_bodies
from core.eval.photo_scores import PhotoScores, score_body
from core.eval.photos import look_at, people_groups
from core.eval.summary import Estimate, estimate
from core.eval.tables import PhotoTable, empty_table, shown
from core.fit.engine import Engine
from core.fit.evidence import FeatureMap, PersonMask
from core.fit.observation import Observation
from core.fit.schedule import Schedule
from core.io.images import save_image
from core.occlusion.scores import share_of_cells
from core.pictures.palette import Color
from core.pictures.text import Canvas

SURE = 1.0
"""Nats from which a pixel misleads, or speaks for the background."""
EXPLANATION = (
    "pixels of the map that show the person (annotated mask, else the detector's) on a body that "
    f"is fitted without the feature map; near: within {1000 * NEAR:.0f} mm on the body; limb: one "
    "of nine; misled: another limb explains the pixel better than the body does, by "
    f"{SURE:g} nat of the fit's likelihood or more; other side: the same limb of the other side; "
    "background: explains it better by as much; orientation: mean recall of the bins; means over "
    "people; ±: half of the 95% bootstrap interval"
)
_COLORS: dict[str, Color] = {
    "right kernel or near": (90, 200, 110),
    "right limb": (235, 205, 90),
    "wrong limb": (150, 150, 150),
    "background": (80, 130, 255),
    "misled": (255, 60, 60),
    "misled to the other side": (255, 60, 255),
}
_COLUMNS, _ROWS, _SIDE, _CAPTION = 5, 3, 256, 18


@dataclass(frozen=True)
class FeatureRow:
    """Shares of pixels, 0 to 1, means over people with intervals.

    Attributes:
        people: all, or a group of them.
        pixels: number of pixels of all of them.
        orientation: mean recall of the bins over the pixels of all; None if no bin is seen.
    """

    people: str
    n: int
    pixels: int
    exact: Estimate
    near: Estimate
    limb: Estimate
    misled: Estimate
    other_side: Estimate
    background: Estimate
    orientation: float | None

    @staticmethod
    def of(people: str, persons: list[FeaturePixels], bins: int) -> FeatureRow:
        """Summarise people, of each of whom some pixels are seen."""
        columns = {
            "exact": [p.exact for p in persons],
            "near": [p.near for p in persons],
            "limb": [p.limb for p in persons],
            "misled": [p.misled > SURE for p in persons],
            "other_side": [(p.misled > SURE) & p.twin for p in persons],
            "background": [p.background > SURE for p in persons],
        }
        means = {
            name: estimate(np.array([values.mean() for values in each]))
            for name, each in columns.items()
        }
        every = FeaturePixels.concatenate(persons)
        recalls = [
            float((every.told_bin == own)[every.true_bin == own].mean())
            for own in range(bins)
            if (every.true_bin == own).any()
        ]
        orientation = float(np.mean(recalls)) if recalls else None
        return FeatureRow(people, len(persons), len(every), orientation=orientation, **means)


@dataclass(frozen=True)
class FeatureReport(PhotoTable[FeatureRow]):
    """A table of `FeatureRow`."""

    explanation = EXPLANATION

    def table(self) -> Table:
        """One line for each group of people."""
        shares = ("exact %", "near %", "limb %", "misled %", "other side %", "background %")
        table = empty_table(self.title, ("people",), ("n", "pixels", *shares, "orientation %"))
        for row in self.rows:
            columns = (row.exact, row.near, row.limb, row.misled, row.other_side, row.background)
            told = "-" if row.orientation is None else f"{100 * row.orientation:.0f}"
            table.add_row(
                *(row.people, str(row.n), str(row.pixels)),
                *(shown(column, 100) for column in columns),
                told,
            )
        return table


@dataclass(frozen=True)
class JudgedPerson:
    """A person with the judged pixels and the side of the map."""

    name: str
    crop: PhotoCrop
    scores: PhotoScores
    pixels: FeaturePixels
    size: tuple[int, int]

    @property
    def misled(self) -> float:
        """Share of the pixels in which another limb has more evidence."""
        return float((self.pixels.misled > SURE).mean())


def judge_photos(
    engine: Engine,
    dataset: PhotoDataset,
    schedule: Schedule | None = None,
    progress: Callable[[int], object] = lambda _: None,
) -> tuple[FeatureReport, list[JudgedPerson]]:
    """Judge the feature maps of all people of a data set.

    Args:
        progress: called with the number of people that are done.

    Returns:
        The table, and the people of whom a pixel is seen.
    """
    schedule = schedule or Schedule.standard()
    without = schedule.with_weights(nll=0.0)
    people: list[JudgedPerson] = []
    chosen: list[int] = []
    scores: list[PhotoScores] = []
    for index in range(len(dataset)):
        crop, seen = look_at(engine, dataset, index)
        body = fitted_bodies(engine, seen.problem, without)["nbf"]
        share = seen_share(seen, crop)
        pixels = judge_features(seen.problem, engine.model, body, share, schedule)
        scores.append(score_body(engine.volume, body, crop))
        if len(pixels):
            record, size = dataset[index], seen.problem.get(FeatureMap).size
            number = "" if record.number is None else f" {record.number}"
            name = f"{record.image.stem}{number}"
            people.append(JudgedPerson(name, crop, scores[-1], pixels, size))
            chosen.append(index)
        progress(index + 1)
    bins = engine.model.bank.bins
    every = PhotoScores.concatenate(scores)
    rows = [
        FeatureRow.of(
            group, [p.pixels for p, i in zip(people, chosen, strict=True) if among[i]], bins
        )
        for group, among in people_groups(dataset, every).items()
        if among[chosen].any()
    ]
    title = f"{dataset.name}: the feature maps of {len(people)} people"
    protocol = f"{dataset.name} ({dataset.split}); the data set's boxes"
    return FeatureReport(title, rows, protocol), people


def seen_share(seen: Observation, crop: PhotoCrop) -> Float[Tensor, " map"]:
    """Share of each map pixel that shows the person: annotated, else as the detector says."""
    size = seen.problem.get(FeatureMap).size
    if crop.mask is not None:
        return torch.from_numpy(share_of_cells(crop.mask, size)).flatten().float()
    mask = seen.problem.find(PersonMask)
    return torch.ones(size).flatten() if mask is None else mask.at(size)[0].sigmoid()


def save_feature_sheet(path: Path, people: list[JudgedPerson]) -> None:
    """Draw the people whose features mislead most: 15 of them, each pixel in its colour.

    Raises:
        UserError: the file cannot be written.
    """
    worst = sorted(people, key=lambda person: person.misled, reverse=True)[: _COLUMNS * _ROWS]
    rows = -(-len(worst) // _COLUMNS)
    sheet = Canvas(_COLUMNS * 2 * _SIDE, rows * (_SIDE + _CAPTION) + 2 * _CAPTION)
    for place, person in enumerate(worst):
        top, left = divmod(place, _COLUMNS)
        x, y = left * 2 * _SIDE, top * (_SIDE + _CAPTION)
        photo = cv2.resize(person.crop.image, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
        sheet.text(x + 2, y + 2, f"{person.name}: misled in {100 * person.misled:.0f} %", 12)
        sheet.paste(x, y + _CAPTION, photo)
        sheet.paste(x + _SIDE, y + _CAPTION, _drawn(photo, person))
    for place, (name, color) in enumerate(_COLORS.items()):
        x, y = 8 + 220 * place, rows * (_SIDE + _CAPTION) + 10
        sheet.box(x, y, 14, 14, color)
        sheet.text(x + 20, y, name, 13)
    save_image(path, sheet.pixels())


def _drawn(
    photo: UInt8[np.ndarray, "side side 3"], person: JudgedPerson
) -> UInt8[np.ndarray, "side side 3"]:
    """The judged pixels over the grey photo; later names of `_COLORS` win."""
    pixels = person.pixels
    which = np.full(len(pixels), "wrong limb", dtype="<U24")
    which[pixels.limb] = "right limb"
    which[pixels.near] = "right kernel or near"
    which[pixels.background > SURE] = "background"
    misled = pixels.misled > SURE
    which[misled] = "misled"
    which[misled & pixels.twin] = "misled to the other side"
    height, width = person.size
    colors = np.zeros((height * width, 3), np.uint8)
    colors[pixels.pixel] = [_COLORS[name] for name in which]
    judged = np.zeros(height * width, np.uint8)
    judged[pixels.pixel] = 1
    large = (photo.shape[1], photo.shape[0])
    over = cv2.resize(colors.reshape(height, width, 3), large, interpolation=cv2.INTER_NEAREST)
    where = cv2.resize(judged.reshape(height, width), large, interpolation=cv2.INTER_NEAREST)
    grey = np.repeat((photo.mean(2, keepdims=True) / 2).astype(np.uint8), 3, axis=2)
    mixed = (0.3 * grey + 0.7 * over).astype(np.uint8)
    return np.where(where[..., None] > 0, mixed, grey)
