"""Every reader of files of others, with its samples and with what a valid value of it is."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from app.geometry.layout import is_sound
from app.settings import Settings, load_settings
from core.body.load import load_body
from core.body.model import Body
from core.body.params import BodyParams
from core.body.regressed import load_start
from core.body.smpl_pickle import read_tree
from core.datasets.multiview import read_calibration
from core.datasets.record import KEYPOINT_COLUMNS, PhotoDataset
from core.datasets.registry import open_dataset
from core.datasets.trc import MarkerTrack, read_track
from core.eval.people import PeopleScores, changes
from core.eval.people import load_people as load_table
from core.eval.person_rows import address, load_rows, split_address, worst_first
from core.eval.slide import Slide
from core.eval.slide_sheet import draw_heat
from core.fit.engine import trained_volume
from core.fit.record import FitRecord
from core.fit.trace import Trace
from core.geometry.crop import Box
from core.io.files import read_bytes, readable
from core.io.images import Photo, load_image
from core.io.keypoints import DetectedPerson, load_keypoints, load_people
from core.io.report import FitReport
from core.mocap import asf_amc, bvh, deepmimic, expmap
from core.mocap.retarget import smpl_poses
from core.nbv.volume import NeuralBodyVolume
from core.nets.model_file import Model, load_model
from core.nets.pose_prior import PosePrior, load_prior
from core.occlusion.files import load_occluders
from core.occlusion.occluder import Occluders
from core.occlusion.paint import apply_occluders, occluder_mask
from core.synth.bodies import Bodies
from core.synth.sampling.poses import PoseBank
from core.synth.shards import ShardDataset
from core.train.batches.mix_file import Mix, open_mix
from core.train.run.checkpoint import load_checkpoint
from core.train.run.curves import Curves
from tests.datasets.writers import WRITERS
from tests.toys import JOINTS

MEBIBYTE = 2**20
ANNOTATIONS = (".json", ".npz", ".pkl", ".mat", ".calibration")
"""Suffixes of data sets' files apart from photos."""


@dataclass(frozen=True)
class Reader:
    """One way into the program.

    Attributes:
        files: pattern of its samples, below the folder of all samples.
        suffixes: those of its samples; all that match if empty.
        read: called with a damaged sample; it raises nothing but `UserError`.
        is_valid: whether a value that was read is one that the program can work with.
        weight: relative number of cases; slow readers have fewer.
        seconds, mebibytes: most CPU time and memory that one case may take.
    """

    files: str
    read: Callable[[Path], object]
    is_valid: Callable[[Any], bool]
    weight: float = 1.0
    seconds: float = 3.0
    mebibytes: int = 256
    suffixes: tuple[str, ...] = ()

    def samples(self, root: Path) -> list[Path]:
        """Its samples below the folder of all samples."""
        files = sorted(path for path in root.glob(self.files) if path.is_file())
        return [path for path in files if not self.suffixes or path.suffix in self.suffixes]


def is_finite(value: object) -> bool:
    """Whether all numbers in a value are finite; text and None are."""
    return all(_numbers_are_finite(part) for part in _parts(value))


def _numbers_are_finite(part: object) -> bool:
    if isinstance(part, torch.Tensor):
        return bool(part.isfinite().all())
    if isinstance(part, np.ndarray):
        return part.dtype.kind not in "fc" or bool(np.isfinite(part).all())
    return not isinstance(part, float) or math.isfinite(part)


def _parts(value: object) -> Iterator[object]:
    """The arrays and numbers in a value."""
    if isinstance(value, torch.nn.Module):
        yield from _parts(value.state_dict())
    elif dataclasses.is_dataclass(value):
        yield from _parts(vars(value))
    elif isinstance(value, dict):
        yield from _parts(list(value.values()))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _parts(item)
    else:
        yield value


def _read_model(path: Path) -> Model:
    model = load_model("lite", path)
    trained_volume(model, _body())
    return model


@cache
def _body() -> Body:
    return load_body()


def _is_model(model: Model) -> bool:
    bank, dim = model.bank, model.network.preset.feature_dim
    shapes = bank.phi.shape[2:], bank.background.shape, bank.variance_background.shape
    return (
        shapes == ((dim,), (dim,), ())
        and min(bank.variances) > 0
        and is_finite((bank, model.network))
    )


def _is_prior(prior: PosePrior) -> bool:
    return is_finite(prior) and bool(prior(torch.eye(3).expand(1, 21, 3, 3)).isfinite())


def _read_curves(path: Path) -> Curves:
    """As a resumed run does, which writes them again."""
    picture = path.with_suffix(".png").read_bytes()
    curves = Curves(path.parent, path.stem)
    curves.cut(25)
    curves.add(30, {"pose": 0.25})
    curves.save()
    path.with_suffix(".png").write_bytes(picture)
    return curves


def _are_scores(people: PeopleScores) -> bool:
    return is_finite([vars(change) for change in changes(people, people)])


def _is_photo(photo: Photo) -> bool:
    pixels, focal = photo.pixels, photo.focal_px
    good = pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3
    return good and min(photo.size) >= 16 and (focal is None or 0 < focal < math.inf)


def _read_keypoints(path: Path) -> list[DetectedPerson]:
    people = load_people(path, "1")
    return [*people, load_keypoints(path, "1", None, (100, 100))]


def _are_people(people: list[DetectedPerson]) -> bool:
    """The largest of them, which the photo's size was told for, is last."""
    confidence = torch.cat([person.keypoints.confidence for person in people])
    boxes = all(min(person.box.width, person.box.height) > 0 for person in people)
    return is_finite(people) and boxes and bool(((confidence >= 0) & (confidence <= 1)).all())


def _is_record(record: FitRecord) -> bool:
    """Losses and moments may be infinite: a fit may have ended so. Nothing else may."""
    return is_finite((record.photo, record.keypoints)) and all(
        is_finite((run.info, run.trace.start))
        and _can_be_shown(run.trace)
        and _can_be_painted(run.info.occluders)
        for run in record.runs
    )


def _is_slide(slide: Slide) -> bool:
    """Joints are NaN where nothing has been fitted yet; a heat map can be drawn of the rest."""
    photo = np.zeros((64, 64, 3), np.uint8)
    return is_finite(slide.reference) and draw_heat(photo, slide).shape == photo.shape


def _can_be_arranged(settings: Settings) -> bool:
    """Whether a window can have the layouts."""
    return all(map(is_sound, (settings.layout, *settings.own_layouts.values())))


def _can_be_painted(occluders: Occluders) -> bool:
    painted = apply_occluders(np.zeros((48, 64, 3), np.uint8), occluders)
    return painted.shape == (48, 64, 3) and occluder_mask(64, 48, occluders).shape == (48, 64)


def _can_be_shown(trace: Trace) -> bool:
    best = trace.best_steps() if trace.records else torch.zeros(1)
    losses = [trace.losses(name) for name in (*trace.terms, "total")]
    same = all(len(curve) == len(trace) for curve in losses)
    return same and int(best[0]) <= len(trace) and all(is_finite(s.vector) for s in trace.records)


def _read_people(path: Path) -> PhotoDataset:
    root = next(p for p in path.parents if p.parent.name == "datasets")
    dataset = open_dataset(root.name, root)
    list(dataset)
    return dataset


def _is_dataset(dataset: PhotoDataset) -> bool:
    """Boxes have an area, points that are seen are finite, and no path leaves the folder."""
    seen = [getattr(dataset, name) for name in KEYPOINT_COLUMNS]
    points = [column[column[..., -1] > 0] for column in seen if column is not None]
    inside = all(not Path(p).is_absolute() and ".." not in Path(p).parts for p in dataset.images)
    return is_finite((dataset.boxes, points)) and inside and bool((dataset.boxes[:, 2:] >= 1).all())


def _is_track(track: MarkerTrack) -> bool:
    """Unknown points are NaN."""
    return not np.isinf(track.points).any() and len(track.frames) == len(track.points)


def _read_tree(path: Path) -> object:
    with readable(path, "pickle", "write it again"):
        return read_tree(read_bytes(path, MEBIBYTE))


def _read_motion(path: Path) -> object:
    if path.suffix == ".asf":
        return list(asf_amc.read_skeleton(path).values())
    if path.suffix == ".gz":
        motion = asf_amc.read_motion(path, asf_amc.read_skeleton(path.with_name("01.asf")), 1)
    else:
        motion = {".bvh": bvh, ".txt": deepmimic, ".npz": expmap}[path.suffix].read_motion(path)
    return smpl_poses(motion, JOINTS)


def _read_mix(path: Path) -> Mix:
    shards = ShardDataset(path.parents[1] / "shards")
    return open_mix(path, shards, _volume(), 100)


@cache
def _volume() -> NeuralBodyVolume:
    return NeuralBodyVolume.from_body(_body(), kernels=30)


def _read_shards(path: Path) -> object:
    dataset = ShardDataset(path.parents[1])
    return [dataset[index] for index in range(len(dataset))]


def _anything(value: object) -> bool:
    """Where there is nothing that could be wrong with a value of the right type."""
    del value
    return True


def _read_rows(path: Path) -> object:
    """The people as the debugger lists them."""
    return [
        (split_address(address(str(path), row)), row.title)
        for row, _badness in worst_first(load_rows(path))
    ]


def _read_start(path: Path) -> BodyParams:
    return load_start(path, (640, 480), 800.0, Box(300, 100, 100, 200))


READERS = {
    "image": Reader("images/*", load_image, _is_photo, mebibytes=1536),
    "keypoints": Reader("keypoints/*", _read_keypoints, _are_people),
    "body": Reader("body/*", load_body, is_finite),
    "parameters": Reader("parameters/*", BodyParams.load, is_finite),
    "start": Reader("start/*", _read_start, is_finite),
    "prior": Reader("prior/*", load_prior, _is_prior, 0.3),
    "model": Reader("model/*", _read_model, _is_model, 0.1, seconds=6.0),
    "record": Reader("record/*", FitRecord.load, _is_record),
    "settings": Reader("settings/*", load_settings, _can_be_arranged),
    "occluders": Reader("occluders/*", load_occluders, _can_be_painted, suffixes=(".json",)),
    "slide": Reader("slide/*", Slide.load, _is_slide),
    "report": Reader("report/*", FitReport.load, is_finite),
    "table of people": Reader("people/*", load_table, _are_scores, 0.3),
    "people of a table": Reader("people/*", _read_rows, _anything, 0.3),
    "curves": Reader("curves/*.csv", _read_curves, _anything),
    "mix": Reader("mix/*", _read_mix, _anything, 0.3),
    "shards": Reader("shards/*/*", _read_shards, _anything),
    "checkpoint": Reader(
        "checkpoint/*", lambda path: load_checkpoint(path.parent, {"step"}, MEBIBYTE), _anything
    ),
    "bodies": Reader("lifter-bodies/*", Bodies.load, is_finite),
    "pose bank": Reader("pose-bank/*", lambda path: PoseBank.load(path, "train"), is_finite),
    "motion": Reader("motions/*", _read_motion, is_finite),
    "points in films": Reader("multiview/*.trc", read_track, _is_track),
    "calibration": Reader("multiview/*.toml", read_calibration, is_finite),
    "pickle": Reader("pickle/*", _read_tree, _anything),
    **{
        name: Reader(f"datasets/{name}/**/*", _read_people, _is_dataset, suffixes=ANNOTATIONS)
        for name in WRITERS
    },
}
