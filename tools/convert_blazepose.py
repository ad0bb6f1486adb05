"""Convert the networks of BlazePose to safetensors, and check them.

    pip download --no-deps mediapipe==0.10.21
    npm pack @mediapipe/pose@0.5.1675469404       # has pose_landmark_heavy.tflite
    pip install tflite ai-edge-litert
    python tools/convert_blazepose.py mediapipe-0.10.21-*.whl pose_landmark_heavy.tflite

Writes ``assets/backbone/blazepose_{full,heavy,detector}.safetensors`` and their card, which states
how far every output is from that of the original in its own runtime (LiteRT).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from ai_edge_litert.interpreter import Interpreter
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from core.io.atomic import write_atomic
from core.nets.blazepose import BlazePose, BlazePoseOutput
from core.nets.person_detector import PersonDetectorNetwork
from tools.conversion import Convolution, convolutions, copy_weights, save, sha256, test_images
from tools.tflite_graph import read_convolutions

MEMBERS = {
    "blazepose_full": "mediapipe/modules/pose_landmark/pose_landmark_full.tflite",
    "blazepose_detector": "mediapipe/modules/pose_detection/pose_detection.tflite",
}


@dataclass(frozen=True)
class Positions:
    """Where the branches of a BlazePose are among the convolutions of its file.

    The trunk is what lies before ``top`` and belongs to no branch.
    """

    laterals: tuple[int, ...]
    top: tuple[int, ...]
    mask: tuple[int, ...]
    heat: int
    tower: tuple[int, ...]
    """The reduction of the top map, then the residuals, then the three outputs."""
    climb: tuple[int, ...] = ()
    """Laterals, then the stages."""


POSITIONS = {
    "blazepose_full": Positions(
        laterals=(12, 13, 20, 21, 40, 41, 55, 56),
        top=(53, 54),
        mask=(4, 5, *range(57, 68)),  # not converted
        heat=68,
        tower=(*range(69, 96),),
    ),
    "blazepose_heavy": Positions(
        laterals=(18, 19, 32, 33, 72, 73, 101, 102),
        top=(99, 100),
        mask=(105, 106, 4, 5, *range(107, 116)),
        heat=160,
        tower=(*range(161, 198),),
        climb=(34, 35, 74, 75, 103, 104, *range(116, 160)),
    ),
}


def blazepose_pairs(
    network: BlazePose, ops: list[Convolution], at: Positions
) -> list[tuple[nn.Conv2d, Convolution]]:
    """Pairs of a convolution of this project and the one of the file whose weights it takes."""
    elsewhere = {*at.laterals, *at.mask, *at.climb}
    trunk = [i for i in range(at.top[0]) if i not in elsewhere]
    tower = network.tower
    groups: list[tuple[list[nn.Module | None], tuple[int, ...]]] = [
        ([network.trunk], (*trunk,)),
        ([network.pyramid.top], at.top),
        ([network.pyramid.lateral], at.laterals),
        ([network.heat], (at.heat,)),
        ([tower.climb], at.climb),
        ([tower.reduce, tower.blocks, tower.landmarks, tower.world, tower.person], at.tower),
        ([network.mask], at.mask if network.mask else ()),
    ]
    return [
        (ours, ops[theirs])
        for modules, positions in groups
        for ours, theirs in zip(
            [c for module in modules if module for c in convolutions(module)],
            positions,
            strict=True,
        )
    ]


def detector_pairs(
    network: PersonDetectorNetwork, ops: list[Convolution]
) -> list[tuple[nn.Conv2d, Convolution]]:
    """As :func:`blazepose_pairs`, for the person detector."""
    fine, middle = [16, 17], [36, 37]  # lateral branches at strides 8 and 16
    trunk = [i for i in range(51) if i not in (*fine, *middle)]
    merges = list(network.merges)
    refined = [part for m in merges for part in (m.get_submodule("up"), m.get_submodule("refine"))]
    ours = [
        *convolutions(network.trunk),
        *convolutions(network.top),
        *[c for m in merges for c in convolutions(m.get_submodule("lateral"))],
        *[c for part in refined for c in convolutions(part)],
        *[c for head in network.heads for c in convolutions(head)],
    ]
    theirs = [*trunk, *middle, *fine, *range(51, len(ops))]
    return list(zip(ours, [ops[i] for i in theirs], strict=True))


def convert(name: str, path: Path) -> nn.Module:
    """The network with the file's weights in half precision."""
    ops = read_convolutions(path)
    network: nn.Module
    if name in POSITIONS:
        network = BlazePose("heavy" if name.endswith("heavy") else "full")
        copy_weights(blazepose_pairs(network, ops, POSITIONS[name]))
    else:
        network = PersonDetectorNetwork()
        copy_weights(detector_pairs(network, ops))
    return network.half().float().eval()  # as it will be saved


@torch.no_grad()
def compare(network: nn.Module, path: Path, images: list[np.ndarray]) -> dict[str, float]:
    """Largest absolute difference from the original, by output."""
    original = Interpreter(str(path), num_threads=1)
    original.allocate_tensors()
    (entry,) = original.get_input_details()
    worst: dict[str, float] = {}
    for image in images:
        scaled = cv2.resize(image, tuple(entry["shape"][1:3])).astype(np.float32) / 255
        original.set_tensor(entry["index"], scaled[None])
        original.invoke()
        theirs = [
            torch.from_numpy(original.get_tensor(o["index"])) for o in original.get_output_details()
        ]
        output = network(torch.from_numpy(scaled).permute(2, 0, 1)[None])
        pairs = (
            _blazepose_outputs(output, theirs)
            if isinstance(network, BlazePose)
            else {"boxes, pixels": (output[1], theirs[0]), "scores": (output[0], theirs[1][..., 0])}
        )
        for key, (ours, other) in pairs.items():
            worst[key] = max(worst.get(key, 0.0), float((ours - other).abs().max()))
    return worst


def _blazepose_outputs(
    output: BlazePoseOutput, theirs: list[Tensor]
) -> dict[str, tuple[Tensor, Tensor]]:
    landmarks, person, mask, heatmaps, world = theirs
    pixels = landmarks.reshape(-1, 39, 5)
    ours = output.landmarks
    pairs = {
        "heatmaps, logits": (output.heatmaps, heatmaps.permute(0, 3, 1, 2)),
        "landmarks, pixels": (ours.xy, pixels[..., :2]),
        "visibility, logits": (ours.visibility, pixels[..., 3]),
        "presence, logits": (ours.presence, pixels[..., 4]),
        "world landmarks, metres": (ours.world, world.reshape(-1, 39, 3)),
        "person, probability": (ours.person.sigmoid(), person[0]),
    }
    if output.mask is not None:
        pairs["mask, logits"] = (output.mask, mask[..., 0])
    return pairs


CARD = """# Weights of BlazePose

Three networks of Google's MediaPipe with the same weights in PyTorch modules
(`core/nets/blazepose.py`, `core/nets/person_detector.py`), so that they can be trained further.
They were trained on real people.

Made by `tools/convert_blazepose.py` from the PyPI wheel `{wheel}`
(sha256 `{wheel_sha}`) and,
"heavy", from the npm package `@mediapipe/pose` 0.5.1675469404.
Licence: Apache-2.0 (Copyright The MediaPipe Authors). Changes: converted from TensorFlow Lite to
half-precision safetensors with other names; the mask of "full" is left out.

| file | sha256 | source | sha256 of the source |
| --- | --- | --- | --- |
{rows}

Accuracy of the conversion, measured by the tool against the originals in their own runtime (LiteRT,
float32): largest difference over {noise} images of uniform noise and {photos} photographs.

| network | output | noise | photographs |
| --- | --- | --- | --- |
{errors}

The largest differences of "full" are of one image of noise, on which the original's rounding is at
work: there this network in single and in double precision agree to 0.003 pixels.

Known limits: BlazePose expects one person, whole, in an upright square crop; its visibility is too
sure. The detector needs a visible face or head, and often misses small people (under about a tenth
of the image).

On photographs (share of 12 joints within 0.1 / 0.05 of the box's longer side;
`docs/photographs.md` has intervals and commands) "full" alone has 68.1 / 48.3 % on 41 people of
COCO train2017, 76.2 / 58.5 % on 12 of val2017 and 78.7 / 61.6 % on 36 views of films. "Heavy",
joined with both MoveNets as the fit uses them, has 87.0 / 74.3, 90.7 / 83.8 and 97.5 / 84.7 %.
"""


def main() -> None:
    """Convert, check, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path, help="mediapipe-0.10.21-*.whl")
    parser.add_argument("heavy", type=Path, help="pose_landmark_heavy.tflite")
    parser.add_argument("--photos", type=Path, help="folder of more pictures for the check (*.jpg)")
    default = Path(__file__).resolve().parent.parent / "assets" / "backbone"
    parser.add_argument("--out", type=Path, default=default)
    arguments = parser.parse_args()
    images = test_images(arguments.photos)
    rows, errors = [], []
    with zipfile.ZipFile(arguments.wheel) as wheel, tempfile.TemporaryDirectory() as folder:
        sources = {name: Path(wheel.extract(member, folder)) for name, member in MEMBERS.items()}
        for name, source in {**sources, "blazepose_heavy": arguments.heavy}.items():
            network = convert(name, source)
            noise, photos = (compare(network, source, part) for part in images.values())
            path = arguments.out / f"{name}.safetensors"
            save(network, path, source.name)
            member = MEMBERS.get(name, f"package/{source.name}")
            rows.append(f"| `{path.name}` | `{sha256(path)}` | `{member}` | `{sha256(source)}` |")
            errors += [f"| {name} | {k} | {noise[k]:.1e} | {photos[k]:.1e} |" for k in noise]
    card = CARD.format(
        wheel=arguments.wheel.name,
        wheel_sha=sha256(arguments.wheel),
        rows="\n".join(rows),
        errors="\n".join(errors),
        **{group: len(part) for group, part in images.items()},
    )
    write_atomic(arguments.out / "README.md", partial(Path.write_text, data=card))
    print("\n".join(errors))


if __name__ == "__main__":
    main()
