"""Errors of the renderer's closed forms against equation 4 of 3DNBF, by kind of scene.

The reference is float64 quadrature over every kernel. One kind of scene is the embedded body in
random poses of the pose prior, seen from all sides. The other kinds are difficult on purpose:
intersecting kernels, thin disks, opaque kernels, kernels of very different size at one point.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from core.body.load import load_body
from core.geometry.camera import Camera, pixel_rays
from core.geometry.rotations import rotation_from_axis_angle
from core.nbv.volume import NeuralBodyVolume
from core.nets.pose_prior import load_prior
from core.render.volume.quadrature import quadrature_weights
from core.render.volume.sparse import OCCLUSION_FORMS, RenderSettings
from core.render.volume.twin import ray_gaussian, render_sparse_twin

MAP = 40
EVERYTHING = RenderSettings(nearest=10**6, threshold=1e-5)  # no truncation: the closed form alone
NEGLIGIBLE = 16.0  # kernels with a larger q (peak e^-q along the ray) are left out of the reference


@dataclass(frozen=True)
class KernelScene:
    """A scene of kernels in front of a camera of ``MAP`` x ``MAP`` pixels; float64, metres."""

    means: Float[Tensor, "kernels 3"]
    precisions: Float[Tensor, "kernels 3 3"]
    camera: Camera
    density: float = 1.0


@dataclass(frozen=True)
class Accuracy:
    """Errors of one closed form in one kind of scene, over the pixels that see a kernel.

    The error of a pixel is the sum over kernels of ``|weight - reference|``: the share of its light
    that is attributed to a wrong kernel or to none.

    Attributes:
        scenes: kind of scene.
        form: name of the closed form.
        cut: whether a pixel keeps only the nearest kernels above the threshold, as by default.
        mean, p99, worst: mean, 99 % quantile and maximum of the pixels' errors.
        opacity: largest error of a pixel's opacity.
    """

    scenes: str
    form: str
    cut: bool
    pixels: int
    mean: float
    p99: float
    worst: float
    opacity: float


Maker = Callable[[torch.Generator], KernelScene]


def measure_accuracy(count: int, pixels: int, seed: int = 0) -> Iterator[Accuracy]:
    """Errors of every closed form in every kind of scene.

    Args:
        count: number of scenes of each kind.
        pixels: number of rays of a scene, drawn from those that see a kernel.
    """
    for name, make in SCENES.items():
        generator = torch.Generator().manual_seed(seed)
        errors: dict[tuple[str, bool], list[Tensor]] = {}
        for _ in range(count):
            scene = make(generator)
            chosen, exact = reference(scene, pixels, generator)
            for form in OCCLUSION_FORMS:
                for cut in (False, True):
                    weights = rendered(scene, form, cut)[chosen]
                    difference = (weights - exact).abs().sum(1)
                    opacity = (weights.sum(1) - exact.sum(1)).abs()
                    errors.setdefault((form, cut), []).append(torch.stack([difference, opacity]))
        for (form, cut), parts in errors.items():
            error, opacity = torch.cat(parts, 1)
            yield Accuracy(
                scenes=name,
                form=form,
                cut=cut,
                pixels=len(error),
                mean=float(error.mean()),
                p99=float(error.quantile(0.99)),
                worst=float(error.max()),
                opacity=float(opacity.max()),
            )


def reference(
    scene: KernelScene, pixels: int, generator: torch.Generator
) -> tuple[Tensor, Float[Tensor, "chosen kernels"]]:
    """Random pixels that see a kernel (peak above 0.01), and their exact weights."""
    rays = pixel_rays(scene.camera, MAP, MAP).flatten(1, 2)[0]
    kernels = len(scene.means)
    pairs = (rays[:, None].expand(-1, kernels, 3), scene.means, scene.precisions)
    miss = torch.stack([ray_gaussian(pairs[1], pairs[2], ray)[2] for ray in pairs[0]])
    seen = (miss < -torch.tensor(0.01).log()).any(1).nonzero()[:, 0]
    chosen = seen[torch.randperm(len(seen), generator=generator)[:pixels]]
    exact = scene.means.new_zeros(len(chosen), kernels)
    for row, pixel in enumerate(chosen.tolist()):
        near = miss[pixel] < NEGLIGIBLE
        exact[row, near] = quadrature_weights(
            scene.means[near], scene.precisions[near], rays[pixel], scene.density, samples=4001
        )
    return chosen, exact


def rendered(scene: KernelScene, form: str, cut: bool) -> Float[Tensor, "map kernels"]:
    """Weights of all kernels at all pixels with one closed form."""
    settings = replace(
        RenderSettings() if cut else EVERYTHING, occlusion=form, density=scene.density
    )
    sparse = render_sparse_twin(
        scene.means[None], scene.precisions[None], scene.camera, (MAP, MAP), settings
    )
    weights = scene.means.new_zeros(MAP * MAP, len(scene.means) + 1)
    ids = sparse.assignment.kernels
    ids = torch.where(ids < 0, len(scene.means), ids)
    weights[sparse.assignment.pixel[:, None], ids] = sparse.weights
    return weights[:, :-1]


# --- scenes ---


def body(generator: torch.Generator) -> KernelScene:
    """The embedded body in a pose of the prior, with a random rotation."""
    latent = torch.randn(1, 32, generator=generator)
    with torch.no_grad():
        joints = load_prior().decode(latent)
    root = rotation_from_axis_angle(torch.randn(1, 1, 3, generator=generator) * 2)
    rotations = torch.cat([root, joints, torch.eye(3).expand(1, 2, 3, 3)], 1)
    volume = NeuralBodyVolume.from_body(load_body())
    posed = volume.pose(rotations, torch.zeros(1, 10), torch.tensor([[0, 0.2, 4.0]]))
    camera = Camera.centered(torch.tensor([2.0 * MAP], dtype=torch.float64), MAP)
    return KernelScene(posed.means[0].double(), posed.precisions[0].double(), camera)


def cluster(
    generator: torch.Generator,
    count: int = 40,
    spread: float = 0.05,
    flatness: float = 0.5,
    sizes: float = 0.3,
    density: float = 1.0,
) -> KernelScene:
    """Ellipsoids of about 3 cm with random axes around a point two metres from the camera.

    Args:
        spread: standard deviation of the centres, metres.
        flatness: standard deviation along a kernel's axis over that across it.
        sizes: standard deviation of the logarithm of the size.
    """

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    means = normal(count, 3) * spread + torch.tensor([0.0, 0, 2])
    axis = torch.nn.functional.normalize(normal(count, 3), dim=-1)
    across = 0.03 * torch.exp(sizes * normal(count, 1, 1))
    flat = (1 / flatness**2 - 1) * axis[:, :, None] * axis[:, None]
    precisions = (torch.eye(3, dtype=torch.float64) + flat) / across.square()
    camera = Camera.centered(torch.tensor([4.0 * MAP], dtype=torch.float64), MAP)
    return KernelScene(means, precisions, camera, density)


SCENES: dict[str, Maker] = {
    "bodies": body,
    "crowd": cluster,
    "in each other": lambda g: cluster(g, spread=0.005),
    "a dozen sizes in one place": lambda g: cluster(g, count=12, spread=0.002, sizes=1.0),
    "thin disks": lambda g: cluster(g, flatness=0.05),
    "opaque crowd": lambda g: cluster(g, density=5.0),
    "opaque, in each other": lambda g: cluster(g, spread=0.005, density=5.0),
    "mist": lambda g: cluster(g, density=0.2),
}
