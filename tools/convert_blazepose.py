"""Convert the two BlazePose networks inside the mediapipe wheel to safetensors, and check them.

    pip download --no-deps mediapipe==0.10.21
    pip install tflite
    python tools/convert_blazepose.py mediapipe-0.10.21-*.whl

Writes ``assets/backbone/blazepose_{full,detector}.safetensors`` and their card. The checks run the
original graph operator by operator in PyTorch and compare every output.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
import zipfile
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from core.io.atomic import write_atomic
from core.nets.blazepose import BlazePose, BlazePoseOutput
from core.nets.persondetector import PersonDetectorNetwork
from tools.tflite_graph import Operation, TfliteGraph

Pairs = dict[str, tuple[Tensor, Tensor]]

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


def convolutions(module: nn.Module) -> list[nn.Conv2d]:
    """All convolutions in the order of their definition."""
    return [m for m in module.modules() if isinstance(m, nn.Conv2d)]


def full_pairs(network: BlazePose, ops: list[Operation]) -> list[tuple[nn.Conv2d, Operation]]:
    """Which convolution of ours takes which of the original's weights."""
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
    network: PersonDetectorNetwork, ops: list[Operation]
) -> list[tuple[nn.Conv2d, Operation]]:
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


def copy_weights(pairs: list[tuple[nn.Conv2d, Operation]]) -> None:
    """Fill our convolutions; any difference in shape, stride or grouping is an error."""
    for conv, op in pairs:
        assert op.weight is not None
        assert op.bias is not None
        assert conv.bias is not None
        here = (tuple(conv.weight.shape), conv.stride[0], conv.groups)
        there = (tuple(op.weight.shape), op.stride, op.groups)
        if here != there:
            raise ValueError(f"convolution {here} does not match the file's {there}")
        conv.weight.data.copy_(op.weight)
        conv.bias.data.copy_(op.bias)


def convert(name: str, path: Path) -> tuple[nn.Module, dict[str, float]]:
    """Our network with the file's weights in half precision, and its errors by output."""
    graph = TfliteGraph(path)
    ops = [op for op in graph.operations if op.weight is not None]
    network: nn.Module
    if name == "blazepose_full":
        network = BlazePose()
        copy_weights(full_pairs(network, ops))
    else:
        network = PersonDetectorNetwork()
        copy_weights(detector_pairs(network, ops))
    network.half().float().eval()  # what the file will hold
    return network, compare(network, graph)


@torch.no_grad()
def compare(network: nn.Module, graph: TfliteGraph) -> dict[str, float]:
    """Largest difference to the original over its largest value, by output, on random images."""
    size = graph.shapes[graph.input][1]
    image = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    values = graph.run(image)
    if isinstance(network, BlazePose):
        pairs = _full_outputs(network(image), values, graph)
    else:
        pairs = _detector_outputs(network(image), values, graph)
    return {
        name: float((ours - theirs).abs().max() / theirs.abs().max())
        for name, (ours, theirs) in pairs.items()
    }


def _full_outputs(output: BlazePoseOutput, values: dict[int, Tensor], graph: TfliteGraph) -> Pairs:
    landmarks, _, _, heat, world = (values[i] for i in graph.outputs)
    pixels = landmarks.reshape(-1, 39, 5)
    ours = output.landmarks
    person_logit = next(op.inputs[0] for op in graph.operations if op.name == "LOGISTIC")
    return {
        "heatmaps": (output.heatmaps, heat),
        "landmarks": (ours.xy, pixels[..., :2]),
        "visibility": (ours.visibility, pixels[..., 3]),
        "presence": (ours.presence, pixels[..., 4]),
        "world landmarks": (ours.world, world.reshape(-1, 39, 3)),
        "person": (ours.person, values[person_logit].flatten()),
    }


def _detector_outputs(
    output: tuple[Tensor, Tensor], values: dict[int, Tensor], graph: TfliteGraph
) -> Pairs:
    boxes, scores = (values[i] for i in graph.outputs)
    return {"scores": (output[0], scores[..., 0]), "boxes": (output[1], boxes)}


def save(network: nn.Module, path: Path, source: str) -> None:
    """Half-precision safetensors."""
    state: dict[str, Tensor] = {
        name: value.half().contiguous() for name, value in network.state_dict().items()
    }
    metadata = {"source": source, "licence": "Apache-2.0"}
    write_atomic(path, lambda p: save_file(state, p, metadata))


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


CARD = """# Backbone weights

Two networks of Google's MediaPipe, made trainable: the same weights in PyTorch modules
(`core/nets/blazepose.py`, `core/nets/persondetector.py`). They have seen real people.

Made by `tools/convert_blazepose.py` from the PyPI wheel `{wheel}`
(sha256 `{wheel_sha}`).
Licence: Apache-2.0 (Copyright The MediaPipe Authors). Changes: converted from TensorFlow Lite to
half-precision safetensors with other names; of BlazePose-full the segmentation branch is left out.

| file | sha256 | from | sha256 of that |
| --- | --- | --- | --- |
{rows}

Equality, measured by the tool: largest difference over largest value of each output, on two images
of uniform noise, float32 arithmetic.

| network | output | error |
| --- | --- | --- |
{errors}

Known limits: BlazePose expects one person in an upright square crop; the detector wants a visible
face or head and finds small people (under about a tenth of the image) badly.
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
