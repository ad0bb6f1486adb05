"""2D keypoints of people from OpenPose and COCO json files, in SMPL's joint order.

OpenPose: ``{"people": [{"pose_keypoints_2d": [x, y, c, ...]}]}`` with BODY_25 or COCO-18 joints.
COCO: annotations ``{"images": [...], "annotations": [...]}`` or a list of results, each with
``"keypoints": [x, y, v, ...]`` of 17 joints. Only the twelve joints that SMPL defines alike are
kept; the others only contribute to the person's box.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from core.errors import UserError
from core.geometry.crop import Box, iou
from core.geometry.keypoints import Keypoints
from core.io.files import printable, read_json, readable

MAX_BYTES = 512 * 2**20
"""Largest file that is read; COCO's training annotations have 240 MB."""
MARGIN = 0.12
"""Margin around the keypoints for the body's outline, as a share of their extent."""
UNSEEN = 0.5
"""Confidence of a COCO joint that was annotated although it is occluded (v = 1)."""

FAR = 0.1
"""Joints that are farther outside the photo, in image diagonals, are not those of its people."""

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
    path: str | Path,
    image_name: str | None = None,
    box: Box | None = None,
    size: tuple[int, int] | None = None,
    several: bool = False,
) -> DetectedPerson:
    """One person of a keypoint file: the one in ``box``, or the largest without a box.

    Args:
        image_name: name or stem of the photo's file, for COCO files.
        size: width and height of the photo, in which the person must be.
        several: see `load_people`.

    Raises:
        UserError: the file cannot be read, or holds no person (in the box, in the photo).
    """
    label = printable(Path(path))
    person = choose_person(load_people(path, image_name, several), box, label)
    if size is not None:
        check_keypoints(person.keypoints, *size, label)
    return person


def load_people(
    path: str | Path, image_name: str | None = None, several: bool = False
) -> list[DetectedPerson]:
    """All people in a keypoint file who have at least one of SMPL's joints.

    Args:
        several: the file is used for several photos, so it must say who is in which.

    Raises:
        UserError: unreadable file, unknown layout, wrong number of joints, numbers that are not
            finite, negative confidence, or only other photos than ``image_name``.
    """
    label = printable(Path(path))
    with readable(Path(path), "JSON keypoint file", "export it again"):
        document = read_json(Path(path), MAX_BYTES)
    if isinstance(document, dict) and "people" in document:
        if several:
            message = "holds the people of one photo (OpenPose): fit the photos one by one"
            raise UserError(f"{label} {message}")
        people = _open_pose(document["people"], label)
    elif isinstance(document, dict) and "annotations" in document:
        wanted = _Wanted(image_name, several, _file_names(document.get("images")), label)
        people = _coco(document["annotations"], wanted, label)
    elif isinstance(document, list):
        people = _coco(document, _Wanted(image_name, several, {}, label), label)
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


def check_keypoints(
    keypoints: Keypoints, width: int, height: int, label: str = "keypoints"
) -> Keypoints:
    """The keypoints as the fit takes them, if they can be of a person in a photo of this size.

    Tensors or arrays of any type become float32, and what stands where the confidence is 0 (NaN,
    say) becomes 0.

    Args:
        keypoints: joints in pixels, one row in SMPL's order.
        label: what they are, for messages.

    Raises:
        UserError: another shape, a joint that is not finite, or most of them far outside the photo.
    """
    try:
        xy, confidence = (
            torch.as_tensor(value).detach().to("cpu", torch.float32)
            for value in (keypoints.xy, keypoints.confidence)
        )
    except (TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"{label}: xy and confidence must be tensors or arrays") from error
    if xy.shape != (1, 24, 2) or confidence.shape != (1, 24):
        shapes = f"{tuple(xy.shape)} and {tuple(confidence.shape)}"
        raise UserError(f"{label}: xy is 1 x 24 x 2 and confidence 1 x 24, not {shapes}")
    if not (confidence >= 0).all() or not confidence.isfinite().all():
        raise UserError(f"{label}: confidences are from 0 (not seen) to 1")
    seen = confidence > 0
    if not xy[seen].isfinite().all():
        raise UserError(f"{label}: a joint is not finite; give such joints the confidence 0")
    _check_in_photo(xy[seen], width, height, label)
    return Keypoints(torch.where(seen[..., None], xy, 0.0), confidence.clamp_max(1.0))


def _check_in_photo(xy: Float[Tensor, "seen 2"], width: int, height: int, label: str) -> None:
    """Refuse joints of which none is in the photo, or most are far outside."""
    outside = torch.maximum(-xy, xy - torch.tensor([width, height])).amax(1)
    far = int((outside > FAR * math.hypot(width, height)).sum())
    if len(xy) and (2 * far > len(xy) or not (outside <= 0).any()):
        found = f"{far or len(xy)} of {len(xy)} joints are outside"
        raise UserError(
            f"{label}: {found} the photo of {width} x {height} pixels; are they of another photo, "
            "or of this one at another size?"
        )


def _open_pose(entries: object, label: str) -> list[DetectedPerson]:
    people = []
    for number, entry in enumerate(_dicts(entries, f"{label}: people")):
        where = f"{label}: person {number}"
        rows = _rows(entry.get("pose_keypoints_2d"), (25, 18), where)
        _refuse_normalised(rows, where)
        rows[:, 2] = np.minimum(rows[:, 2], 1.0)
        people += _person(rows, None)
    return people


def _coco(entries: object, wanted: _Wanted, label: str) -> list[DetectedPerson]:
    """People of one photo."""
    all_entries = _dicts(entries, f"{label}: annotations")
    people = []
    for entry in wanted.choose([entry for entry in all_entries if "keypoints" in entry]):
        where = f"{label}: person {entry.get('id', '')}".rstrip()
        rows = _rows(entry["keypoints"], (17,), where)
        if "score" not in entry:  # an annotation: flags 0, 1, 2 instead of confidences
            rows[:, 2] = np.interp(rows[:, 2], (0, 1, 2), (0.0, UNSEEN, 1.0))
        rows[:, 2] = np.minimum(rows[:, 2], 1.0)
        people += _person(rows, _entry_box(entry.get("bbox"), where))
    return people


def _file_names(images: object) -> dict[str, str]:
    """Names of files by id, from COCO's list of photos."""
    listed = images if isinstance(images, list) else []
    return {
        str(image.get("id")): str(image["file_name"])
        for image in listed
        if isinstance(image, dict) and "file_name" in image
    }


@dataclass(frozen=True)
class _Wanted:
    """The photo whose people are taken from a COCO file.

    Attributes:
        name: name or stem of its file, if known.
        several: the file is used for other photos, too.
        listed: names of files by id, as the file gives them.
    """

    name: str | None
    several: bool
    listed: dict[str, str]
    label: str

    def choose(self, entries: list[dict[str, object]]) -> list[dict[str, object]]:
        """Entries of the photo; a file of one photo that it does not name needs no name."""
        found = {i for i, name in self.listed.items() if self.name and _same(name, self.name)}
        found |= {str(entry.get("image_id")) for entry in entries if self._is_named(entry)}
        if found:
            return [entry for entry in entries if str(entry.get("image_id")) in found]
        photos = {str(entry.get("image_id")) for entry in entries}
        unnamed = len(photos) < 2 and not self.several
        if not entries or (unnamed and not any(map(self._names_another, entries))):
            return entries
        what = f"none is {self.name}; give the photo's own file" if self.name else "none is named"
        count = f"{len(photos)} photo" + "s" * (len(photos) > 1)
        raise UserError(f"{self.label} holds keypoints of {count} and {what}")

    def _is_named(self, entry: dict[str, object]) -> bool:
        """Whether an entry's id, which the file does not explain, is the photo's name or number."""
        identity = str(entry.get("image_id"))
        return bool(self.name) and identity not in self.listed and _same(identity, self.name or "")

    def _names_another(self, entry: dict[str, object]) -> bool:
        """Whether an entry that is not the photo's says so: a bare number may be any photo's."""
        identity = entry.get("image_id")
        is_number = not isinstance(identity, str) or identity.isdecimal()
        numbered = Path(self.name or "").stem.isdecimal()
        return bool(self.name) and (str(identity) in self.listed or not is_number or numbered)


def _same(named: str, image_name: str) -> bool:
    """Whether a file's name or id of a photo is that of ``image_name``."""
    file = Path(named)
    return Path(image_name).name in (file.name, file.stem) or named in _possible_ids(image_name)


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
