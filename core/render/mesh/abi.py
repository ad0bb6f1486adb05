"""The C interface of the native mesh renderer, as ctypes sees it."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from ctypes import c_float, c_int32, c_int64, c_void_p
from typing import Any

from torch import Tensor


class MeshStruct(ctypes.Structure):
    """NbfMesh of cuda/mesh/raster.h."""

    _fields_ = (
        ("vertices", c_void_p),
        ("faces", c_void_p),
        ("focal", c_void_p),
        ("center", c_void_p),
        ("batch", c_int64),
        ("vertex_count", c_int64),
        ("face_count", c_int64),
        ("face_sets", c_int64),
        ("height", c_int32),
        ("width", c_int32),
        ("near", c_float),
        ("cull", c_int32),
        ("threads", c_int32),
    )


_MESH, _ADDRESS, _NUMBER = ctypes.POINTER(MeshStruct), c_void_p, c_int64
_SURFACE: list[Any] = [_MESH, _ADDRESS, _ADDRESS, _ADDRESS, _NUMBER, _NUMBER]
FUNCTIONS: dict[str, list[Any]] = {
    "rasterize": [_MESH, *[_ADDRESS] * 3],
    "rasterize_backward": [_MESH, *[_ADDRESS] * 4],
    "silhouette": [_MESH, c_float, c_float, _ADDRESS],
    "silhouette_backward": [_MESH, c_float, c_float, *[_ADDRESS] * 3],
    "interpolate": [*_SURFACE, _ADDRESS],
    "interpolate_backward": [*_SURFACE, *[_ADDRESS] * 3],
}
"""Argument types of the functions in cuda/mesh/raster.h."""


def addresses(arguments: Iterable[Any]) -> list[Any]:
    """Arguments of a native call, tensors replaced by their addresses."""
    return [
        argument.data_ptr() if isinstance(argument, Tensor) else argument for argument in arguments
    ]
