"""One synthetic picture of a person with its ground truth."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Bool, Float16, Float32, Int8, UInt8, UInt16


@dataclass(frozen=True)
class Sample:
    """A square crop of one person. The principal point is the middle of the crop.

    Attributes:
        image: RGB.
        focal: pixels of the crop.
        pose: axis-angle of the 24 joints; entry 0 is the body's rotation in the camera frame.
        betas: shape coefficients of the embedded body.
        transl: metres, camera frame; vertices = LBS(...) + transl.
        joints: metres, camera frame.
        joints2d: pixels of the crop; joints outside the frame have coordinates outside it.
        parts: 0 background, 1 + joint on the dressed person, also where an occluder hides it.
        occluder: True where another object hides what is behind it, and where the crop is outside
            the photo (black there).
        depth: z in metres of the undressed body at half resolution, also behind occluders; +inf
            where there is no body.

    Dense labels (None without), all of the undressed body, also behind occluders:

    Attributes:
        iuv: 1 + joint, 65535 u and 65535 v of the body's texture coordinates at half resolution;
            zeros where there is no body.
        normals: 127 times the unit normal in the camera frame at half resolution; zeros where
            there is no body.
        kernels: bits of the 858 surface kernels (see `core.synth.drawing.labels`): 1 in the frame,
            2 not hidden by the body itself, 4 not hidden by anything else; 7 is visible.
    """

    image: UInt8[np.ndarray, "size size 3"]
    focal: Float32[np.ndarray, ""]
    pose: Float32[np.ndarray, "24 3"]
    betas: Float32[np.ndarray, "10"]
    transl: Float32[np.ndarray, "3"]
    joints: Float32[np.ndarray, "24 3"]
    joints2d: Float32[np.ndarray, "24 2"]
    parts: UInt8[np.ndarray, "size size"]
    occluder: Bool[np.ndarray, "size size"]
    depth: Float16[np.ndarray, "half half"]
    iuv: UInt16[np.ndarray, "half half 3"] | None = None
    normals: Int8[np.ndarray, "half half 3"] | None = None
    kernels: UInt8[np.ndarray, " kernels"] | None = None

    def arrays(self) -> dict[str, np.ndarray]:
        """The fields that are not None, by name."""
        every = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: array for name, array in every.items() if array is not None}


FieldLayout = dict[str, tuple[tuple[int, ...], str]]


def field_layout(size: int) -> FieldLayout:
    """Shape and dtype of the fields that every `Sample` of ``size`` pixels has."""
    half = size // 2
    return {
        "image": ((size, size, 3), "uint8"),
        "focal": ((), "float32"),
        "pose": ((24, 3), "float32"),
        "betas": ((10,), "float32"),
        "transl": ((3,), "float32"),
        "joints": ((24, 3), "float32"),
        "joints2d": ((24, 2), "float32"),
        "parts": ((size, size), "uint8"),
        "occluder": ((size, size), "bool"),
        "depth": ((half, half), "float16"),
    }


def label_layout(size: int) -> FieldLayout:
    """Shape and dtype of the fields of dense labels."""
    half = size // 2
    return {
        "iuv": ((half, half, 3), "uint16"),
        "normals": ((half, half, 3), "int8"),
        "kernels": ((858,), "uint8"),
    }
