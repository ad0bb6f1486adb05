"""Rendering and whole fitting steps of the backends, side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor

from core.bench.machine import Machine, alternate, finished, peak_megabytes
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

FILLS = 0.8  # share of the map's height that the person takes
HEIGHT = 1.75  # metres from head to foot, about


@dataclass(frozen=True)
class Layout:
    """One case: a standing person on a square map.

    Attributes:
        layout: where the kernels sit, ``"surface"`` or ``"skeleton"``.
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
class Case:
    """What one backend takes for one case; milliseconds are medians.

    Attributes:
        layout: see `Layout`.
        forward_ms: rendering features and opacity.
        backward_ms: gradients to means, precisions and features.
        step_ms: a whole fitting step: body, features, rendering, likelihood, prior, Adam.
        peak_mb: by how much a step raises the process's memory at its peak.
        limit_share: the least time that the machine needs for the arithmetic and the memory traffic
            of forward and backward, over the time taken.
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
    """The faster of the CPU's backends."""
    return "cpu" if "cpu" in built_backends() else "torch"


@dataclass(frozen=True)
class UnitVectors:
    """Random vectors of length 1."""

    generator: torch.Generator

    def draw(self, *shape: int) -> Tensor:
        """Vectors along the last of some dimensions."""
        normal = torch.randn(*shape, generator=self.generator)
        return torch.nn.functional.normalize(normal, dim=-1)


def standing(batch: int) -> BodyParams:
    """People who face the camera and fill most of the map's height."""
    return BodyParams(
        torch.tensor([[torch.pi, 0, 0]]).repeat(batch, 1),
        torch.zeros(batch, 23, 3),
        torch.zeros(batch, 10),
        torch.tensor([[0, 0, 2 * HEIGHT / FILLS]]).repeat(batch, 1),
    )


class Scene:
    """A standing person with random features, and a fit that begins where the person stands."""

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
        """Noisy maps of the person: a fit to them stays near, as one of a photo does."""
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
        """A rendering and its features."""
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
        """Means, precisions and features, always the same tensors of a device."""
        if device not in self._leaves:
            here = self._leaves[torch.device("cpu")]
            self._leaves[device] = [t.detach().to(device).requires_grad_() for t in here]
        return self._leaves[device]

    def forward(self, backend: str) -> Callable[[], object]:
        """A call that renders."""
        return finished(lambda: self.render(backend), device_of(backend))

    def backward(self, backend: str) -> Callable[[], object]:
        """A call that goes back through one rendering."""
        sparse, features = self.render(backend)
        given = (torch.ones_like(features), torch.ones_like(sparse.opacity))
        device = device_of(backend)

        def back() -> object:
            shown, leaves = (features, sparse.opacity), self.leaves_on(device)
            return torch.autograd.grad(shown, leaves, given, retain_graph=True)

        return finished(back, device)

    def step(self, backend: str) -> Callable[[], object]:
        """A call that takes a fitting step in which everything moves."""
        schedule = Schedule.standard().with_backend(backend)
        stage = replace(schedule.stages[-1], steps=10**9)
        endless = replace(schedule, stages=(stage,), starts=("given",))
        solver = Solver.begin(self.problem, self.model, endless, self.start)
        return finished(solver.step, device_of(backend))

    def work(self) -> tuple[float, float]:
        """Operations and bytes of forward and backward that no program can do without."""
        with torch.no_grad():
            ids = self.render(on_cpu())[0].assignment.kernels
        seen = (ids >= 0).sum(1).double()
        points = len(OCCLUSION_FORMS[RenderSettings().occlusion])
        pairs, meetings = float(seen.sum()), float(seen.square().sum()) * points
        # By pixel and kernel: the Gaussian along the ray 40 and back 90, features 2 a dimension for
        # their sum and twice that back. By two kernels and point: transmittance 25 and back 45.
        operations = pairs * (130 + 6 * self.layout.dim) + meetings * 70
        leaves = self._leaves[torch.device("cpu")]
        numbers = sum(leaf.numel() for leaf in leaves) * 3 + len(seen) * self.layout.dim * 2
        return operations, 4.0 * numbers


def measure(
    layouts: tuple[Layout, ...], backends: tuple[str, ...], machine: Machine, budget: float
) -> Iterator[list[Case]]:
    """The cases of each layout, one a backend.

    Args:
        budget: seconds for each of forward, backward and step of a layout.
    """
    for layout in layouts:
        scene = Scene(layout)
        work = scene.work()

        def least(backend: str, work: tuple[float, float] = work) -> float:
            return machine.ceiling_of(device_of(backend)).least_seconds(*work)

        parts = [
            alternate([make(backend) for backend in backends], 25, budget)
            for make in (scene.forward, scene.backward, scene.step)
        ]
        yield [
            Case(
                backend,
                **asdict(layout),
                forward_ms=round(1e3 * forward, 3),
                backward_ms=round(1e3 * backward, 3),
                step_ms=round(1e3 * step, 3),
                peak_mb=peak_megabytes(scene.step(backend), device_of(backend)),
                limit_share=round(least(backend) / (forward + backward), 4),
            )
            for backend, forward, backward, step in zip(backends, *parts, strict=True)
        ]


def ratios(cases: list[Case]) -> dict[str, Any]:
    """Times of the base case side by side; null for what is not built here.

    VoGE is no part of the project: ``tools/gpu/voge.py`` compares with a clone of it.
    """
    by_layout = {(Layout(c.layout, c.kernels, c.map, c.dim, c.batch), c.backend): c for c in cases}
    torch_case, cpu_case, cuda_case = (
        by_layout.get((Layout(), name)) for name in ("torch", "cpu", "cuda")
    )
    skeleton = by_layout.get((SKELETON, "cpu"))

    def ratio(slow: Case | None, fast: Case | None, time: Callable[[Case], float]) -> float | None:
        return round(time(slow) / time(fast), 2) if slow and fast else None

    def rendering(case: Case) -> float:
        return case.forward_ms + case.backward_ms

    def step(case: Case) -> float:
        return case.step_ms

    return {
        "cpu_vs_torch": ratio(torch_case, cpu_case, rendering),
        "cpu_vs_torch_step": ratio(torch_case, cpu_case, step),
        "skeleton_vs_surface": ratio(cpu_case, skeleton, rendering),
        "skeleton_vs_surface_step": ratio(cpu_case, skeleton, step),
        "cuda_vs_cpu": ratio(cpu_case, cuda_case, rendering),
        "cuda_vs_voge": None,
    }
