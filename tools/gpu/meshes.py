"""Speed of the CUDA mesh renderer on this GPU, with dressed people, one call per batch.

    python -m tools.gpu.meshes [--batch 16 64 256]

A person is the embedded body in two layers of clothes, 41,328 triangles, standing, with a heading
of its own. Feature maps have 80 pixels and 64 channels; training pictures of 256 pixels are drawn
at 512 in colour and averaged. Prints JSON lines.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import roma
import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.body.load import load_body
from core.geometry.camera import Camera
from core.render.mesh import native
from core.render.mesh.native import MeshScene, RenderedAttributes
from core.render.mesh.scene import MeshSettings, Softness
from core.render.shade.render import vertex_normals
from tools.gpu.scene import milliseconds

LAYERS = (0.0, 0.01, 0.02)  # metres off the skin
DISTANCE = 3.0  # metres from the camera
CASES = ((80, 64), (512, 3))  # pixels, channels


@dataclass(frozen=True)
class MeshCase:
    """One measurement: people per batch, pixels along a side, and channels."""

    batch: int
    size: int
    dim: int


def dressed() -> tuple[Float[Tensor, "vertices 3"], Int[Tensor, "faces 3"]]:
    """The layers of one person, in the rest pose."""
    body = load_body()
    normals = torch.from_numpy(vertex_normals(body.v_template.numpy(), body.faces.numpy()))
    vertices = torch.cat([body.v_template + layer * normals for layer in LAYERS])
    count = len(body.v_template)
    faces = torch.cat([body.faces + layer * count for layer in range(len(LAYERS))])
    return vertices, faces


def case_scene(case: MeshCase, device: str) -> MeshScene:
    """Upright people, each in front of their own camera."""
    vertices, faces = dressed()
    angles = torch.linspace(0, 2 * math.pi, case.batch + 1)[:-1, None]
    rotations = roma.rotvec_to_rotmat(angles * torch.tensor([0.0, 1.0, 0.0]))
    upright = torch.tensor([1.0, -1.0, -1.0])
    rotated = (vertices @ rotations.mT) * upright
    middle = (vertices.amin(0) + vertices.amax(0)) / 2 * upright
    placed = rotated - middle + torch.tensor([0.0, 0.0, DISTANCE])
    camera = Camera.centered(torch.full((case.batch,), 1.4 * case.size), case.size)
    lens = Camera(camera.focal.to(device), camera.center.to(device))
    size = (case.size, case.size)
    return MeshScene.of(placed.to(device), faces.to(device), lens, size, MeshSettings())


def calls(scene: MeshScene, dim: int) -> dict[str, Callable[[], object]]:
    """A call of every function."""
    barycentric, depth, ids = native.rasterize(scene)
    soft = Softness.of(0.16 * (scene.size[0] / 80) ** 2)
    covered = native.silhouette(scene, soft)
    flat = torch.ones_like(depth)
    attributes = scene.vertices.new_ones(1, scene.vertices.shape[1], dim)
    surface = RenderedAttributes.of(ids, barycentric, scene.faces, attributes)
    values = native.interpolate(surface)
    return {
        "rasterize": lambda: native.rasterize(scene),
        "rasterize_backward": lambda: native.rasterize_backward(scene, ids, barycentric, flat),
        "silhouette": lambda: native.silhouette(scene, soft),
        "silhouette_backward": lambda: native.silhouette_backward(scene, soft, covered, flat),
        "interpolate": lambda: native.interpolate(surface),
        "interpolate_backward": lambda: native.interpolate_backward(surface, values, True),
    }


def measure(case: MeshCase, device: str) -> dict[str, float]:
    """People per second of every function."""
    scene = case_scene(case, device)
    return {
        name: round(1000 * case.batch / milliseconds(call))
        for name, call in calls(scene, case.dim).items()
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, nargs="+", default=[16, 64, 256])
    options = parser.parse_args(arguments)
    device = torch.cuda.get_device_name()
    for size, dim in CASES:
        for batch in options.batch:
            rates = measure(MeshCase(batch, size, dim), "cuda")
            row = {"device": device, "batch": batch, "size": size, "dim": dim}
            print(json.dumps({**row, "people a second": rates}))


if __name__ == "__main__":
    main()
