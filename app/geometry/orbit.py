"""The camera that the mouse turns around the body.

NumPy only: the window draws its grid with it, the worker the body, and both must agree.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

FIELD_OF_VIEW = math.radians(32.0)  # vertical
FARTHEST = 3.0  # heights of the picture by which the body can be shifted


@dataclass(frozen=True)
class Orbit:
    """Turns about the body's middle; all zeros looks along the photo's own viewing direction.

    Attributes:
        yaw, pitch: radians; positive yaw carries the eye to the viewer's right.
        zoom: 1 shows a body of two metres with some air around it.
        shift: where the body's middle is, from the picture's middle, in heights of the picture.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    zoom: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)

    def turned(self, dx: float, dy: float, per_pixel: float = 0.01) -> Orbit:
        """After a mouse drag of (dx, dy) pixels; stops short of looking straight up or down."""
        pitch = self.pitch + dy * per_pixel
        limit = math.radians(88)
        yaw = math.remainder(self.yaw - dx * per_pixel, 2 * math.pi)
        return replace(self, yaw=yaw, pitch=min(max(pitch, -limit), limit))

    def zoomed(self, notches: float) -> Orbit:
        """After turning the mouse wheel."""
        return replace(self, zoom=min(max(self.zoom * 1.15**notches, 0.2), 12.0))

    def shifted(self, dx: float, dy: float, height: float) -> Orbit:
        """After dragging the body by (dx, dy) pixels in a picture of this height."""
        x, y = self.shift[0] + dx / height, self.shift[1] + dy / height
        return replace(
            self, shift=(min(max(x, -FARTHEST), FARTHEST), min(max(y, -FARTHEST), FARTHEST))
        )

    def framed(self, reach: float) -> Orbit:
        """Turned as it is, with a body of this height in metres in the middle."""
        return replace(self, zoom=min(max(2.0 / max(reach, 0.1), 0.2), 12.0), shift=(0.0, 0.0))

    def center(self, width: float, height: float) -> tuple[float, float]:
        """Where the body's middle is in a picture."""
        return width / 2 + self.shift[0] * height, height / 2 + self.shift[1] * height

    @property
    def rotation(self) -> Float[np.ndarray, "3 3"]:
        """Orbit camera from photo camera (both x right, y down, z forward)."""
        cy, sy, cp, sp = *_cos_sin(self.yaw), *_cos_sin(self.pitch)
        about_y = np.array([[cy, 0.0, sy], [0.0, 1.0, 0.0], [-sy, 0.0, cy]])
        about_x = np.array([[1.0, 0.0, 0.0], [0.0, cp, -sp], [0.0, sp, cp]])
        return about_x @ about_y

    @property
    def distance(self) -> float:
        """Metres from the eye to the body's middle."""
        return 1.25 / math.tan(FIELD_OF_VIEW / 2) / self.zoom

    def focal(self, height: int) -> float:
        """Focal length in pixels of a picture ``height`` pixels high."""
        return height / 2 / math.tan(FIELD_OF_VIEW / 2)

    def see(
        self, points: Float[np.ndarray, "points 3"], middle: Float[np.ndarray, "3"]
    ) -> Float[np.ndarray, "points 3"]:
        """Photo-camera points in the orbit camera, which looks at ``middle``."""
        return (points - middle) @ self.rotation.T + np.array([0.0, 0.0, self.distance])

    def project(
        self, points: Float[np.ndarray, "points 3"], width: int, height: int
    ) -> Float[np.ndarray, "points 2"]:
        """Pixels of points given in the orbit camera (in front of it)."""
        return self.focal(height) * points[:, :2] / points[:, 2:] + self.center(width, height)


def _cos_sin(angle: float) -> tuple[float, float]:
    return math.cos(angle), math.sin(angle)
