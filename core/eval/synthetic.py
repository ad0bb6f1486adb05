"""Evaluation of regressor and fit on held-out synthetic people, with and without patches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from core.body.params import BodyParams
from core.eval.methods import INIT, STANDARD, fitted_bodies
from core.eval.occluders import Texture, place_patch, random_patch, scored_joints
from core.eval.people import Key, PeopleScores
from core.eval.person_rows import PersonPlace
from core.eval.scores import Scores, score_joints, surface_scores
from core.eval.tables import EvalReport, Protocol, Row
from core.fit.engine import Engine
from core.fit.pictures import occlusion_maps
from core.fit.problem import Problem
from core.fit.schedule import Schedule
from core.occlusion.scores import occlusion_scores
from core.synth.people import DRAWING_VERSION
from core.synth.sample import Sample

DATASET = "synth-occ"
SEED = 9_000_001
"""Seed of `PeopleSampler`; training uses seeds below a million."""
SPLIT = "test"
PATCHES = {"clean": 0, "occ40": 40, "occ80": 80}


@dataclass(frozen=True)
class Case:
    """A batch of people under one protocol.

    Attributes:
        images: RGB crops, with a patch if the protocol has one.
        occluder: pixels that hide the person: the sample's occluders and the patch.
        scored: joints that count.
    """

    samples: Sequence[Sample]
    images: UInt8[np.ndarray, "people size size 3"]
    occluder: Bool[np.ndarray, "people size size"]
    scored: Bool[Tensor, "people 24"]

    @property
    def focal(self) -> Float[Tensor, " people"]:
        """Focal lengths in pixels of the crops."""
        return torch.tensor(np.stack([s.focal for s in self.samples]))

    @property
    def joints(self) -> Float[Tensor, "people 24 3"]:
        """True joints, metres, crop camera."""
        return torch.from_numpy(np.stack([s.joints for s in self.samples]))

    @property
    def truth(self) -> BodyParams:
        """True parameters of the people, crop camera."""
        pose = torch.from_numpy(np.stack([s.pose for s in self.samples]))
        betas, transl = (
            torch.from_numpy(np.stack([getattr(s, name) for s in self.samples]))
            for name in ("betas", "transl")
        )
        return BodyParams(pose[:, 0], pose[:, 1:], betas, transl)


def protocol(name: str, people: str) -> Protocol:
    """The protocol called ``clean``, ``occ40`` or ``occ80``."""
    placement = "centred on a random pixel of the person, one a person" if PATCHES[name] else "none"
    return Protocol(
        name=name,
        people=people,
        images="256 px crops around the person",
        patch=PATCHES[name],
        placement=placement,
    )


def make_case(samples: Sequence[Sample], first: int, patch: int, texture: Texture) -> Case:
    """Prepare a batch under one protocol.

    Args:
        first: index of the first sample. A sample's index is the seed of its patch, so that all
            methods get the same patches.
        patch: side for pictures of 224 pixels, 0 for none.
    """
    images, occluders, scored = [], [], []
    for index, sample in enumerate(samples):
        image, occluder, patches = sample.image, sample.occluder, []
        person = sample.parts > 0
        if patch and person.any():
            image, mask = place_patch(image, person, patch, first + index, texture)
            occluder = occluder | mask
            patches = [random_patch(person, patch, first + index)]
        images.append(image)
        occluders.append(occluder)
        scored.append(scored_joints(sample.joints2d, len(image), patches))
    return Case(samples, np.stack(images), np.stack(occluders), torch.from_numpy(np.stack(scored)))


def observe_case(engine: Engine, case: Case) -> Problem:
    """What the network and the detectors see of a batch."""
    images = torch.from_numpy(case.images).permute(0, 3, 1, 2).float() / 255
    return engine.problem(images, case.focal)


def score_case(
    engine: Engine, case: Case, schedule: Schedule, methods: Sequence[str] = STANDARD
) -> dict[str, Scores]:
    """Scores of each method on one batch."""
    problem = observe_case(engine, case)
    bodies = fitted_bodies(engine, problem, schedule, methods)
    scores = {}
    for method in methods:
        body = bodies[method]
        maps = occlusion_maps(problem, engine.model, body, schedule)
        occlusion = [
            occlusion_scores(posterior, occluder, sample.parts > 0)
            for posterior, occluder, sample in zip(maps, case.occluder, case.samples, strict=True)
        ]
        scores[method] = score_bodies(engine, case, body, occlusion)
    return scores


@torch.no_grad()
def score_bodies(
    engine: Engine, case: Case, body: BodyParams, occlusion: Sequence[tuple[float, float]] = ()
) -> Scores:
    """Scores of bodies against the people of a case."""
    posed = engine.volume.pose(body.rotations(), body.betas, body.transl)
    return score_joints(
        *(posed.joints, case.joints, case.focal, case.scored),
        occlusion=occlusion,
        surface=surface_scores(engine.body, body, case.truth),
    )


def score_people(
    engine: Engine,
    samples: Sequence[Sample],
    texture: Texture,
    protocols: Iterable[str] = ("clean", "occ80"),
    schedule: Schedule | None = None,
    batch: int = 8,
    progress: Callable[[int], object] = lambda _: None,
    methods: Sequence[str] = STANDARD,
) -> dict[Key, Scores]:
    """Fit people under every protocol: scores by protocol and method.

    Args:
        texture: draws the patches.
        batch: people fitted at once.
        progress: called after each batch with the number of fits done.
        methods: names, see `core.eval.methods`; the regressed body is always among them.
    """
    methods = tuple(dict.fromkeys((INIT, *methods)))
    schedule, done = schedule or Schedule.standard(), 0
    scores: dict[Key, Scores] = {}
    for name in protocols:
        parts: dict[str, list[Scores]] = {method: [] for method in methods}
        for first in range(0, len(samples), batch):
            case = make_case(samples[first : first + batch], first, PATCHES[name], texture)
            for method, part in score_case(engine, case, schedule, methods).items():
                parts[method].append(part)
            done += len(case.samples)
            progress(done)
        scores |= {(name, method): Scores.concatenate(part) for method, part in parts.items()}
    return scores


def places(count: int, data: Path | None, occluded: bool) -> list[PersonPlace]:
    """Where the first people of the evaluation's sampler are found again.

    Args:
        data: folder of the sampler's material, if it has any.
        occluded: whether the sampler puts things before the people.
    """
    folder = str(data.expanduser().resolve()) if data is not None else ""
    first = PersonPlace(
        *(DATASET, folder, SPLIT, 0),
        seed=SEED,
        drawing=DRAWING_VERSION,
        occluded=int(occluded),
    )
    return [replace(first, index=index) for index in range(count)]


def tabulate(scores: PeopleScores, people: str, methods: Sequence[str] = STANDARD) -> EvalReport:
    """The table of the results of `score_people`.

    Args:
        people: description of the people, for the report.
    """
    rows, count = [], 0
    for (name, method), values in scores.items():
        count = len(values)
        if method in methods:
            regressed = scores[name, INIT] if method != INIT else None
            rows.append(Row.of(method, name, values, regressed))
    listed = [protocol(name, people) for name in dict.fromkeys(name for name, _ in scores)]
    return EvalReport(f"{DATASET}: {count} people", listed, rows, seed=SEED)
