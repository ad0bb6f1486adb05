"""Small valid files, the same in every run, from which the damaged ones are made."""

from __future__ import annotations

import gzip
import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import ExifTags, Image
from safetensors.torch import save_file

from app.geometry.layout import BUILT_IN
from app.settings import Settings
from core.body.params import BodyParams
from core.eval.occluders import Patch
from core.eval.slide import Slide, SlideHeader, SlideSettings
from core.fit.parameters import BODY
from core.fit.record import FitRecord, PhotoInfo, Run, RunInfo
from core.fit.schedule import Schedule
from core.fit.sources import Environment, Sources
from core.fit.trace import StepRecord, Trace
from core.geometry.crop import Box
from core.geometry.keypoints import Keypoints
from core.io.pixels import digest
from core.io.records import save_record
from core.mocap import deepmimic, expmap
from core.nbv.features import FeatureBank
from core.nets.model_file import save_model
from core.nets.network import PoseNetwork
from core.nets.pose_prior import load_prior
from core.nets.presets import PRESETS
from core.occlusion.files import save_occluders
from core.occlusion.fills import Blur, Color, Mosaic, Noise, Picture, Texture
from core.occlusion.occluder import Occluders, drawn
from core.synth.bodies import Bodies
from core.train.run.checkpoint import save_checkpoint
from core.train.run.curves import Curves
from tests.body.test_load import official
from tests.datasets import writers
from tests.datasets.test_multiview import walk, write_calibration, write_trc
from tests.datasets.world import make_world
from tests.eval.test_people import save as save_table
from tests.eval.test_people import scores
from tests.io.test_report import report
from tests.mocap.test_mocap import write_motion, write_skeleton
from tests.mocap.test_mocap_retarget import write_bvh
from tests.toys import body_tables
from tests.train.people import write_shard

MIX = """
[sources.mine]
dataset = "photos"
folder = "../datasets/photos"
every = 1
[[phases]]
share = 60
ratios = { mine = 20 }
[[phases]]
share = 40.5
ratios = { shards = 50, mine = 1e-3 }
"""


def write_samples(root: Path) -> None:
    """All samples, each reader's in a folder of its name below ``root``."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    for name, write in _WRITERS.items():
        (root / name).mkdir(parents=True)
        write(root / name, rng)
    world = make_world()
    for name, write_dataset in writers.WRITERS.items():
        path = write_dataset(root / "datasets" / name, world)
        if path.suffix == ".mat":  # without the time of writing, which the first line tells
            path.write_bytes(b"MATLAB 5.0 MAT-file".ljust(116) + path.read_bytes()[116:])


def _images(folder: Path, rng: np.random.Generator) -> None:
    colours = Image.fromarray(rng.integers(0, 256, (24, 32, 3), np.uint8))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    details = exif.get_ifd(ExifTags.IFD.Exif)
    details[ExifTags.Base.FocalLength] = 4.2
    details[ExifTags.Base.FocalLengthIn35mmFilm] = 28
    details[ExifTags.Base.ExifImageWidth] = 32
    details[ExifTags.Base.ExifImageHeight] = 24
    colours.save(folder / "a.jpg", exif=exif)
    colours.save(folder / "progressive.jpg", progressive=True)
    colours.save(folder / "a.png", exif=exif)
    colours.convert("P").save(folder / "palette.png", transparency=3)
    Image.fromarray(rng.integers(0, 2**16, (24, 32), np.uint16)).save(folder / "deep.png")
    for suffix in ("gif", "bmp", "ppm", "webp", "tif", "jp2", "avif"):
        if Image.registered_extensions().get(f".{suffix}") in Image.SAVE:
            colours.save(folder / f"a.{suffix}")
    colours.save(folder / "packed.tif", compression="tiff_lzw")
    layers = colours.convert("RGBA")
    layers.save(folder / "a.webp", lossless=True, exif=exif)


def _keypoints(folder: Path, rng: np.random.Generator) -> None:
    def flat(count: int, confidence: float) -> list[float]:
        points = np.full((count, 3), confidence)
        points[:, :2] = rng.uniform(10, 90, (count, 2))
        return points.round(2).ravel().tolist()

    people = [{"pose_keypoints_2d": flat(25, 0.7)}, {"pose_keypoints_2d": flat(18, 0.4)}]
    (folder / "openpose.json").write_text(json.dumps({"version": 1.3, "people": people}))
    images = [{"id": i, "file_name": f"{i}.jpg"} for i in (1, 2)]
    entries = [
        {"id": i, "image_id": i, "keypoints": flat(17, 2), "bbox": [5, 5, 90, 90]} for i in (1, 2)
    ]
    (folder / "coco.json").write_text(json.dumps({"images": images, "annotations": entries}))
    results = [{"image_id": "1.jpg", "score": 0.9, "keypoints": flat(17, 0.5)}]
    (folder / "results.json").write_text(json.dumps(results))


def _bodies(folder: Path, rng: np.random.Generator) -> None:
    tables = body_tables(20)
    for protocol in (0, 2, 4):
        official(tables, folder, protocol).rename(folder / f"{protocol}.pkl")
    np.savez(folder / "plain.npz", **tables)
    np.savez_compressed(folder / "packed.npz", **tables)


def _parameters(folder: Path, rng: np.random.Generator) -> None:
    BodyParams(*_start(rng)).save(folder / "params.npz")


def _starts(folder: Path, rng: np.random.Generator) -> None:
    turns = np.eye(3) + np.zeros((2, 24, 3, 3))
    shape, camera = rng.normal(size=(2, 10)), np.array([[0.9, 0.1, 0.2], [0.8, 0.0, 0.1]])
    middle, side = np.array([[300.0, 200.0], [320.0, 220.0]]), np.array([1.2, 1.4])
    np.savez(
        folder / "spin.npz",
        pred_rotmat=turns,
        pred_betas=shape,
        pred_camera=camera,
        center=middle,
        scale=side,
    )
    np.savez(
        folder / "humans.npz",
        **{"smpl/global_orient": turns[:, :1], "smpl/body_pose": turns[:, 1:]},
        betas=shape,
        pred_cam_t_full=np.add(camera, [0, 0, 3]),
        scaled_focal_length=np.array(5000.0),
    )
    boxes = np.concatenate([middle, 200 * side[:, None].repeat(2, 1)], 1)
    np.savez(folder / "pare.npz", pose=turns, betas=shape, pred_cam=camera, bboxes=boxes)


def _start(rng: np.random.Generator) -> tuple[torch.Tensor, ...]:
    shapes = ((1, 3), (1, 23, 3), (1, 10), (1, 3))
    return tuple(torch.from_numpy(rng.normal(size=s).astype(np.float32)) for s in shapes)


def _priors(folder: Path, rng: np.random.Generator) -> None:
    state = load_prior().state_dict()
    save_file(state, folder / "prior.safetensors")
    named = {f"vp_model.{name}": value for name, value in state.items()}
    more = {"epoch": 3, "callbacks": {"best": np.float64(0.5)}, "hyper_parameters": {"width": 512}}
    torch.save({"state_dict": named, **more}, folder / "prior.ckpt")


def _models(folder: Path, rng: np.random.Generator) -> None:
    bank = FeatureBank(
        torch.randn(30, 4, 64), torch.randn(64), torch.tensor(0.4), torch.tensor(0.1)
    )
    network = PoseNetwork(PRESETS["lite"]).eval()
    save_model(folder / "lite.safetensors", network, bank, {"steps": 12, "layout": "surface"})


def _records(folder: Path, rng: np.random.Generator) -> None:
    standard = Schedule.standard()
    terms = standard.terms
    steps = 4
    trace = Trace(
        BodyParams(*_start(rng)), ("regressed", "turned"), torch.tensor([0]), torch.rand(2, 1)
    )
    for step in range(steps):
        trace.records.append(
            StepRecord(
                step=step,
                stage=0,
                vector=torch.rand(1, BODY.size),
                moments=torch.rand(2, 1, BODY.size),
                moment_steps=step,
                terms={name: torch.rand(1) for name in terms},
                total=torch.rand(1),
            )
        )
    pixels = rng.integers(0, 256, (24, 32, 3), np.uint8)
    info = RunInfo(0, "nbf", standard, trace.candidates)
    branch = RunInfo(1, "nbf", standard, trace.candidates, parent=0, at_step=2, name="again")
    branch = replace(branch, occluders=_occluder_of_each_kind(rng))
    given = Keypoints(torch.rand(1, 24, 2) * 20, torch.ones(1, 24))
    photo = PhotoInfo("a.jpg", "", digest(pixels), (32, 24), Box(2, 2, 20, 20), 40.0, "diagonal")
    sources = Sources("lite", "", "", "", *["0" * 64] * 3, detectors=("blazepose",))
    place = Environment("torch", "", "x86_64", 1, {"nbf": "0.1.0"})
    runs = (Run(info, trace), Run(branch, trace.upto(3)))
    FitRecord(photo, sources, place, runs, pixels, given).save(folder / "fit.nbf")
    FitRecord(photo, sources, place, runs[:1]).save(folder / "small.nbf")


def _occluder_of_each_kind(rng: np.random.Generator) -> Occluders:
    layer = rng.integers(0, 256, (16, 20, 4), np.uint8)
    fills = (Color((1, 2, 3)), Noise(4), Blur(2.5), Mosaic(4), Texture(7), Picture.of(layer, "a"))
    kinds = ("rectangle", "ellipse", "polygon", "stroke", "rectangle", "ellipse")
    path = [(2.5, 3.0), (20.0, 15.0), (6.0, 20.0)]
    return tuple(drawn(k, path, 3.0, f).turned(20) for k, f in zip(kinds, fills, strict=True))


def _settings(folder: Path, _rng: np.random.Generator) -> None:
    own = {name: layout.toggled("body") for name, layout in list(BUILT_IN.items())[1:3]}
    own = {f"my {name}": layout for name, layout in own.items()}
    settings = Settings(BUILT_IN["maps"], "maps", own, light=True, toured=True)
    save_record(folder / "settings.json", settings)
    save_record(folder / "standard.json", Settings())


def _occluders(folder: Path, rng: np.random.Generator) -> None:
    save_occluders(folder / "set.json", _occluder_of_each_kind(rng))
    Image.fromarray(rng.integers(0, 256, (16, 16, 4), np.uint8)).save(folder / "leaf.png")
    shape, fill = {"kind": "ellipse", "width": 9, "height": 7.5}, {"kind": "picture"}
    entry = {"shape": shape, "center": [20, 15.5], "fill": {**fill, "file": "leaf.png"}}
    document = {"format": "nbf-occluders", "version": 1, "occluders": [entry]}
    (folder / "by-hand.json").write_text(json.dumps(document))


def _slides(folder: Path, rng: np.random.Generator) -> None:
    settings = SlideSettings(patch=112, stride=112, steps=3)
    header = SlideHeader(
        "nbf-slide", 1, settings, "0" * 64, (64, 64), Box(2, 2, 50, 50), against_truth=False
    )
    patches = tuple(Patch(x, y, 32) for y in (0, 32) for x in (0, 32))
    joints = rng.normal(size=(4, 24, 3)).astype(np.float32)
    reference, scored = joints[0] + np.float32(0.1), rng.random((4, 24)) < 0.8
    joints[2:] = np.nan
    Slide(header, patches, reference, joints, scored).save(folder / "slide.npz")


def _reports(folder: Path, rng: np.random.Generator) -> None:
    report().save(folder / "report.json")


def _people(folder: Path, rng: np.random.Generator) -> None:
    people = {("clean", "init"): scores(5, 0), ("clean", "nbf"): scores(5, 1)}
    save_table(folder / "each.csv", people)


def _curves(folder: Path, rng: np.random.Generator) -> None:
    curves = Curves(folder, "losses")
    for step in (10, 20, 30):
        curves.add(step, {"pose": 0.5 / step, **({"ranking": 2.0} if step > 10 else {})})
    curves.save()


def _mixes(folder: Path, rng: np.random.Generator) -> None:
    (folder / "mix.toml").write_text(MIX)


def _shards(folder: Path, rng: np.random.Generator) -> None:
    write_shard(folder / "shard-00000", 2, 32)


def _checkpoints(folder: Path, rng: np.random.Generator) -> None:
    network = torch.nn.Linear(3, 2)
    optimizer = torch.optim.Adam(network.parameters())
    state = {"step": 3, "network": network.state_dict(), "optimizer": optimizer.state_dict()}
    save_checkpoint(folder, state)


def _lifter_bodies(folder: Path, rng: np.random.Generator) -> None:
    rows = [rng.normal(size=s).astype(np.float32) for s in ((4, 24, 3), (4, 10), (4, 3), (4,))]
    rows[2][:, 2] += 5
    Bodies(*rows[:3], np.abs(rows[3]) * 300 + 1, np.array(256, np.float32)).save(folder / "b.npz")


def _banks(folder: Path, rng: np.random.Generator) -> None:
    pose, split = rng.normal(size=(8, 24, 3)).astype(np.float32), np.arange(8) % 2
    source = np.array([f"walk_{i}" for i in range(8)])
    np.savez_compressed(folder / "poses.npz", pose=pose, split=split, source=source)


def _motions(folder: Path, rng: np.random.Generator) -> None:
    write_skeleton(folder / "01.asf")
    write_motion(folder / "01_01.amc.gz", 3)
    words = gzip.decompress((folder / "01_01.amc.gz").read_bytes())
    (folder / "01_01.amc.gz").write_bytes(gzip.compress(words, mtime=0))
    frame = np.zeros(deepmimic.WIDTH)
    for start, width in deepmimic.COLUMNS.values():
        frame[start] = float(width == 4)
    (folder / "walk.txt").write_text(json.dumps({"Frames": [frame.tolist()] * 2}))
    write_bvh(folder / "a.bvh", {"lowerleg01.L": (50, 0, 0)}, frames=2)
    np.savez(folder / "walk.npz", x=rng.normal(size=(2, expmap.COLUMNS)))


def _pickles(folder: Path, rng: np.random.Generator) -> None:
    table = {"a": [np.arange(3.0), "text", None, 2**70], "b": ({"c": np.float32(1)}, b"raw")}
    for protocol in range(6):
        (folder / f"{protocol}.pkl").write_bytes(pickle.dumps(table, protocol))


def _multiview(folder: Path, _rng: np.random.Generator) -> None:
    write_trc(folder / "T1_walk.trc", walk())
    write_calibration(folder / "Calib_test.toml")


_WRITERS = {
    "multiview": _multiview,
    "images": _images,
    "keypoints": _keypoints,
    "body": _bodies,
    "parameters": _parameters,
    "start": _starts,
    "prior": _priors,
    "model": _models,
    "record": _records,
    "settings": _settings,
    "occluders": _occluders,
    "slide": _slides,
    "report": _reports,
    "people": _people,
    "curves": _curves,
    "mix": _mixes,
    "shards": _shards,
    "checkpoint": _checkpoints,
    "lifter-bodies": _lifter_bodies,
    "pose-bank": _banks,
    "motions": _motions,
    "pickle": _pickles,
}
