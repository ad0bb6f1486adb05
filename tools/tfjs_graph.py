"""TensorFlow.js graph models: reading their convolutions, and running them in their own runtime."""

from __future__ import annotations

import base64
import json
import math
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8

from tools.conversion import Convolution

_RUNNER = Path(__file__).with_name("run_tfjs.mjs")
_DENSE, _DEPTHWISE = (
    ("_FusedConv2D", "Conv2D"),
    ("FusedDepthwiseConv2dNative", "DepthwiseConv2dNative"),
)


def read_convolutions(model: Path) -> dict[str, Convolution]:
    """All convolutions of a graph model in execution order, by the name of their operation.

    Args:
        model: the .json file; the file of the weights it names lies beside it.
    """
    graph = json.loads(model.read_text())
    constants = _read_constants(graph["weightsManifest"], model.parent)
    found = {}
    for node in graph["modelTopology"]["node"]:
        if node["op"] in (*_DENSE, *_DEPTHWISE):
            found[node["name"]] = _convolution(node, [constants.get(i) for i in node["input"]])
    return found


def _read_constants(manifest: list[dict[str, Any]], folder: Path) -> dict[str, np.ndarray]:
    """Weights by name; those that are quantized are stored in half precision."""
    constants = {}
    for group in manifest:
        data = b"".join((folder / path).read_bytes() for path in group["paths"])
        offset = 0
        for entry in group["weights"]:
            kind = np.dtype(entry.get("quantization", entry)["dtype"])
            count = math.prod(entry["shape"])
            values = np.frombuffer(data, kind, count, offset).reshape(entry["shape"])
            constants[entry["name"]] = values
            offset += values.nbytes
        if offset != len(data):
            raise ValueError(f"{group['paths']} hold {len(data)} bytes, not {offset}")
    return constants


def _convolution(node: dict[str, Any], inputs: list[np.ndarray | None]) -> Convolution:
    """Depthwise weights are stored HWC1, ordinary ones HWIO; both become OIHW."""
    depthwise = node["op"] in _DEPTHWISE
    weight = inputs[1]
    assert weight is not None
    weight = weight.astype(np.float32).transpose((2, 3, 0, 1) if depthwise else (3, 2, 0, 1))
    biases = inputs[2] if len(inputs) > 2 else np.zeros(len(weight))
    assert biases is not None
    return Convolution(
        weight=torch.from_numpy(weight.copy()),
        bias=torch.from_numpy(biases.astype(np.float32)),
        stride=int(node["attr"]["strides"]["list"]["i"][1]),
        groups=len(weight) if depthwise else 1,
    )


def run(
    model: Path, images: list[UInt8[np.ndarray, "h w 3"]], backend: str = "cpu"
) -> list[Float[np.ndarray, "..."]]:
    """Outputs of a graph model for each image, computed by TensorFlow.js in Node.js.

    Node.js must find the packages in the working folder, or in that of ``TFJS_HOME``.
    """
    with tempfile.TemporaryDirectory() as folder:
        job = [{"shape": [1, *image.shape], "data": _encode(image)} for image in images]
        request = Path(folder) / "images.json"
        request.write_text(json.dumps(job))
        command = ["node", str(_RUNNER), str(model.resolve()), str(request), backend]
        answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [np.array(o["data"], np.float32).reshape(o["shape"]) for o in json.loads(answer)]


def _encode(image: UInt8[np.ndarray, "h w 3"]) -> str:
    return base64.b64encode(np.ascontiguousarray(image).tobytes()).decode()
