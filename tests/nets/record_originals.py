"""Pictures, and what the original networks answer to them in their own runtimes.

`python -m tests.nets.record_originals MODELS` writes the answers again. MODELS holds the sources
that tools/convert_movenet.py and tools/convert_blazepose.py name, and their runtimes are needed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch

from core.io.images import load_image

ANSWERS = Path(__file__).with_name("originals.json")
MASK_STEP = 16


def picture(name):
    """RGB bytes, made without any resampling that a library's version could change."""
    if name == "camera":
        return np.ascontiguousarray(load_image("skimage:camera").pixels[::2, ::2])
    astronaut = load_image("skimage:astronaut").pixels[::2, ::2]
    two = np.concatenate([astronaut, astronaut[:, ::-1]], 1)
    return {"astronaut": astronaut, "two": two}[name]


def tensor(name):
    """The picture as the networks take it: (3, height, width), 0..1."""
    return torch.from_numpy(picture(name).copy()).permute(2, 0, 1).float() / 255


def answers(network, name):
    """What the original said, by output."""
    stored = json.loads(ANSWERS.read_text())[network][name]
    return {key: torch.tensor(value) for key, value in stored.items()}


def _movenet(kind, name, models):
    from tools.convert_movenet import read_outputs
    from tools.tfjs_graph import run

    image = picture(name)
    (raw,) = run(models / f"movenet-{kind}.json", [image], "wasm")
    return read_outputs(kind, raw, *image.shape[:2])


def _blazepose(kind, name, models):
    from ai_edge_litert.interpreter import Interpreter

    original = Interpreter(str(models / f"pose_landmark_{kind}.tflite"), num_threads=1)
    original.allocate_tensors()
    image = picture(name).astype(np.float32)[None] / 255
    original.set_tensor(original.get_input_details()[0]["index"], image)
    original.invoke()
    landmarks, person, mask, heat, world = (
        torch.from_numpy(original.get_tensor(o["index"])) for o in original.get_output_details()
    )
    return {
        "landmarks": landmarks.reshape(39, 5),
        "person": person.flatten(),
        "mask": mask[0, ::MASK_STEP, ::MASK_STEP, 0],
        "heat": heat.amax((0, 1, 2)),
        "world": world.reshape(39, 3),
    }


def main():
    """Ask the originals."""
    models = Path(sys.argv[1])
    asked = {
        "thunder": (_movenet, ("astronaut", "camera")),
        "multipose": (_movenet, ("astronaut", "two")),
        "full": (_blazepose, ("astronaut",)),
        "heavy": (_blazepose, ("astronaut", "camera")),
    }
    record = {
        network: {
            name: {
                key: values.double().numpy().round(5).tolist()
                for key, values in ask(network, name, models).items()
            }
            for name in names
        }
        for network, (ask, names) in asked.items()
    }
    ANSWERS.write_text(json.dumps(record, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
