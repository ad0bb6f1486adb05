"""How far the renderer's closed forms are from equation 4, by scene.

The reference is float64 quadrature over every kernel. Bodies are the embedded one, in poses drawn
from the pose prior and seen from all sides; the other scenes are made to be difficult: kernels in
each other, disks seen edge-on, walls of opaque kernels, a dozen sizes in one place.
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
EVERYTHING = RenderSettings(nearest=10**6, threshold=1e-5)  # the closed form alone
NEGLIGIBLE = 16.0  # a kernel with a larger q, e^-16, is left out of the reference


@dataclass(frozen=True)
class Kernels:
    """One scene, in front of a camera of ``MAP`` x ``MAP`` pixels; float64."""

    means: Float[Tensor, "kernels 3"]
    precisions: Float[Tensor, "kernels 3 3"]
    camera: Camera
    density: float = 1.0


@dataclass(frozen=True)
class Accuracy:
    """Errors of one form in one kind of scene, over the pixels that see anything.

    The error of a pixel is the sum over kernels of the difference between weight and reference: the
    share of its light that is credited to the wrong kernel, or to none.

    Attributes:
        cut: whether pixels keep only the nearest kernels and those above the threshold, as shipped.
        mean, p99, worst: of the pixels' errors.
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


Maker = Callable[[torch.Generator], Kernels]


def measure_accuracy(count: int, pixels: int, seed: int = 0) -> Iterator[Accuracy]:
    """Errors of every form in every kind of scene.

    Args:
        count: scenes of each kind.
        pixels: rays of each scene, drawn from those that see anything.
    """
    for name, make in SCENES.items():
        generator = torch.Generator().manual_seed(seed)
        errors: dict[tuple[str, bool], list[Tensor]] = {}
        for _ in range(count):
            scene = make(generator)
            chosen, exact = reference(scene, pixels, generator)
            for form in OCCLUSION_FORMS:
                for cut in (False, True):
                    shown = rendered(scene, form, cut)[chosen]
                    difference = (shown - exact).abs().sum(1)
                    opacity = (shown.sum(1) - exact.sum(1)).abs()
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
    scene: Kernels, pixels: int, generator: torch.Generator
) -> tuple[Tensor, Float[Tensor, "chosen kernels"]]:
    """Some pixels that see a kernel, and the exact weights there."""
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


def rendered(scene: Kernels, form: str, cut: bool) -> Float[Tensor, "map kernels"]:
    """Weights of all kernels at all pixels by one closed form."""
    settings = replace(
        RenderSettings() if cut else EVERYTHING, occlusion=form, density=scene.density
    )
    sparse = render_sparse_twin(
        scene.means[None], scene.precisions[None], scene.camera, (MAP, MAP), settings
    )
    shown = scene.means.new_zeros(MAP * MAP, len(scene.means) + 1)
    ids = sparse.assignment.kernels
    ids = torch.where(ids < 0, len(scene.means), ids)
    shown[sparse.assignment.pixel[:, None], ids] = sparse.weights
    return shown[:, :-1]


# --- scenes ---


def body(generator: torch.Generator) -> Kernels:
    """The embedded body in a likely pose, turned anyhow."""
    latent = torch.randn(1, 32, generator=generator)
    with torch.no_grad():
        joints = load_prior().decode(latent)
    root = rotation_from_axis_angle(torch.randn(1, 1, 3, generator=generator) * 2)
    rotations = torch.cat([root, joints, torch.eye(3).expand(1, 2, 3, 3)], 1)
    volume = NeuralBodyVolume.from_body(load_body())
    posed = volume.pose(rotations, torch.zeros(1, 10), torch.tensor([[0, 0.2, 4.0]]))
    camera = Camera.centered(torch.tensor([2.0 * MAP], dtype=torch.float64), MAP)
    return Kernels(posed.means[0].double(), posed.precisions[0].double(), camera)


def cluster(
    generator: torch.Generator,
    count: int = 40,
    spread: float = 0.05,
    flatness: float = 0.5,
    sizes: float = 0.3,
    density: float = 1.0,
) -> Kernels:
    """Ellipsoids of about 3 cm, turned anyhow, around a point two metres ahead.

    Args:
        spread: standard deviation of their centres, metres.
        flatness: standard deviation along the axis over the one across it.
        sizes: standard deviation of the logarithm of their size.
    """

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    means = normal(count, 3) * spread + torch.tensor([0.0, 0, 2])
    axis = torch.nn.functional.normalize(normal(count, 3), dim=-1)
    across = 0.03 * torch.exp(sizes * normal(count, 1, 1))
    flat = (1 / flatness**2 - 1) * axis[:, :, None] * axis[:, None]
    precisions = (torch.eye(3, dtype=torch.float64) + flat) / across.square()
    camera = Camera.centered(torch.tensor([4.0 * MAP], dtype=torch.float64), MAP)
    return Kernels(means, precisions, camera, density)


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
