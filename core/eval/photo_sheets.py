"""Contact sheets of people in photographs: the fit and the points over the crop."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from core.datasets.record import PhotoDataset
from core.eval.calibration import FORESHORTENING_ERRORS, draw_calibration
from core.eval.photo_scores import LIMB_JOINTS
from core.eval.photos import PhotoPerson, calibration_of, foreshortenings_of
from core.fit.engine import Engine
from core.io.images import save_image
from core.pictures.overlay import draw_body
from core.pictures.text import Canvas

COLUMNS, ROWS = 5, 3
_SIDE = 300
_TRUTH, _POINT = (90, 255, 90), (255, 90, 90)
_CAPTION = 18


def save_sheets(
    folder: Path, engine: Engine, dataset: PhotoDataset, people: Sequence[PhotoPerson]
) -> None:
    """Write ``worst.png`` and ``middle.png`` of the last method: 15 people each.

    ``calibration.png`` plots the sigmas of the fit's points against their errors, and
    ``foreshortening.png`` those of the limbs' foreshortenings where there are 3D labels.

    People are sorted by PA-MPJPE where it is known, else by PCK@0.1.

    Raises:
        UserError: the folder cannot be written to.
    """
    method = list(people[0].scores)[-1]
    order = sorted(people, key=lambda person: _badness(person, method), reverse=True)
    count = COLUMNS * ROWS
    middle = max(0, len(order) // 2 - count // 2)
    chosen = {"worst": order[:count], "middle": order[middle : middle + count]}
    for name, some in chosen.items():
        save_image(folder / f"{name}.png", _sheet(engine, dataset, some, method))
    if bins := calibration_of(people):
        save_image(folder / "calibration.png", draw_calibration(bins))
    if limbs := foreshortenings_of(people):
        plot = draw_calibration(limbs.bins, FORESHORTENING_ERRORS)
        save_image(folder / "foreshortening.png", plot)


def _badness(person: PhotoPerson, method: str) -> float:
    scores = person.scores[method]
    error, right = float(scores.pa_mpjpe[0]), float(scores.pck10[0])
    return error if np.isfinite(error) else float(np.nan_to_num(1 - right))


def _sheet(
    engine: Engine, dataset: PhotoDataset, people: Sequence[PhotoPerson], method: str
) -> UInt8[np.ndarray, "height width 3"]:
    """The people in rows, each with file, PCK@0.1 and PA-MPJPE."""
    rows = -(-len(people) // COLUMNS)
    sheet = Canvas(COLUMNS * _SIDE, rows * (_SIDE + _CAPTION))
    for place, person in enumerate(people):
        top, left = divmod(place, COLUMNS)
        x, y = left * _SIDE, top * (_SIDE + _CAPTION)
        sheet.paste(x, y + _CAPTION, _picture(engine, person, method))
        scores, record = person.scores[method], dataset[person.index]
        number = "" if record.number is None else f" {record.number}"
        error = float(scores.pa_mpjpe[0])
        millimetres = f" {error:.0f} mm" if np.isfinite(error) else ""
        right = f"{100 * float(scores.pck10[0]):.0f} %"
        sheet.text(x + 2, y + 2, f"{record.image.stem}{number}: {right}{millimetres}", 12)
    return sheet.pixels()


def _picture(engine: Engine, person: PhotoPerson, method: str) -> UInt8[np.ndarray, "side side 3"]:
    """Body over the crop; lines lead from the annotated joints (green) to the detected (red)."""
    view, body = person.crop.view, person.bodies[method]
    vertices = engine.figures(body).vertices[0].numpy()
    middle = (view.size / 2, view.size / 2)
    faces = engine.body.faces.numpy()
    drawn = draw_body(person.crop.image, vertices, faces, view.focal, middle)
    picture = cv2.resize(drawn, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    scale, labels = _SIDE / view.size, person.crop.joints2d
    if labels is None or not person.points:
        return picture
    points = next(iter(person.points.values()))[0].numpy()
    for joint in LIMB_JOINTS:
        x, y, known = labels[joint]
        if known > 0 and np.isfinite(points[joint]).all():
            truth, found = _pixel(scale * np.array([x, y])), _pixel(scale * points[joint])
            cv2.line(picture, truth, found, _POINT, 1, cv2.LINE_AA)
            cv2.circle(picture, truth, 3, _TRUTH, -1, cv2.LINE_AA)
            cv2.circle(picture, found, 3, _POINT, -1, cv2.LINE_AA)
    return picture


def _pixel(point: np.ndarray) -> tuple[int, int]:
    x, y = np.round(point.clip(-2000, 4000)).astype(int).tolist()
    return x, y
