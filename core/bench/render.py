"""Times of rendering and of fitting steps, for all backends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor

from core.bench.machine import Machine, alternate, peak_megabytes, synchronized
from core.body.load import load_body
from core.body.params import BodyParams
from core.fit.evidence import FeatureMap
from core.fit.model import GenerativeModel
from core.fit.problem import Problem
from core.fit.schedule import Schedule
from core.fit.solver import Solver
from core.geometry.camera import Camera
from core.geometry.keypoints import Keypoints
from core.nbv.features import FeatureBank, expected_features
from core.nbv.volume import NeuralBodyVolume
from core.nets.pose_prior import load_prior
from core.render.backends import built_backends, device_of
from core.render.volume.render import render_sparse
from core.render.volume.sparse import OCCLUSION_FORMS, RenderSettings, SparseRender

PERSON_SHARE = 0.8  # height of the person over that of the map
HEIGHT = 1.75  # of the person, metres


@dataclass(frozen=True)
class Layout:
    """Size of a benchmark case: a standing person on a square feature map.

    Attributes:
        layout: placement of the kernels, ``"surface"`` or ``"skeleton"``.
        kernels: number of kernels.
        map: side of the map in pixels.
        dim: dimensions of the features.
        batch: number of people.
    """

    layout: str = "surface"
    kernels: int = 858
    map: int = 80
    dim: int = 64
    batch: int = 1

    def volume(self) -> NeuralBodyVolume:
        """The embedded body with these kernels."""
        if self.layout == "skeleton":
            return NeuralBodyVolume.from_skeleton(load_body())
        return NeuralBodyVolume.from_body(load_body(), kernels=self.kernels)


QUICK = (Layout(),)
SKELETON = Layout("skeleton", 439)
FULL = (
    *QUICK,
    SKELETON,
    *(Layout(kernels=k) for k in (108, 439, 1723, 6890)),
    *(Layout(map=m) for m in (40, 160)),
    *(Layout(dim=d) for d in (3, 128)),
    *(Layout(batch=b) for b in (8, 64)),
)


@dataclass(frozen=True)
class RenderTimes:
    """Times of one backend for one case; milliseconds are medians.

    Attributes:
        layout, kernels, map, dim, batch: see `Layout`.
        forward_ms: time of rendering features and opacity.
        backward_ms: time of the gradients of means, precisions and features.
        step_ms: time of a fitting step: body, features, rendering, likelihood, prior, Adam.
        peak_mb: peak of the additional memory of a step.
        limit_share: lower limit of the time of forward and backward on this machine
            (`Ceiling.least_seconds`) over the measured time.
    """

    backend: str
    layout: str
    kernels: int
    map: int
    dim: int
    batch: int
    forward_ms: float
    backward_ms: float
    step_ms: float
    peak_mb: float | None
    limit_share: float


def on_cpu() -> str:
    """Name of the faster CPU backend that is built."""
    return "cpu" if "cpu" in built_backends() else "torch"


@dataclass(frozen=True)
class UnitVectors:
    """Generator of random vectors of length 1."""

    generator: torch.Generator

    def draw(self, *shape: int) -> Tensor:
        """A tensor of this shape with unit vectors along the last dimension."""
        normal = torch.randn(*shape, generator=self.generator)
        return torch.nn.functional.normalize(normal, dim=-1)


def standing(batch: int) -> BodyParams:
    """People who face the camera and take `PERSON_SHARE` of the map's height."""
    return BodyParams(
        torch.tensor([[torch.pi, 0, 0]]).repeat(batch, 1),
        torch.zeros(batch, 23, 3),
        torch.zeros(batch, 10),
        torch.tensor([[0, 0, 2 * HEIGHT / PERSON_SHARE]]).repeat(batch, 1),
    )


class RenderCase:
    """A benchmark case: a standing person with random features, and a fit that starts there."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        unit = UnitVectors(torch.Generator().manual_seed(0))
        volume, variance = layout.volume(), torch.tensor(0.6)
        phi = unit.draw(layout.kernels, 4, layout.dim)
        bank = FeatureBank(phi, unit.draw(layout.dim), variance, variance)
        self.model = GenerativeModel(volume, bank, load_prior())
        self.start = standing(layout.batch)
        posed = volume.pose(self.start.rotations(), self.start.betas, self.start.transl)
        emitted = expected_features(bank, volume, posed)
        kernels = (posed.means, posed.precisions, emitted)
        self._leaves = {torch.device("cpu"): [t.clone().requires_grad_() for t in kernels]}
        self.problem = self._observe(unit)

    def _observe(self, unit: UnitVectors) -> Problem:
        """A noisy feature map of the person, so that the fit stays close to the start."""
        size, batch, stride = self.layout.map, self.layout.batch, 4
        self.camera = Camera.centered(torch.full((batch,), 2.0 * size), size)
        with torch.no_grad():
            sparse, features = self.render(on_cpu())
        background = self.model.bank.background.expand(batch, size * size, -1)
        passed = (1 - sparse.opacity)[:, None] * self.model.bank.background
        place = (sparse.assignment.batch, sparse.assignment.pixel)
        shown = background.index_put(place, features + passed)
        noise = 0.5 * unit.draw(batch, size * size, self.layout.dim)
        observed = FeatureMap(
            features=torch.nn.functional.normalize(shown + noise, dim=-1),
            inside=torch.ones(batch, size * size),
            size=(size, size),
            stride=stride,
        )
        keypoints = Keypoints(torch.zeros(batch, 24, 2), torch.zeros(batch, 24))
        return Problem.of(self.camera.scaled(stride), observed, keypoints)

    def render(self, backend: str) -> tuple[SparseRender, Tensor]:
        """Render the kernels, and composite their features."""
        settings, device, size = (
            RenderSettings(backend=backend),
            device_of(backend),
            self.layout.map,
        )
        means, precisions, features = self.leaves_on(device)
        camera = self.camera.to(device)
        sparse = render_sparse(means, precisions, camera, size, size, settings)
        return sparse, sparse.composite(features)

    def leaves_on(self, device: torch.device) -> list[Tensor]:
        """Means, precisions and features with gradients; one set of tensors for each device."""
        if device not in self._leaves:
            here = self._leaves[torch.device("cpu")]
            self._leaves[device] = [t.detach().to(device).requires_grad_() for t in here]
        return self._leaves[device]

    def forward(self, backend: str) -> Callable[[], object]:
        """A function that renders once."""
        return synchronized(lambda: self.render(backend), device_of(backend))

    def backward(self, backend: str) -> Callable[[], object]:
        """A function that computes the gradients of one rendering."""
        sparse, features = self.render(backend)
        given = (torch.ones_like(features), torch.ones_like(sparse.opacity))
        device = device_of(backend)

        def back() -> object:
            shown, leaves = (features, sparse.opacity), self.leaves_on(device)
            return torch.autograd.grad(shown, leaves, given, retain_graph=True)

        return synchronized(back, device)

    def step(self, backend: str) -> Callable[[], object]:
        """A function that takes a step of the last stage, in which all parameters are free."""
        schedule = Schedule.standard().with_backend(backend)
        stage = replace(schedule.stages[-1], steps=10**9)
        endless = replace(schedule, stages=(stage,), starts=("given",))
        solver = Solver.begin(self.problem, self.model, endless, self.start)
        return synchronized(solver.step, device_of(backend))

    def work(self) -> tuple[float, float]:
        """Fewest operations and bytes of forward and backward that any implementation needs."""
        with torch.no_grad():
            ids = self.render(on_cpu())[0].assignment.kernels
        seen = (ids >= 0).sum(1).double()
        points = len(OCCLUSION_FORMS[RenderSettings().occlusion])
        pairs, meetings = float(seen.sum()), float(seen.square().sum()) * points
        # For each pixel and kernel: 40 operations for the Gaussian along the ray, 90 for its
        # gradient, and 2 a dimension for the features, twice that for their gradient. For each
        # pair of kernels and quadrature point: 25 for the transmittance, 45 for its gradient.
        operations = pairs * (130 + 6 * self.layout.dim) + meetings * 70
        leaves = self._leaves[torch.device("cpu")]
        numbers = sum(leaf.numel() for leaf in leaves) * 3 + len(seen) * self.layout.dim * 2
        return operations, 4.0 * numbers


def measure(
    layouts: tuple[Layout, ...], backends: tuple[str, ...], machine: Machine, budget: float
) -> Iterator[list[RenderTimes]]:
    """Measure every layout with every backend; one list of times for each layout.

    Args:
        budget: seconds for each of forward, backward and step of a layout.
    """
    for layout in layouts:
        case = RenderCase(layout)
        work = case.work()

        def least(backend: str, work: tuple[float, float] = work) -> float:
            return machine.ceiling_of(device_of(backend)).least_seconds(*work)

        parts = [
            alternate([make(backend) for backend in backends], 25, budget)
            for make in (case.forward, case.backward, case.step)
        ]
        yield [
            RenderTimes(
                backend,
                **asdict(layout),
                forward_ms=round(1e3 * forward, 3),
                backward_ms=round(1e3 * backward, 3),
                step_ms=round(1e3 * step, 3),
                peak_mb=peak_megabytes(case.step(backend), device_of(backend)),
                limit_share=round(least(backend) / (forward + backward), 4),
            )
            for backend, forward, backward, step in zip(backends, *parts, strict=True)
        ]


def ratios(cases: list[RenderTimes]) -> dict[str, Any]:
    """Ratios of times in the base case; None for backends that are not built here.

    ``cuda_vs_voge`` is always None: ``tools/gpu/voge.py`` compares with a clone of VoGE.
    """
    by_layout = {(Layout(c.layout, c.kernels, c.map, c.dim, c.batch), c.backend): c for c in cases}
    torch_case, cpu_case, cuda_case = (
        by_layout.get((Layout(), name)) for name in ("torch", "cpu", "cuda")
    )
    skeleton = by_layout.get((SKELETON, "cpu"))

    def ratio(
        slow: RenderTimes | None, fast: RenderTimes | None, time: Callable[[RenderTimes], float]
    ) -> float | None:
        return round(time(slow) / time(fast), 2) if slow and fast else None

    def rendering(case: RenderTimes) -> float:
        return case.forward_ms + case.backward_ms

    def step(case: RenderTimes) -> float:
        return case.step_ms

    return {
        "cpu_vs_torch": ratio(torch_case, cpu_case, rendering),
        "cpu_vs_torch_step": ratio(torch_case, cpu_case, step),
        "skeleton_vs_surface": ratio(cpu_case, skeleton, rendering),
        "skeleton_vs_surface_step": ratio(cpu_case, skeleton, step),
        "cuda_vs_cpu": ratio(cpu_case, cuda_case, rendering),
        "cuda_vs_voge": None,
    }
