"""Statistics of synthetic people: ``python -m core.synth.survey --data DIR``.

It counts the material, and the heights, body-mass indices, views and occlusions that are drawn.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

import numpy as np
import tyro

from core.assets import data_dir
from core.synth.people import PeopleSampler
from core.synth.sample import Sample
from core.synth.sampling.camera import random_orientation
from core.synth.sampling.shapes import heights_and_bmis

PERCENTILES = (0, 5, 50, 95, 100)  # percent
SHAPES, VIEWS = 500, 5000


def material_counts(sampler: PeopleSampler) -> dict[str, int]:
    """Number of items of each kind of material."""
    materials, garments = sampler.materials, sampler.garments
    return {
        "poses": len(sampler.bank.poses),
        "low_poses": len(sampler.low.poses),
        "skins": len(materials.skins),
        "textures": len(materials.tiles),
        "panoramas": len(materials.panoramas),
        **{kind: len(items) for kind, items in garments.items()},
    }


def distributions(sampler: PeopleSampler) -> dict[str, list[float]]:
    """Percentiles (0, 5, 50, 95, 100) of heights, body-mass indices and camera pitches."""
    rng = np.random.default_rng(0)
    betas = np.stack([sampler.shapes(rng) for _ in range(SHAPES)])
    height, index = heights_and_bmis(sampler.dressable.body, betas)
    forward = np.stack([random_orientation(rng)[2] for _ in range(VIEWS)])  # in the world, y up
    return {
        "height_m": _percentiles(height),
        "mass_index": _percentiles(index),
        "pitch_degrees": _percentiles(np.degrees(np.arcsin(-forward[:, 1]))),
    }


def shares(people: Iterable[Sample]) -> dict[str, float]:
    """Share of pictures with each property of `_classify`."""
    rows = [_classify(sample) for sample in people]
    found = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
    return {name: round(share, 3) for name, share in found.items()}


def _classify(sample: Sample) -> dict[str, bool]:
    """Properties of a picture."""
    size = len(sample.image)
    person = sample.parts > 0
    hidden = (person & sample.occluder).sum() / max(int(person.sum()), 1)
    place = sample.joints2d
    return {
        "occluded": hidden > 0.01,
        "half_occluded": hidden > 0.5,
        "joint_outside": bool(((place < 0) | (place >= size)).any()),
        "greyscale": bool((np.ptp(sample.image.astype(int), axis=-1) <= 6).mean() > 0.99),
    }


def _percentiles(values: np.ndarray) -> list[float]:
    return [round(float(level), 2) for level in np.percentile(values, PERCENTILES)]


def main(data: str | None = None, split: str = "train", count: int = 200, seed: int = 0) -> None:
    """Print statistics of what the sampler draws as JSON.

    Args:
        data: folder of material; by default $NBF_DATA, else everything is procedural.
        split: train or test.
        count: number of people drawn.
        seed: of the sampler.
    """
    sampler = PeopleSampler(seed, data_dir(data), split)
    people = (sampler.sample(index) for index in range(count))
    facts: dict[str, object] = {
        **material_counts(sampler),
        **distributions(sampler),
        **shares(people),
    }
    print(json.dumps(facts, indent=2))


if __name__ == "__main__":
    tyro.cli(main)
