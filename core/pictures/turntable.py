"""A film once around a body, drawn by pyrender from the body.glb of a fit, which trimesh reads.

OpenGL contexts without a window (EGL, OSMesa) disturb those of a window, and a driver that fails
takes its process with it. So `draw_turntable` lets a process of its own do the work:

    python -m core.pictures.turntable body.glb turntable.mp4 [--pitch DEGREES] [--frames N]

PYOPENGL_PLATFORM says how to draw: "egl", which is the default here, or "osmesa".
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from jaxtyping import UInt8

from core.io.video import save_video
from core.pictures.studio import (
    BACKDROP,
    BODY,
    DARK,
    GROUND,
    SAMPLES,
    ground_radius,
    ground_share,
    lamps,
)
from core.pictures.viewpoints import Viewpoint, surface_middle, turntable, upright
from core.processes import complaint, end_with_stdin

if TYPE_CHECKING:  # either takes a second to import, and pyrender wants its platform first
    import pyrender
    import trimesh

PLATFORMS = {"egl": "EGL", "osmesa": "OSMesa"}
"""What PyOpenGL calls the ways to draw without a window, the better one first."""
SECONDS = 600.0
SIZE = (560, 560)
FRAMES, RATE = 96, 24.0
KEY, FILL, RIM, AMBIENT = 5.4, 10.0, 22.0, 0.28
"""Light in pyrender's units: only the key is directional, so only it throws a shadow."""
ROUGHNESS = 0.75
TEXTURE = 2048
"""Side of the ground's picture, pixels."""


def draw_turntable(body: Path, film: Path, pitch: float = 0.0, frames: int = FRAMES) -> str | None:
    """Write a film once around a body, from where the photo was taken.

    Args:
        body: as `core.io.mesh.save_glb` writes it.
        film: mp4 or gif; an earlier one is removed first.
        pitch: degrees that the photo's camera looks down.
        frames: of the whole turn.

    Returns:
        None, or one line that says why there is no film.
    """
    film.unlink(missing_ok=True)  # it must not pass for this body's
    failures = []
    chosen = os.environ.get("PYOPENGL_PLATFORM")
    for platform in sorted(PLATFORMS, key=lambda name: name != chosen):
        reason = _try_platform(platform, body, film, [f"--pitch={pitch}", f"--frames={frames}"])
        if reason is None:
            return None
        failures.append(f"{PLATFORMS[platform]}: {reason}")
    return f"{film.name} not drawn: {'; '.join(failures)} (see nbf doctor)"


def _try_platform(platform: str, body: Path, film: Path, options: list[str]) -> str | None:
    """Let another process draw the film; None, or the last thing that it said."""
    command = [sys.executable, "-P", "-m", "core.pictures.turntable", "--attended", *options]
    places = os.pathsep.join(map(os.path.abspath, sys.path))  # this very copy of the code
    # A folder of its own: what a killed process leaves goes away with it.
    with tempfile.TemporaryDirectory(prefix=".turntable-", dir=film.parent) as folder:
        drawn = Path(folder, film.name)
        command += ["--", str(body), str(drawn)]  # "--": no path is an option
        reason = complaint(command, SECONDS, PYOPENGL_PLATFORM=platform, PYTHONPATH=places)
        if reason is None:
            drawn.replace(film)
    return reason


def main(arguments: list[str] | None = None) -> None:
    """Draw what the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("body", type=Path, help="body.glb of a fit")
    parser.add_argument("film", type=Path, help="film to write (mp4 or gif)")
    parser.add_argument("--pitch", type=float, default=0.0, help="degrees the camera looks down")
    parser.add_argument("--frames", type=int, default=FRAMES, help="of the whole turn")
    parser.add_argument("--attended", action="store_true", help="stop when standard input ends")
    options = parser.parse_args(arguments)
    if options.attended:
        end_with_stdin()
    os.environ.setdefault("PYOPENGL_PLATFORM", "egl")
    save_video(options.film, turn(options.body, options.pitch, options.frames), RATE)


def turn(body: Path, pitch: float, frames: int) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
    """The pictures of the film. This makes an OpenGL context."""
    import pyrender
    import trimesh

    (mesh,) = trimesh.load_scene(body, process=False).geometry.values()  # with its own normals
    angle = math.radians(pitch)
    up = np.array([0.0, math.cos(angle), math.sin(angle)])
    stand = upright(mesh.vertices, mesh.faces, up)
    mesh.apply_transform(stand)
    studio = _Studio(mesh)
    renderer = pyrender.OffscreenRenderer(*(side * SAMPLES for side in SIZE))
    try:
        for view in turntable(mesh.vertices, stand[:3, 3], SIZE, frames):
            studio.look(view)
            flags = pyrender.RenderFlags.SHADOWS_DIRECTIONAL
            color, _ = renderer.render(studio.scene, flags)
            yield cv2.resize(color, SIZE, interpolation=cv2.INTER_AREA)
    finally:
        renderer.delete()


class _Studio:
    """A body on the ground with its lamps and a camera, as pyrender has them."""

    def __init__(self, mesh: trimesh.Trimesh) -> None:
        import pyrender

        self._middle = surface_middle(mesh.vertices, mesh.faces)
        self.scene = pyrender.Scene(ambient_light=[AMBIENT] * 3, bg_color=[*BACKDROP, 1.0])
        matt = pyrender.MetallicRoughnessMaterial(
            baseColorFactor=[*BODY, 1.0], metallicFactor=0.0, roughnessFactor=ROUGHNESS
        )
        self.scene.add(pyrender.Mesh.from_trimesh(mesh, material=matt, smooth=True))
        self.scene.add(_ground(ground_radius(mesh.vertices)))
        self._key = self.scene.add(pyrender.DirectionalLight(intensity=KEY))
        self._fill = self.scene.add(pyrender.PointLight(intensity=FILL))
        self._rim = self.scene.add(pyrender.PointLight(intensity=RIM))
        self._camera = self.scene.add(pyrender.IntrinsicsCamera(1.0, 1.0, 0.0, 0.0, znear=0.05))

    def look(self, view: Viewpoint) -> None:
        """Place camera and lamps."""
        from trimesh.geometry import align_vectors

        drawn, camera = view.scaled(SAMPLES), self._camera.camera
        camera.fx = camera.fy = drawn.focal
        camera.cx, camera.cy = drawn.center
        self.scene.set_pose(self._camera, _pose(view.rotation, view.position))
        key, fill, rim = lamps(view.rotation)
        self.scene.set_pose(self._key, align_vectors([0.0, 0.0, 1.0], key))  # it shines along -z
        self.scene.set_pose(self._fill, _pose(np.eye(3), self._middle + fill))
        self.scene.set_pose(self._rim, _pose(np.eye(3), self._middle + rim))


def _ground(radius: float) -> pyrender.Mesh:
    """A square at y = 0 whose picture fades and has lines by being transparent there."""
    import pyrender
    from pyrender.constants import GLTF

    half = DARK * radius
    pixel = 2 * half / TEXTURE
    ticks = pixel * (np.arange(TEXTURE, dtype=np.float32) + 0.5) - half
    x, z = np.meshgrid(ticks, ticks)
    picture = np.full((TEXTURE, TEXTURE, 4), 255, np.uint8)
    picture[..., 3] = np.rint(255 * ground_share(x, z, pixel, radius))
    smooth = pyrender.Sampler(magFilter=GLTF.LINEAR, minFilter=GLTF.LINEAR_MIPMAP_LINEAR)
    material = pyrender.MetallicRoughnessMaterial(
        baseColorFactor=[*GROUND, 1.0],
        baseColorTexture=pyrender.Texture(source=picture, source_channels="RGBA", sampler=smooth),
        metallicFactor=0.0,
        roughnessFactor=ROUGHNESS,
        alphaMode="BLEND",
    )
    corners = np.array([[-1, 0, -1], [-1, 0, 1], [1, 0, 1], [1, 0, -1]], np.float32)
    square = pyrender.Primitive(
        positions=half * corners,
        normals=np.tile([0.0, 1.0, 0.0], (4, 1)),
        texcoord_0=(corners[:, ::2] + 1) / 2,
        indices=np.array([[0, 1, 2], [0, 2, 3]]),
        material=material,
    )
    return pyrender.Mesh([square])


def _pose(rotation: np.ndarray, position: np.ndarray) -> np.ndarray:
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = rotation, position
    return pose


if __name__ == "__main__":
    main()
