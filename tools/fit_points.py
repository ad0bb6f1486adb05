"""Where on the body the detectors' points are: offsets from SMPL's joints, from synthetic people.

    python tools/fit_points.py --count 120      # the table as it is; --data DIR dresses the people

COCO's annotators, MoveNet and BlazePose do not mean SMPL's joints. The detectors look at synthetic
people whose bodies are known, and for each point an offset in the frame of its joint is fitted to
what they say (robustly, by their sigmas; left and right mirror each other). Prints the table of
`core.body.points`. Real people have other surfaces and clothes: the offsets are right to 1 or 2 cm.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from core.body.points import POINTS, place_points
from core.geometry.camera import Camera, project
from core.geometry.rotations import rotation_from_axis_angle
from core.nets.person_points import load_person_points
from core.synth.people import PeopleSampler
from core.synth.sample import Sample

SEED = 9_000_000  # apart from training and evaluation
SIZE = 448
FREEDOM = 3.0  # of the Student distribution of errors
STEPS = 300
MARGIN = 0.05  # of the person's box


def look(samples: list[Sample]) -> tuple[Float[Tensor, "n points 2"], Float[Tensor, "n points"]]:
    """Points and sigmas of the detectors, pixels."""
    find, xy, sigma = load_person_points(), [], []
    for sample in samples:
        image = torch.from_numpy(sample.image).permute(2, 0, 1)[None].float() / 255
        found = find(image, box_of(sample)[None])
        xy.append(found.xy)
        sigma.append(found.sigma)
    return torch.cat(xy), torch.cat(sigma)


def box_of(sample: Sample) -> Float[Tensor, "4"]:
    """Box of the person, with what the frame cuts off."""
    points = torch.from_numpy(sample.joints2d)
    low, high = points.amin(0), points.amax(0)
    margin = MARGIN * (high - low).max()
    return torch.cat([low - margin, high + margin])


def fit_offsets(samples: list[Sample]) -> Float[Tensor, "points 3"]:
    """The offsets that explain what the detectors see."""
    xy, sigma = look(samples)
    joints = torch.stack([torch.from_numpy(s.joints) for s in samples])
    pose = torch.stack([torch.from_numpy(s.pose) for s in samples])
    rotations = rotation_from_axis_angle(pose)
    camera = Camera.centered(torch.tensor([float(s.focal) for s in samples]), SIZE)
    offsets = torch.zeros(len(POINTS), 3, requires_grad=True)
    optimizer = torch.optim.Adam([offsets], 0.005)
    for _ in range(STEPS):
        places = place_points(rotations, joints, symmetric(offsets))
        q = ((project(camera, places) - xy) / sigma[..., None]).square().sum(-1)
        loss = torch.log1p(q / FREEDOM).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return symmetric(offsets).detach()


def symmetric(offsets: Float[Tensor, "points 3"]) -> Float[Tensor, "points 3"]:
    """Left and right as mirror images."""
    swapped = [POINTS.index(_other(name)) for name in POINTS]
    mirrored = offsets[swapped] * offsets.new_tensor([-1.0, 1.0, 1.0])
    return (offsets + mirrored) / 2


def _other(name: str) -> str:
    return name if name[1] != "_" else {"l": "r", "r": "l"}[name[0]] + name[1:]


def main() -> None:
    """Draw people, look at them, fit, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="material for synthetic people")
    parser.add_argument("--count", type=int, default=400)
    options = parser.parse_args()
    sampler = PeopleSampler(SEED, options.data, "train", SIZE, unoccluded=True)
    offsets = fit_offsets([sampler.sample(index) for index in range(options.count)])
    for name, offset in zip(POINTS, offsets.tolist(), strict=True):
        if not name.startswith("r_"):  # the right side mirrors the left
            key = name.removeprefix("l_")
            print(f'    "{key}": ({", ".join(f"{value:.3f}" for value in offset)}),')


if __name__ == "__main__":
    main()
