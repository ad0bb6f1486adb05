"""Reading the convolutions of a float TensorFlow Lite file, in execution order.

Weights may be float16 or float32, dense or block-sparse. Needs ``pip install tflite`` (the
flatbuffer schema).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tflite
import torch

from tools.conversion import Convolution

_OPERATOR = {code: name for name, code in vars(tflite.BuiltinOperator).items() if name.isupper()}
_DTYPE = {0: np.float32, 1: np.float16, 2: np.int32}
_OPTIONS = {
    "CONV_2D": tflite.Conv2DOptions,
    "DEPTHWISE_CONV_2D": tflite.DepthwiseConv2DOptions,
}
_SPARSE_CSR = 1


def read_convolutions(path: Path) -> list[Convolution]:
    """All convolutions of the file's first graph, in execution order."""
    model = tflite.Model.GetRootAs(path.read_bytes(), 0)
    graph = model.Subgraphs(0)
    constants = _read_constants(model, graph)
    found = []
    for index in range(graph.OperatorsLength()):
        operator = graph.Operators(index)
        code = model.OperatorCodes(operator.OpcodeIndex())
        name = _OPERATOR[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        inputs = [operator.Inputs(i) for i in range(operator.InputsLength())]
        if name in ("DEQUANTIZE", "DENSIFY") and inputs[0] in constants:
            constants[operator.Outputs(0)] = constants[inputs[0]]
        elif name in _OPTIONS:
            found.append(_convolution(name, operator, [constants.get(i) for i in inputs]))
    return found


def _read_constants(model: Any, graph: Any) -> dict[int, np.ndarray]:
    """Weights by tensor id."""
    constants = {}
    for index in range(graph.TensorsLength()):
        tensor = graph.Tensors(index)
        buffer = model.Buffers(tensor.Buffer())
        if buffer.DataLength():
            values = np.frombuffer(buffer.DataAsNumpy().tobytes(), _DTYPE[tensor.Type()])
            sparsity, shape = tensor.Sparsity(), _shape(tensor)
            dense = _densify(values, shape, sparsity) if sparsity else values.reshape(shape)
            constants[index] = dense
    return constants


def _convolution(name: str, operator: Any, inputs: list[np.ndarray | None]) -> Convolution:
    """Depthwise weights are stored 1HWC, ordinary ones OHWI; both become OIHW."""
    options = _OPTIONS[name]()
    table = operator.BuiltinOptions()
    options.Init(table.Bytes, table.Pos)
    _, weight, bias = inputs
    assert weight is not None
    assert bias is not None
    depthwise = name.startswith("DEPTHWISE")
    weight = weight.transpose((3, 0, 1, 2) if depthwise else (0, 3, 1, 2))
    return Convolution(
        weight=torch.from_numpy(weight.astype(np.float32).copy()),
        bias=torch.from_numpy(bias.astype(np.float32).copy()),
        stride=options.StrideH(),
        groups=weight.shape[0] if depthwise else 1,
    )


def _shape(tensor: Any) -> list[int]:
    return [int(n) for n in tensor.ShapeAsNumpy()] if tensor.ShapeLength() else []


def _densify(values: np.ndarray, shape: list[int], sparsity: Any) -> np.ndarray:
    """Expand a block-sparse tensor: walk the traversal order, dense or CSR level by level."""
    order = sparsity.TraversalOrderAsNumpy().tolist()
    blocks = sparsity.BlockMapAsNumpy().tolist() if sparsity.BlockMapLength() else []
    levels = [sparsity.DimMetadata(i) for i in range(sparsity.DimMetadataLength())]
    rank = len(shape)
    # coordinates so far, and the offset of this node among its level's nodes
    positions: list[tuple[tuple[int, ...], int]] = [((), 0)]
    for level in levels:
        positions = [child for node in positions for child in _children(level, *node)]
    dense = np.zeros(shape, values.dtype)
    block_sizes = [levels[rank + i].DenseSize() for i in range(len(blocks))]
    for value, (coordinates, _) in zip(values, positions, strict=True):
        index = [0] * rank
        for axis, coordinate in zip(order, coordinates, strict=True):
            if axis < rank:
                scale = block_sizes[blocks.index(axis)] if axis in blocks else 1
                index[axis] += coordinate * scale
            else:
                index[blocks[axis - rank]] += coordinate
        dense[tuple(index)] = value
    return dense


def _children(
    level: Any, coordinates: tuple[int, ...], offset: int
) -> list[tuple[tuple[int, ...], int]]:
    if level.Format() != _SPARSE_CSR:
        size = level.DenseSize()
        return [((*coordinates, i), offset * size + i) for i in range(size)]
    segments = _vector(level.ArraySegmentsType(), level.ArraySegments())
    indices = _vector(level.ArrayIndicesType(), level.ArrayIndices())
    span = range(int(segments[offset]), int(segments[offset + 1]))
    return [((*coordinates, int(indices[i])), i) for i in span]


def _vector(kind: int, table: Any) -> np.ndarray:
    types = {1: tflite.Int32Vector, 2: tflite.Uint16Vector, 3: tflite.Uint8Vector}
    vector = types[kind]()
    vector.Init(table.Bytes, table.Pos)
    return vector.ValuesAsNumpy()
