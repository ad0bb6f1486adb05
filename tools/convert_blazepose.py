"""Convert the two BlazePose networks inside the mediapipe wheel to safetensors, and check them.

    pip download --no-deps mediapipe==0.10.21
    pip install tflite ai-edge-litert
    python tools/convert_blazepose.py mediapipe-0.10.21-*.whl

Writes ``assets/backbone/blazepose_{full,detector}.safetensors`` and their card, which states how
far every output is from that of the original in its own runtime (LiteRT).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import torch
from ai_edge_litert.interpreter import Interpreter
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from core.io.atomic import write_atomic
from core.nets.blazepose import BlazePose, BlazePoseOutput
from core.nets.person_detector import PersonDetectorNetwork
from tools.conversion import Convolution, convolutions, copy_weights, save, sha256
from tools.tflite_graph import read_convolutions

MEMBERS = {
    "blazepose_full": "mediapipe/modules/pose_landmark/pose_landmark_full.tflite",
    "blazepose_detector": "mediapipe/modules/pose_detection/pose_detection.tflite",
}

# Positions, among the convolutions of the file, of the branches that leave the trunk early.
# BlazePose: its lateral branches, then what follows the trunk; convolutions 4, 5 and 57-67 belong
# to the segmentation branch, which is not converted.
_FULL_LATERALS = ((12, 13), (20, 21), (40, 41), (55, 56))
_FULL_TOP = (53, 54)
_FULL_SEGMENTATION = (4, 5)
_FULL_HEAT = 68
_FULL_TOWER = range(69, 93)
_FULL_OUTPUTS = (93, 94, 95)


def full_pairs(network: BlazePose, ops: list[Convolution]) -> list[tuple[nn.Conv2d, Convolution]]:
    """Pairs of a convolution of this project and the one of the file whose weights it takes."""
    laterals = [i for pair in _FULL_LATERALS for i in pair]
    elsewhere = {*laterals, *_FULL_TOP, *_FULL_SEGMENTATION}
    trunk = [i for i in range(_FULL_LATERALS[-1][1]) if i not in elsewhere]
    tower = network.tower
    ours = [
        *convolutions(network.trunk),
        *convolutions(network.pyramid.top),
        *convolutions(network.pyramid.lateral),
        network.heat,
        *convolutions(tower.reduce),
        *convolutions(tower.blocks),
        *[tower.landmarks, tower.world, tower.person],
    ]
    theirs = [*trunk, *_FULL_TOP, *laterals, _FULL_HEAT, *_FULL_TOWER, *_FULL_OUTPUTS]
    return list(zip(ours, [ops[i] for i in theirs], strict=True))


def detector_pairs(
    network: PersonDetectorNetwork, ops: list[Convolution]
) -> list[tuple[nn.Conv2d, Convolution]]:
    """As :func:`full_pairs`, for the person detector."""
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


def convert(name: str, path: Path) -> tuple[nn.Module, dict[str, float]]:
    """The network with the file's weights in half precision, and its error by output."""
    ops = read_convolutions(path)
    network: nn.Module
    if name == "blazepose_full":
        network = BlazePose()
        copy_weights(full_pairs(network, ops))
    else:
        network = PersonDetectorNetwork()
        copy_weights(detector_pairs(network, ops))
    network.half().float().eval()  # as it will be saved
    return network, compare(network, path)


@torch.no_grad()
def compare(network: nn.Module, path: Path) -> dict[str, float]:
    """Largest difference from the original, relative to its largest value, by output."""
    original = Interpreter(str(path), num_threads=1)
    original.allocate_tensors()
    (entry,) = original.get_input_details()
    image = np.random.default_rng(0).random(entry["shape"], np.float32)
    original.set_tensor(entry["index"], image)
    original.invoke()
    theirs = [
        torch.from_numpy(original.get_tensor(o["index"])) for o in original.get_output_details()
    ]
    output = network(torch.from_numpy(image).permute(0, 3, 1, 2))
    pairs = (
        _full_pairs(output, theirs)
        if isinstance(network, BlazePose)
        else {"boxes": (output[1], theirs[0]), "scores": (output[0], theirs[1][..., 0])}
    )
    return {
        name: float((ours - theirs).abs().max() / theirs.abs().max())
        for name, (ours, theirs) in pairs.items()
    }


def _full_pairs(output: BlazePoseOutput, theirs: list[Tensor]) -> dict[str, tuple[Tensor, Tensor]]:
    landmarks, person, _, heatmaps, world = theirs
    pixels = landmarks.reshape(-1, 39, 5)
    ours = output.landmarks
    return {
        "heatmaps": (output.heatmaps, heatmaps.permute(0, 3, 1, 2)),
        "landmarks": (ours.xy, pixels[..., :2]),
        "visibility": (ours.visibility, pixels[..., 3]),
        "presence": (ours.presence, pixels[..., 4]),
        "world landmarks": (ours.world, world.reshape(-1, 39, 3)),
        "person": (ours.person.sigmoid(), person[0]),
    }


CARD = """# Backbone weights

Two networks of Google's MediaPipe with the same weights in PyTorch modules
(`core/nets/blazepose.py`, `core/nets/person_detector.py`), so that they can be trained further.
They were trained on real people.

Made by `tools/convert_blazepose.py` from the PyPI wheel `{wheel}`
(sha256 `{wheel_sha}`).
Licence: Apache-2.0 (Copyright The MediaPipe Authors). Changes: converted from TensorFlow Lite to
half-precision safetensors with other names; BlazePose-full's segmentation branch is left out.

| file | sha256 | source | sha256 of the source |
| --- | --- | --- | --- |
{rows}

Accuracy of the conversion, measured by the tool against the original in its own runtime (LiteRT,
float32): largest difference over the largest value of each output, on an image of uniform noise.

| network | output | error |
| --- | --- | --- |
{errors}

Known limits: BlazePose expects one person in an upright square crop; the detector needs a visible
face or head, and often misses small people (under about a tenth of the image).
"""


def main() -> None:
    """Convert, check, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path, help="mediapipe-0.10.21-*.whl")
    default = Path(__file__).resolve().parent.parent / "assets" / "backbone"
    parser.add_argument("--out", type=Path, default=default)
    arguments = parser.parse_args()
    rows, errors = [], []
    with (
        zipfile.ZipFile(arguments.wheel) as wheel,
        tempfile.TemporaryDirectory() as folder,
    ):
        for name, member in MEMBERS.items():
            source = Path(wheel.extract(member, folder))
            network, error = convert(name, source)
            path = arguments.out / f"{name}.safetensors"
            save(network, path, Path(member).name)
            rows.append(f"| `{path.name}` | `{sha256(path)}` | `{member}` | `{sha256(source)}` |")
            errors += [f"| {name} | {key} | {value:.1e} |" for key, value in error.items()]
    card = CARD.format(
        wheel=arguments.wheel.name,
        wheel_sha=sha256(arguments.wheel),
        rows="\n".join(rows),
        errors="\n".join(errors),
    )
    write_atomic(arguments.out / "README.md", lambda p: p.write_text(card))
    print("\n".join(errors))


if __name__ == "__main__":
    main()
