"""The input of the shader: textured meshes, materials and lighting."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Float32, Int32, UInt8


@dataclass(frozen=True)
class Material:
    """A texture with a tint.

    Attributes:
        texture: RGB; a texel t means the linear colour (t / 255)^2. Row 0 is at v = 1.
        tint: linear gain of each channel.
        gloss: strength of the highlight (0 = matte).
    """

    texture: UInt8[np.ndarray, "rows columns 3"]
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
    gloss: float = 0.0


@dataclass(frozen=True)
class TexturedMesh:
    """A textured mesh in the camera frame.

    Attributes:
        vertices: metres.
        corner_uv: texture coordinates of each face's corners, v up, repeating outside 0..1.
        face_material: index into the list of materials.
    """

    vertices: Float32[np.ndarray, "vertices 3"]
    faces: Int32[np.ndarray, "faces 3"]
    corner_uv: Float32[np.ndarray, "faces 3 2"]
    face_material: Int32[np.ndarray, " faces"]


@dataclass(frozen=True)
class ShadowMap:
    """A depth map seen from the first light.

    Attributes:
        depth: z in metres in the light's camera, +inf where it sees nothing.
        rotation, translation: light-from-camera; the light's camera looks along its z.
        focal: pixels; the principal point is the middle of the map.
        bias: metres behind the stored depth up to which a surface is lit; avoids self-shadowing.
    """

    depth: Float32[np.ndarray, "size size"]
    rotation: Float[np.ndarray, "3 3"]
    translation: Float[np.ndarray, "3"]
    focal: float
    bias: float = 0.02

    @property
    def view(self) -> Float32[np.ndarray, "13"]:
        """The 3x4 matrix row by row, then the focal length, as native code takes it."""
        matrix = np.concatenate([self.rotation, self.translation[:, None]], 1)
        return np.append(matrix, self.focal).astype(np.float32)


@dataclass(frozen=True)
class Lighting:
    """Linear light in the camera frame.

    Attributes:
        directions: unit vectors towards the lights.
        colors: linear RGB of each light.
        ambient: coefficients of (1, x, y, z, xy, yz, 3z^2-1, xz, x^2-y^2) of the normal.
        shadow: shadow map of the first light.
    """

    directions: Float[np.ndarray, "lights 3"]
    colors: Float[np.ndarray, "lights 3"]
    ambient: Float[np.ndarray, "9 3"]
    shadow: ShadowMap | None = field(default=None)
