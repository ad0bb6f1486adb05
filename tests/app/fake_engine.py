"""A small engine that really optimises: it moves an ellipsoid onto the bright blob of a photo.

Same interface as the real one, no weights, no torch, deterministic.
"""

import math
import os
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import trimesh
from PIL import Image

from app.geometry.people import Person
from app.geometry.plane import Rect
from app.protocol.backend import Film, Kernels, Maps, Observed, Progress, Stance, TrueBody
from app.protocol.run import StageMark, TermInfo
from app.protocol.scene import Certainty, FoundPoints, ImageScene
from app.protocol.search import Curve, Field, Heat, Slide, Sweep
from app.protocol.why import Answer, Arrow, Bars, JointTarget
from core.body.moves import Drag, Pull, Value
from core.errors import UserError
from core.eval.person_rows import load_rows, split_address
from core.io.mesh import save_mesh
from core.occlusion.occluder import drawn
from core.occlusion.paint import apply_occluders, occluder_mask
from core.occlusion.scores import judge
from core.pictures.colors import HITS_LEGEND
from core.words import Explanation, Table

MAP = 32
STAGES = (StageMark("place", 0, 10), StageMark("size", 10, 31))
TERMS = (TermInfo("image", "grey²", "the blob"), TermInfo("size"), TermInfo("unused"))
RECORDED = 12  # steps that every "record" has, which is a photo called *.nbf
RATE = 0.03  # a schedule of this engine is another one
RED = (255, 0, 0)
LEGS = (1, 2, 4, 5, 7, 8, 10, 11)  # hips to feet, of SMPL's joints
NOBODY = "Nobody is here: {run} fits the whole photo."
HALF_SEEN = tuple(Certainty(j not in LEGS, j not in LEGS[2:], 20.0 + 10 * j) for j in range(24))
LEGEND = (((77, 163, 255), "seen"), ((255, 122, 26), "occluded"))


def load(**_options):
    """The factory, named on the command line as ``--engine tests.app.fake_engine:load``."""
    return FakeBackend(delay=0.0)


def load_slow(**_options):
    """Every step takes a while."""
    return FakeBackend(delay=0.05)


def load_half(**_options):
    """Of every person the legs are not seen."""
    return FakeBackend(delay=0.0, certainty=HALF_SEEN)


def load_broken(**_options):
    """An engine that cannot be loaded."""
    raise UserError("weights toy.safetensors are missing; restore them")


@dataclass(frozen=True)
class FakePhoto:
    pixels: np.ndarray
    box: Rect | None = None  # of the person whom it is about
    name: str = ""


@dataclass(frozen=True)
class FakeLook:
    features: np.ndarray
    pixels: np.ndarray
    hidden: np.ndarray | None = None


def corners_of(box):
    return box.x, box.y, box.right, box.bottom


@dataclass
class FakeFit:
    target: np.ndarray
    delay: float
    rate: float = RATE
    vector: np.ndarray = field(default_factory=lambda: np.array([0.5, 0.5, 0.15]))
    history: list = field(default_factory=list)
    totals: list = field(default_factory=list)
    winner: str = "start as regressed"
    stages: tuple = STAGES
    terms: tuple = TERMS
    weights: dict = field(default_factory=dict)
    wishes: tuple = ()
    doubt: str = ""

    @property
    def done(self):
        return len(self.history) >= STAGES[-1].stop

    @property
    def reason(self):
        return "the schedule is over" if self.done else "running"

    @property
    def best(self):
        return int(np.argmin(self.totals))

    @property
    def count(self):
        return len(self.history)

    def recorded(self):
        return [
            Progress(i, int(i >= STAGES[1].start), self._terms(v), self.totals[i])
            for i, v in enumerate(self.history)
        ]

    def params(self, step):
        return self.history[step]

    def step(self):
        time.sleep(self.delay)
        index = len(self.history)
        stage = int(index >= STAGES[1].start)
        terms = self._terms(self.vector)
        self.history.append(self.vector.copy())
        self.totals.append(sum(terms.values()))
        gradient = np.zeros(3)
        for axis in (0, 1) if stage == 0 else (0, 1, 2):
            ahead = self.vector.copy()
            ahead[axis] += 1e-4
            gradient[axis] = (sum(self._terms(ahead).values()) - self.totals[-1]) / 1e-4
        self.vector = self.vector - self.rate * gradient / (np.linalg.norm(gradient) + 1e-9)
        return Progress(index, stage, terms, self.totals[-1])

    def _terms(self, vector):
        terms = _terms(vector, self.target).items()
        return {name: self.weights.get(name, 1.0) * value for name, value in terms}


class FakeBackend:
    detail = "fake engine"

    def __init__(self, delay, certainty=()):
        self.delay, self.certainty = delay, certainty
        ball = trimesh.creation.icosphere(subdivisions=3)
        self.ball = ball.vertices.astype(np.float32) * [0.35, 0.9, 0.25]
        self.faces = ball.faces.astype(np.int32)
        self.limbs = (self.ball[self.faces].mean(1)[:, 0] > 0).astype(np.int32)

    def read(self, path):
        if (person := split_address(path)) is not None:
            return self._listed(*person)
        if path.endswith("crash.png"):
            os._exit(3)
        if path.endswith("bug.png"):
            raise RuntimeError("a fault in the engine")
        try:
            return FakePhoto(np.array(Image.open(path).convert("RGB")))
        except OSError as error:
            raise UserError(f"{path} is not an image") from error

    def _listed(self, table, protocol, person):
        """A person of a table, from the photo in the table's folder."""
        rows = {(row.protocol, row.person): row for row in load_rows(table)}
        row = rows[protocol, person]
        place = row.place
        photo = self.read(str(Path(place.folder) / place.image))
        return replace(photo, box=Rect(place.x, place.y, place.width, place.height), name=row.title)

    def people(self, photo):
        """Most of the photo is a person, and if there is a red spot, another one is around it."""
        if photo.pixels.std() <= 1:
            return ()
        height, width = photo.pixels.shape[:2]
        box = Rect(width * 0.1, height * 0.1, width * 0.8, height * 0.8)
        first = Person(box, ((width / 2, height / 2),))
        spot = np.argwhere((photo.pixels == RED).all(-1))
        if not len(spot):
            return (first,)
        y, x = (float(v) for v in spot.mean(0))
        return first, Person(Rect(x - 60, y - 60, 120, 120), ((x, y),))

    def person_at(self, photo, at):
        """Someone small, where the photo is bright."""
        if photo.pixels[int(at[1]), int(at[0])].mean() < 200:
            raise UserError(f"nobody at {at[0]:.0f}, {at[1]:.0f}")
        return Rect(round(at[0]) - 20, round(at[1]) - 40, 40, 80)

    def observe(self, photo, box, people=None, focal=None, keypoints=""):
        height, width = photo.pixels.shape[:2]
        people = self.people(photo) if people is None else people
        box = box or photo.box
        detected, person = box is None, box is not None or bool(people)
        if box is None:
            box = people[0].box if people else Rect(0, 0, width, height)
        crop = Image.fromarray(photo.pixels).crop((box.x, box.y, box.right, box.bottom))
        small = np.array(crop.resize((MAP, MAP)))
        to_crop = np.linalg.inv([[box.width, 0, box.x], [0, box.height, box.y], [0, 0, 1]])
        corners = [(box.x, box.y), (box.right, box.y), (box.right, box.bottom), (box.x, box.bottom)]
        scene = ImageScene(
            box=box,
            detected=detected,
            person=person,
            truth=photo.box is not None,
            name=photo.name,
            note="" if person else NOBODY,
            corners=tuple(corners),
            to_crop=tuple(map(tuple, to_crop.tolist())),
            size=(width, height),
            focal=focal or float(np.hypot(width, height)),
            legend=LEGEND,
            estimated_joints=(
                (box.x + box.width / 2, box.y + box.height / 2, 0.0),
                (box.x, box.y, 0.5),
            ),
            points=(
                FoundPoints(
                    "a detector",
                    ("top", "end"),
                    ((box.x + 0.5 * box.width, box.y + 0.2 * box.height), (box.x, box.bottom)),
                    (0.04 * box.width, None),
                ),
            ),
            votes=(
                _votes("this network", box, (0.35, 0.2), 1.0),
                _votes("that network", box, (0.65, 0.25), 0.5),
            ),
            sigmas=((0.05 * box.width, 0.3), (0.1 * box.width, 0.2)),
        )
        return Observed(scene, small, FakeLook(small.mean(-1) / 255, photo.pixels))

    def occlude(self, observed, occluders):
        box, (width, height) = observed.scene.box, observed.scene.size
        seen = apply_occluders(observed.handle.pixels, occluders)
        small = np.array(Image.fromarray(seen).crop(corners_of(box)).resize((MAP, MAP)))
        mask = Image.fromarray(occluder_mask(width, height, occluders))
        hidden = np.array(mask.crop(corners_of(box)).resize((MAP, MAP)))
        scene = replace(observed.scene, occluders=occluders, hits_legend=HITS_LEGEND)
        handle = FakeLook(small.mean(-1) / 255, observed.handle.pixels, hidden)
        return Observed(scene, small, handle, seen=seen if occluders else None)

    def fit(self, observed, run, parent):
        rate = (run.schedule or RATE) * (run.changes.learning_rate or 1.0)
        weights = dict(run.changes.weights)
        terms = tuple(replace(t, weight=weights.get(t.name, t.weight)) for t in TERMS)
        fit = FakeFit(observed.handle.features, self.delay, rate, terms=terms, weights=weights)
        if parent is not None:
            if run.at_step >= len(parent.history):
                raise UserError(f"there is no step {run.at_step}")
            fit.vector = parent.history[run.at_step]
            fit.history = parent.history[: run.at_step]
            fit.totals = parent.totals[: run.at_step]
            fit.vector = _moved(fit.vector, run.moves, observed.scene.box)
        fit.wishes = run.changes.wishes or ()
        if run.resumes:
            for _ in range(RECORDED):
                fit.step()
        return fit

    def save(self, path, photo, _observed, _runs, _truth=""):
        Image.fromarray(photo.pixels).save(path, format="png")

    def maps(self, observed, _run, params):
        mask = _mask(params)
        visible = np.where(mask > 0.5, np.clip(2 * observed.handle.features, 0, 1), np.nan)
        rendered = (mask[..., None] * np.array([230, 120, 60]) + 24).clip(0, 255)
        occlusion = np.full((MAP, MAP, 3), 24.0)
        seen = ~np.isnan(visible)
        for channel in range(3):
            low, high = LEGEND[1][0][channel], LEGEND[0][0][channel]
            occlusion[seen, channel] = low + (high - low) * visible[seen]
        share = float((visible[seen] < 0.5).mean()) if seen.any() else 0.0
        residual = np.where(np.isnan(visible), np.nan, np.abs(mask - observed.handle.features))
        maps = Maps(rendered.astype(np.uint8), occlusion.astype(np.uint8), visible, share)
        maps = replace(maps, residual=residual, certainty=self.certainty)
        if observed.handle.hidden is None:
            return maps
        found = judge(visible, observed.handle.hidden)
        return replace(maps, hits=found.hits, found=(found.iou, found.auroc))

    def vertices(self, observed, params):
        scene = observed.scene
        width, height = scene.size
        x = scene.box.x + params[0] * scene.box.width - width / 2
        y = scene.box.y + params[1] * scene.box.height - height / 2
        depth = 0.9 * scene.focal / (params[2] * 1.6 * scene.box.height)
        place = np.array([x, y, scene.focal]) * depth / scene.focal
        return (self.ball + place).astype(np.float32)

    def kernels(self, observed, params):
        means = self.vertices(observed, params)[::8].astype(float)
        limbs = (self.ball[::8, 0] > 0).astype(np.int64)
        return Kernels(means, np.tile(0.05**2 * np.eye(3), (len(means), 1, 1)), limbs)

    def joints(self, observed, params):
        box = observed.scene.box
        x, y = box.x + params[0] * box.width, box.y + params[1] * box.height
        return ((x, y, 0.0), (x + 10, y, -0.25))

    def stance(self, observed, params):
        """The first joint is in the middle of the body, the second one above."""
        x, y, z = self.vertices(observed, params).mean(0).tolist()
        return Stance(((x, y, z), (x, y - 0.5, z)), {"shape0": float(params[2])})

    def measured(self, photo, observed, path):
        """A body in the middle of the box, somewhat small."""
        body = np.array([0.5, 0.5, 0.2])
        return TrueBody(self.joints(observed, body), self.stance(observed, body).joints)

    def search(self, observed, fit, step, inquiry):
        """A valley along everything, in pieces."""
        if isinstance(inquiry, Slide):
            places = [(x, y) for y in (100, 200) for x in (200, 300, 400)]
            patches = tuple(drawn("rectangle", [(x, y), (x + 80, y + 80)]) for x, y in places)
            for known in range(len(places) + 1):
                time.sleep(0.05)
                errors = tuple(10.0 * i if i < known else math.nan for i in range(len(places)))
                yield Heat(known == len(places), patches, errors, known - 1 if known else None, 100)
            return
        here = float(fit.params(step)[2])
        for count in (5, 9):
            values = tuple(sorted({here, *np.linspace(0.05, 0.45, count).tolist()}))
            total = tuple(10 * (v - 0.2) ** 2 for v in values)
            least = min(range(len(values)), key=lambda i: total[i])
            if isinstance(inquiry, Sweep):
                terms = (("image", (0.0,) * len(values)), ("size", total))
                yield Curve(count == 9, "units", here, values, terms, total, (least,), 0.4)
                continue
            rows = tuple(tuple(a + b for b in total) for a in total)
            path = tuple((float(v[2]), 0.1) for v in fit.history)
            both, there = ("units", "units"), (here, here)
            yield Field(count == 9, both, (values, values), rows, there, path, ((least, least),))

    joint_names = ("middle", "left corner")

    def places(self, observed, fit, steps):
        middles = np.stack([self.vertices(observed, fit.params(k)).mean(0) for k in steps])
        sizes = np.array([[0.0, fit.params(k)[2], 0.0] for k in steps])
        return np.stack([middles, middles + sizes], 1)

    def contrast(self, one, _run, params, two, _other, others):
        return np.abs(_mask(params) - _mask(others)) if one.scene.box == two.scene.box else None

    def save_body(self, observed, fit, step, path):
        vertices = self.vertices(observed, fit.params(step))
        normals = self.ball / np.linalg.norm(self.ball, axis=1, keepdims=True)
        save_mesh(Path(path), vertices, normals, self.faces)

    save_animation = save_body

    def film(self, observed, fit):
        def pictures():
            for vector in list(fit.history):
                yield (255 * _mask(vector)[..., None]).repeat(3, -1).astype(np.uint8)

        return Film(pictures(), len(fit.history), 12.0)

    def explain(self, observed, fit, step, target):
        vector = fit.params(step)
        if isinstance(target, JointTarget):
            place = self.joints(observed, vector)[target.joint][:2]
            arrows = (Arrow("image", (30.0, 0.0)), Arrow("size", (0.0, -10.0)))
            rows = tuple((a.name, *(f"{v:.0f}" for v in a.way)) for a in arrows)
            table = Table("pulls", ("term",), ("right", "down"), rows)
            cells = tuple((4, column, 1.0) for column in range(8))
            return Answer(
                Explanation((f"joint {target.joint}",), (table,)), (), place, arrows, cells
            )
        column, row = (int(MAP * v) for v in target.at)
        seen, shown = observed.handle.features[row, column], _mask(vector)[row, column]
        bars = Bars("observed", (float(seen), -0.5)), Bars("rendered", (float(shown), 0.5))
        lines = f"cell {column}, {row}", f"step {step}, grey {seen:.3f}"
        middle = self.vertices(observed, vector).mean(0).tolist()
        return Answer(Explanation(lines), bars, points=((*middle, 1.0),))


def _votes(source, box, at, weight):
    """One detector's vote for the first point."""
    place = box.x + at[0] * box.width, box.y + at[1] * box.height
    return FoundPoints(source, ("top",), (place,), (0.06 * box.width,), (weight,))


def _moved(vector, moves, box):
    """A drag brings the middle to a pixel, a pull moves it to the right, shape0 is the size."""
    x, y, size = vector
    for move in moves:
        match move:
            case Drag():
                x, y = (move.x - box.x) / box.width, (move.y - box.y) / box.height
            case Pull():
                x += 0.1
            case Value(parameter="shape0"):
                size = move.value
    return np.array([x, y, size])


def _mask(vector):
    grid = (np.arange(MAP) + 0.5) / MAP
    dx, dy = grid[None] - vector[0], grid[:, None] - vector[1]
    radius = np.sqrt((dx / (0.6 * vector[2])) ** 2 + (dy / (1.6 * vector[2])) ** 2)
    return 1 / (1 + np.exp(np.clip(8 * (radius - 1), -50, 50)))


def _terms(vector, target):
    image = float(((_mask(vector) - target) ** 2).mean() * 100)
    return {"image": image, "size": float((vector[2] - 0.2) ** 2 * 10), "unused": 0.0}
