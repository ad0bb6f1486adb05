"""The result of rasterising a mesh, as NumPy arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int32


@dataclass(frozen=True)
class Raster:
    """What each pixel centre sees of a mesh.

    Attributes:
        face_ids: the nearest face, -1 where there is none.
        barycentric: perspective-correct weights of the face's corners; zeros where there is none.
        depth: camera-frame z in metres, +inf where there is none.
    """

    face_ids: Int32[np.ndarray, "height width"]
    barycentric: Float32[np.ndarray, "height width 3"]
    depth: Float32[np.ndarray, "height width"]

    @property
    def mask(self) -> np.ndarray:
        """Pixels that see the mesh, (height, width) bool."""
        return self.face_ids >= 0
