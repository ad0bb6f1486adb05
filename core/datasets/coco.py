"""Photos with COCO keypoints: a user's own folder, or COCO itself.

A json of ``{"images": [...], "annotations": [...]}`` as COCO distributes it, or a list of results
``[{"image_id": ..., "keypoints": [...], "score": ...}]`` as detectors write it. Each person has 17
points (x, y, v); v is 0 (not annotated), 1 (occluded), 2 (visible), or in results a confidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from core.datasets.files import HELP, all_finite, read_json, relative_photo_path, require_folder
from core.datasets.landmarks import COCO_17, fill_missing_hips, sort_points
from core.datasets.record import Outline, PhotoDataset, without_bad_boxes
from core.errors import UserError
from core.io.files import printable
from core.io.keypoints import MARGIN, UNSEEN

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp")
LEAST_POINTS = 3
"""People with fewer annotated points are left out: they do not determine a body."""

_Points = Float32[np.ndarray, "17 3"]


@dataclass(frozen=True)
class _Person:
    image: str
    annotation: int | None
    points: _Points
    box: tuple[float, float, float, float] | None
    outline: Outline | None


@dataclass(frozen=True)
class KeypointFile:
    """The content of a COCO keypoint file.

    Attributes:
        people: those with enough points.
        names: file names of the photos by their id (empty for a list of results).
        left_out: number of people with fewer points.
    """

    people: list[_Person]
    names: dict[str, str]
    left_out: int

    @property
    def by_id(self) -> dict[int | None, _Points]:
        """Points by annotation id."""
        return {p.annotation: p.points for p in self.people if p.annotation is not None}


def open_photos(
    folder: Path,
    name: str = "photos",
    split: str = "all",
    file: Path | None = None,
    photos: Path | None = None,
) -> PhotoDataset:
    """The people of a folder of photos with one COCO keypoint file.

    Args:
        folder: holds the json, and the photos in it or below it.
        file: the json where it is not the only one in ``folder``.
        photos: the folder of the photos, where it is not ``folder``.

    Raises:
        UserError: there is no json or several, it is damaged, or it names no photo of the folder.
    """
    require_folder(folder, "your photos and their keypoints")
    path = file or _only_json(folder)
    found = read_keypoints(path, outlines=True)
    root = photos or folder
    if not found.people:
        raise UserError(f"{printable(path)} holds no person with {LEAST_POINTS} or more keypoints")
    images = _photos(found, root, path)
    points = np.stack([person.points for person in found.people])
    joints, landmarks = sort_points(points, COCO_17)
    fill_missing_hips(joints, landmarks)
    boxes = [p.box or _extent(p.points) for p in found.people]
    few = f"{found.left_out} people left out: crowds, or fewer than {LEAST_POINTS} points"
    dataset = PhotoDataset(
        name=name,
        split=split,
        root=root,
        images=images,
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        joints2d=joints,
        landmarks2d=landmarks,
        outlines=[person.outline for person in found.people],
        notes=(few,) if found.left_out else (),
    )
    return without_bad_boxes(dataset)


def read_keypoints(path: Path, outlines: bool = False) -> KeypointFile:
    """The people of a COCO keypoint file.

    Args:
        outlines: read the people's outlines, too: most of the file's size.

    Raises:
        UserError: the file is missing or damaged, or is of another layout.
    """

    def keep(entry: dict) -> Any:
        polygons = entry.pop("segmentation", None)
        if outlines and "keypoints" in entry and isinstance(polygons, list):
            entry["outline"] = _outline(
                polygons, f"{printable(path)}: person {entry.get('id', '')}"
            )
        return entry

    document = read_json(path, "COCO keypoint file", keep)
    if isinstance(document, dict) and isinstance(document.get("annotations"), list):
        entries, names = document["annotations"], _names(document.get("images"), path)
    elif isinstance(document, list):
        entries, names = document, {}
    else:
        message = "neither COCO's annotations nor a list of results"
        raise UserError(f"{printable(path)} is {message}; write keypoints as COCO does ({HELP})")
    people = [_person(entry, names, path) for entry in entries if _has_points(entry)]
    enough = [p for p in people if (p.points[:, 2] > 0).sum() >= LEAST_POINTS]
    return KeypointFile(enough, names, len(people) - len(enough))


def _only_json(folder: Path) -> Path:
    """The only json of a folder."""
    found = sorted(p for d in (folder, folder / "annotations") for p in d.glob("*.json"))
    if len(found) != 1:
        names = ", ".join(p.name for p in found[:5]) or "none"
        message = f"one COCO keypoint file (.json) is needed, there are {len(found)} ({names})"
        raise UserError(f"{printable(folder)}: {message}; keep one")
    return found[0]


def _names(images: object, path: Path) -> dict[str, str]:
    """File names by id."""
    if not isinstance(images, list) or not all(isinstance(image, dict) for image in images):
        raise UserError(
            f'{printable(path)} has annotations but no list of "images"; export it again'
        )
    return {str(image.get("id")): str(image.get("file_name", "")) for image in images}


def _has_points(entry: object) -> bool:
    return isinstance(entry, dict) and "keypoints" in entry and not entry.get("iscrowd")


def _person(entry: dict, names: dict[str, str], path: Path) -> _Person:
    where = f"{printable(path)}: person {entry.get('id', '')}".rstrip()
    points = _points(entry["keypoints"], "score" in entry, where)
    identity = str(entry.get("image_id"))
    if names and identity not in names:
        raise UserError(f"{where} is of the photo {identity:.40}, which images does not list")
    annotation = entry.get("id")
    return _Person(
        image=relative_photo_path(names.get(identity, identity), where),
        annotation=annotation if isinstance(annotation, int) else None,
        points=points,
        box=_box(entry.get("bbox"), where),
        outline=entry.get("outline"),
    )


def _outline(polygons: list, where: str) -> Outline | None:
    """COCO's polygons, [x, y, x, y, ...] each; those without an area are left out."""
    if not all(isinstance(polygon, list) and len(polygon) % 2 == 0 for polygon in polygons):
        raise UserError(f"{where} has a segmentation that is not a list of polygons")
    corners = (_floats(polygon, f"{where}: segmentation").reshape(-1, 2) for polygon in polygons)
    return tuple(polygon for polygon in corners if len(polygon) > 2) or None


def _points(values: object, is_result: bool, where: str) -> _Points:
    """The 17 points with confidences."""
    if not isinstance(values, list) or len(values) != 51:
        count = len(values) if isinstance(values, list) else 0
        raise UserError(f"{where} has {count} keypoint numbers, not 51 (17 points)")
    points = _floats(values, f"{where}: keypoints").reshape(17, 3)
    if not is_result:
        points[:, 2] = np.interp(points[:, 2], (0, 1, 2), (0, UNSEEN, 1))
    return points


def _box(values: object, where: str) -> tuple[float, float, float, float] | None:
    """COCO's box, or None if it is missing or smaller than a pixel."""
    if values is None:
        return None
    if not isinstance(values, list) or len(values) != 4:
        raise UserError(f"{where} has a bbox that is not [x, y, width, height]")
    x, y, width, height = _floats(values, f"{where}: bbox").tolist()
    return (x, y, width, height) if min(width, height) >= 1 else None


def _floats(values: list, where: str) -> Float32[np.ndarray, " count"]:
    try:
        numbers = np.array(values, np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise UserError(f"{where} do not hold numbers") from error
    if numbers.shape != (len(values),) or not all_finite(numbers):
        raise UserError(f"{where} do not hold finite numbers")
    return numbers.astype(np.float32)


def _extent(points: _Points) -> tuple[float, float, float, float]:
    """Box of the points with a margin for flesh, hair and feet."""
    seen = points[points[:, 2] > 0, :2]
    low, high = seen.min(0), seen.max(0)
    margin = max(MARGIN * float((high - low).max()), 1.0)
    (x, y), (width, height) = (low - margin).tolist(), (high - low + 2 * margin).tolist()
    return x, y, width, height


def _photos(found: KeypointFile, root: Path, path: Path) -> list[str]:
    """The path of each person's photo, relative to the folder.

    COCO's own files name photos without their folder, result files by number or by stem. Unless the
    first name is a path, names are therefore looked up among the photos in and below the folder.
    """
    images = [person.image for person in found.people]
    if (root / images[0]).is_file():
        return images
    below = [p for p in sorted(root.rglob("*")) if p.suffix.lower() in SUFFIXES]
    by_name = {key: str(p.relative_to(root)) for p in below for key in _keys(p)}
    known = [by_name.get(Path(image).name, by_name.get(image, image)) for image in images]
    if not any((root / image).is_file() for image in set(known)):
        message = f"names photos such as {images[0]!r:.60}, none of which is in {printable(root)}"
        raise UserError(f"{printable(path)} {message}")
    return known


def _keys(photo: Path) -> set[str]:
    """What a json may call a photo: its name, its stem, or the number in its stem."""
    number = photo.stem.rpartition("_")[2].lstrip("0")
    return {photo.name, photo.stem, *([number] if number.isdecimal() else [])}
