"""Reads a float TensorFlow Lite file into plain operations, and runs them in PyTorch.

Only what the BlazePose networks use: float16 or float32 weights, dense or block-sparse, and the
dozen operators of a convolutional network. Needs ``pip install tflite`` (the flatbuffer schema).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tflite
import torch
import torch.nn.functional as F
from torch import Tensor

_OPERATOR = {code: name for name, code in vars(tflite.BuiltinOperator).items() if name.isupper()}
_DTYPE = {0: np.float32, 1: np.float16, 2: np.int32}
_ACTIVATION = {0: lambda x: x, 1: F.relu, 3: F.relu6}
_OPTIONS = {
    "CONV_2D": tflite.Conv2DOptions,
    "DEPTHWISE_CONV_2D": tflite.DepthwiseConv2DOptions,
    "ADD": tflite.AddOptions,
    "MAX_POOL_2D": tflite.Pool2DOptions,
    "RESIZE_BILINEAR": tflite.ResizeBilinearOptions,
    "CONCATENATION": tflite.ConcatenationOptions,
}
_SPARSE_CSR = 1


@dataclass
class Operation:
    """One operator: tensor ids in and out, and for convolutions PyTorch-shaped weights."""

    name: str
    inputs: list[int]
    output: int
    stride: int = 1
    same: bool = False
    activation: int = 0
    weight: Tensor | None = None  # (out, in / groups, k, k)
    bias: Tensor | None = None  # (out,)
    groups: int = 1
    pads: list[list[int]] = field(default_factory=list)

    @property
    def kernel(self) -> int:
        """Side of a convolution's window."""
        assert self.weight is not None
        return self.weight.shape[-1]


class TfliteGraph:
    """The operations of a .tflite file in execution order."""

    def __init__(self, path: Path) -> None:
        model = tflite.Model.GetRootAs(path.read_bytes(), 0)
        self._graph = graph = model.Subgraphs(0)
        self._model = model
        self.input = graph.Inputs(0)
        self.outputs = [graph.Outputs(i) for i in range(graph.OutputsLength())]
        self.shapes = [_shape(graph.Tensors(i)) for i in range(graph.TensorsLength())]
        self._constants = self._read_constants()
        self.operations = [
            operation
            for i in range(graph.OperatorsLength())
            if (operation := self._read_operation(graph.Operators(i))) is not None
        ]

    def _read_constants(self) -> dict[int, np.ndarray]:
        constants = {}
        for i, shape in enumerate(self.shapes):
            tensor = self._graph.Tensors(i)
            buffer = self._model.Buffers(tensor.Buffer())
            if buffer.DataLength():
                values = np.frombuffer(buffer.DataAsNumpy().tobytes(), _DTYPE[tensor.Type()])
                sparse = tensor.Sparsity()
                constants[i] = _densify(values, shape, sparse) if sparse else values.reshape(shape)
        return constants

    def _read_operation(self, op: Any) -> Operation | None:
        code = self._model.OperatorCodes(op.OpcodeIndex())
        name = _OPERATOR[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        inputs = [op.Inputs(j) for j in range(op.InputsLength())]
        output = op.Outputs(0)
        if name in ("DEQUANTIZE", "DENSIFY") and inputs[0] in self._constants:
            self._constants[output] = self._constants[inputs[0]].astype(np.float32)
            return None
        read = Operation(name, [i for i in inputs if i not in self._constants], output)
        if name in _OPTIONS:
            options = _OPTIONS[name]()
            table = op.BuiltinOptions()
            options.Init(table.Bytes, table.Pos)
            read.activation = getattr(options, "FusedActivationFunction", lambda: 0)()
            read.stride = getattr(options, "StrideH", lambda: 1)()
            read.same = getattr(options, "Padding", lambda: 1)() == tflite.Padding.SAME
        if "CONV" in name:
            self._read_convolution(read, inputs)
        if name == "PAD":
            read.pads = self._constants[inputs[1]].tolist()
        return read

    def _read_convolution(self, read: Operation, inputs: list[int]) -> None:
        """Depthwise weights are stored 1HWC, ordinary ones OHWI; both become OIHW."""
        weight = self._constants[inputs[1]]
        depthwise = read.name.startswith("DEPTHWISE")
        weight = weight.transpose((3, 0, 1, 2) if depthwise else (0, 3, 1, 2))
        read.weight = torch.from_numpy(weight.astype(np.float32).copy())
        read.bias = torch.from_numpy(self._constants[inputs[2]].astype(np.float32).copy())
        read.groups = weight.shape[0] if depthwise else 1

    @torch.no_grad()
    def run(self, image: Tensor) -> dict[int, Tensor]:
        """Every activation (NCHW) by tensor id, for an image batch (B, 3, H, W)."""
        values = {self.input: image}
        for op in self.operations:
            values[op.output] = _ACTIVATION[op.activation](
                _apply(op, values, self.shapes[op.output])
            )
        return values


def _shape(tensor: Any) -> list[int]:
    return [int(n) for n in tensor.ShapeAsNumpy()] if tensor.ShapeLength() else []


def _apply(op: Operation, values: dict[int, Tensor], shape: list[int]) -> Tensor:
    x = values[op.inputs[0]]
    if "CONV" in op.name:
        x = _pad_same(x, op.kernel, op.stride) if op.same else x
        assert op.weight is not None
        return F.conv2d(x, op.weight, op.bias, op.stride, groups=op.groups)
    if op.name == "ADD":
        return x + values[op.inputs[1]]
    if op.name == "PAD":
        _, (top, bottom), (left, right), (front, back) = op.pads
        return F.pad(x, (left, right, top, bottom, front, back))
    if op.name == "MAX_POOL_2D":
        return F.max_pool2d(x, 2)
    if op.name == "RESIZE_BILINEAR":
        return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    if op.name == "LOGISTIC":
        return x.sigmoid()
    if op.name == "DEPTH_TO_SPACE":
        batch, channels, height, width = x.shape
        x = x.reshape(batch, 2, 2, channels // 4, height, width).permute(0, 3, 4, 1, 5, 2)
        return x.reshape(batch, channels // 4, 2 * height, 2 * width)
    if op.name == "RESHAPE":  # channels last, as TensorFlow flattens
        return x.permute(0, 2, 3, 1).reshape(len(x), *shape[1:])
    if op.name == "CONCATENATION":
        return torch.cat([values[i] for i in op.inputs], 1)
    raise NotImplementedError(op.name)


def _pad_same(x: Tensor, kernel: int, stride: int) -> Tensor:
    """TensorFlow's SAME: the odd pixel of padding goes after (bottom and right)."""
    size = x.shape[-1]
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    before, after = total // 2, total - total // 2
    return F.pad(x, (before, after, before, after))


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
