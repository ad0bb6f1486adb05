"""2D keypoints of people from OpenPose and COCO json files, in SMPL's joint order.

OpenPose: ``{"people": [{"pose_keypoints_2d": [x, y, c, ...]}]}`` with BODY_25 or COCO-18 joints.
COCO: annotations ``{"images": [...], "annotations": [...]}`` or a list of results, each with
``"keypoints": [x, y, v, ...]`` of 17 joints. Only the twelve joints that SMPL defines alike are
kept; the others only contribute to the person's box.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from core.errors import UserError
from core.geometry.crop import Box, iou
from core.geometry.keypoints import Keypoints
from core.io.files import check_file, printable, unreadable

MAX_BYTES = 512 * 2**20
"""Largest file that is read; COCO's training annotations have 240 MB."""
MARGIN = 0.12
"""Margin around the keypoints for the body's outline, as a share of their extent."""
UNSEEN = 0.5
"""Confidence of a COCO joint that was annotated although it is occluded (v = 1)."""

SMPL_JOINTS = (1, 2, 4, 5, 7, 8, 16, 17, 18, 19, 20, 21)
"""Hips, knees, ankles, shoulders, elbows, wrists; left before right."""
LAYOUTS = {
    25: (12, 9, 13, 10, 14, 11, 5, 2, 6, 3, 7, 4),
    18: (11, 8, 12, 9, 13, 10, 5, 2, 6, 3, 7, 4),
    17: (11, 12, 13, 14, 15, 16, 5, 6, 7, 8, 9, 10),
}
"""Number of joints in the file -> index of each of `SMPL_JOINTS` (BODY_25, COCO-18, COCO-17)."""

_Rows = Float[np.ndarray, "joints 3"]


@dataclass(frozen=True)
class DetectedPerson:
    """One person of a keypoint file.

    Attributes:
        keypoints: SMPL's 24 joints in photo pixels, one row; confidence 0 where the file has none.
        box: the file's own box, or the keypoints' with a margin.
    """

    keypoints: Keypoints
    box: Box


def load_keypoints(
    path: str | Path, image_name: str | None = None, box: Box | None = None
) -> DetectedPerson:
    """One person of a keypoint file: the one in ``box``, or the largest without a box.

    Args:
        image_name: name or stem of the photo's file, for COCO files with several photos.

    Raises:
        UserError: the file cannot be read, or holds no person (in the box).
    """
    return choose_person(load_people(path, image_name), box, printable(Path(path)))


def load_people(path: str | Path, image_name: str | None = None) -> list[DetectedPerson]:
    """All people in a keypoint file who have at least one of SMPL's joints.

    Raises:
        UserError: unreadable file, unknown layout, wrong number of joints, numbers that are not
            finite, negative confidence, or several photos of which none is ``image_name``.
    """
    label = printable(Path(path))
    document = _read_json(Path(path), label)
    if isinstance(document, dict) and "people" in document:
        people = _open_pose(document["people"], label)
    elif isinstance(document, dict) and "annotations" in document:
        images = document.get("images")
        people = _coco(document["annotations"], _image_ids(images, image_name), image_name, label)
    elif isinstance(document, list):
        people = _coco(document, None, image_name, label)
    else:
        raise UserError(f"{label} is neither OpenPose nor COCO json: no people, no annotations")
    if not people:
        raise UserError(f"{label} holds no person with keypoints; leave the file out")
    return people


def choose_person(people: list[DetectedPerson], box: Box | None, label: str) -> DetectedPerson:
    """The person whose box has the largest IoU with ``box``; without a box, the largest person."""
    if box is None:
        return max(people, key=lambda person: person.box.width * person.box.height)
    overlaps = [iou(box, person.box) for person in people]
    if max(overlaps) <= 0:
        raise UserError(f"none of the {len(people)} people in {label} is in the box; check both")
    return people[int(np.argmax(overlaps))]


def _read_json(path: Path, label: str) -> object:
    try:
        check_file(path, MAX_BYTES)
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{label} does not exist; check the path") from error
    except OSError as error:
        raise UserError(f"{label} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise unreadable(path, "JSON keypoint file", error, "export it again") from error


def _open_pose(entries: object, label: str) -> list[DetectedPerson]:
    people = []
    for number, entry in enumerate(_dicts(entries, f"{label}: people")):
        where = f"{label}: person {number}"
        rows = _rows(entry.get("pose_keypoints_2d"), (25, 18), where)
        _refuse_normalised(rows, where)
        rows[:, 2] = np.minimum(rows[:, 2], 1.0)
        people += _person(rows, None)
    return people


def _coco(
    entries: object, ids: set[str] | None, image_name: str | None, label: str
) -> list[DetectedPerson]:
    """People of one photo; ``ids`` are its ids if the file lists photos."""
    all_entries = _dicts(entries, f"{label}: annotations")
    with_keypoints = [entry for entry in all_entries if "keypoints" in entry]
    people = []
    for entry in _of_image(with_keypoints, ids, image_name, label):
        where = f"{label}: person {entry.get('id', '')}".rstrip()
        rows = _rows(entry["keypoints"], (17,), where)
        if "score" not in entry:  # an annotation: flags 0, 1, 2 instead of confidences
            rows[:, 2] = np.interp(rows[:, 2], (0, 1, 2), (0.0, UNSEEN, 1.0))
        rows[:, 2] = np.minimum(rows[:, 2], 1.0)
        people += _person(rows, _entry_box(entry.get("bbox"), where))
    return people


def _image_ids(images: object, image_name: str | None) -> set[str] | None:
    """Ids of ``image_name`` in COCO's list of photos, or None if it is not listed."""
    if image_name is None or not isinstance(images, list):
        return None
    wanted = Path(image_name).name
    found = set()
    for image in images:
        file = Path(str(image.get("file_name"))) if isinstance(image, dict) else None
        if file is not None and wanted in (file.name, file.stem):
            found.add(str(image.get("id")))
    return found or None


def _of_image(
    entries: list[dict[str, object]], ids: set[str] | None, image_name: str | None, label: str
) -> list[dict[str, object]]:
    """Entries of the named photo; a file of one photo needs no name."""
    names = {str(entry.get("image_id")) for entry in entries}
    if ids is not None:
        return [entry for entry in entries if str(entry.get("image_id")) in ids]
    if len(names) <= 1:
        return entries
    chosen = names & _possible_ids(image_name) if image_name else set()
    if not chosen:
        what = f"none is {image_name}" if image_name else "the photo must be named"
        raise UserError(f"{label} holds keypoints of {len(names)} photos and {what}")
    return [entry for entry in entries if str(entry.get("image_id")) in chosen]


def _possible_ids(image_name: str) -> set[str]:
    """Image ids that result files use: the name, the stem, or the number in the stem."""
    path = Path(image_name)
    number = path.stem.lstrip("0")
    return {path.name, path.stem, *([number] if number.isdecimal() else [])}


def _dicts(entries: object, where: str) -> list[dict[str, object]]:
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise UserError(f"{where} is not a list of objects; export the file again")
    return entries


def _rows(values: object, counts: tuple[int, ...], where: str) -> _Rows:
    """Flat ``x, y, c`` triples as rows, checked."""
    numbers = _numbers(values, f"{where}: keypoints")
    if len(numbers) not in [3 * count for count in counts]:
        expected = " or ".join(str(3 * count) for count in counts)
        raise UserError(f"{where} has {len(numbers)} keypoint numbers, not {expected}")
    rows = numbers.reshape(-1, 3)
    if rows[:, 2].min() < 0:
        raise UserError(f"{where} has a negative confidence; export the file again")
    return rows


def _numbers(values: object, where: str) -> Float[np.ndarray, " count"]:
    """A flat list of finite numbers."""
    if not isinstance(values, list) or not all(type(v) in (int, float) for v in values):
        raise UserError(f"{where} must be a flat list of numbers")
    try:
        numbers = np.array(values, np.float64)
    except OverflowError as error:
        raise UserError(f"{where} hold a number that is too large") from error
    # float32 is what everything downstream computes with
    if not (np.abs(numbers) < 1e30).all():
        raise UserError(f"{where} hold NaN or infinity; leave such joints out (0, 0, 0)")
    return numbers


def _refuse_normalised(rows: _Rows, where: str) -> None:
    """OpenPose can scale coordinates to 0..1 or -1..1; pixels are needed."""
    seen = rows[rows[:, 2] > 0, :2]
    if len(seen) > 1 and np.abs(seen).max() <= 1:
        message = f"{where} has coordinates within 0..1; run OpenPose with --keypoint_scale 0"
        raise UserError(message)


def _entry_box(values: object, where: str) -> Box | None:
    """COCO's ``bbox``, or None if it is missing or has no area."""
    if values is None:
        return None
    numbers = _numbers(values, f"{where}: bbox")
    if len(numbers) != 4:
        raise UserError(f"{where} has a bbox of {len(numbers)} numbers, not 4")
    x, y, width, height = numbers.tolist()
    return Box(x, y, width, height) if width > 0 and height > 0 else None


def _person(rows: _Rows, box: Box | None) -> list[DetectedPerson]:
    """A list of the person, empty if none of SMPL's joints was detected."""
    taken = rows[list(LAYOUTS[len(rows)])]
    if not (taken[:, 2] > 0).any():
        return []
    xy, confidence = torch.zeros(1, 24, 2), torch.zeros(1, 24)
    joints = list(SMPL_JOINTS)
    confidence[0, joints] = torch.from_numpy(taken[:, 2]).float()
    xy[0, joints] = torch.from_numpy(taken[:, :2] * (taken[:, 2:] > 0)).float()
    return [DetectedPerson(Keypoints(xy, confidence), box or _extent(rows))]


def _extent(rows: _Rows) -> Box:
    """Box of the detected joints, with a margin for flesh, hair and feet."""
    seen = rows[rows[:, 2] > 0, :2]
    low, high = seen.min(0), seen.max(0)
    margin = max(MARGIN * float((high - low).max()), 1.0)
    x, y = (low - margin).tolist()
    width, height = (high - low + 2 * margin).tolist()
    return Box(x, y, width, height)
