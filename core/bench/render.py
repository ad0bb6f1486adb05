"""Rendering and whole fitting steps of the backends, side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from core.bench.machine import Machine, alternate, peak_megabytes
from core.body.load import load_body
from core.body.params import BodyParams
from core.fit.problem import GenerativeModel, Problem
from core.fit.schedule import Schedule
from core.fit.solver import Solver
from core.geometry.camera import Camera
from core.nbv.features import FeatureBank
from core.nbv.volume import NeuralBodyVolume
from core.nets.pose_prior import load_prior
from core.render.sparse import OCCLUSION_FORMS, RenderSettings, SparseRender
from core.render.volume import render_sparse

FILLS = 0.8  # share of the map's height that the person takes
HEIGHT = 1.75  # metres from head to foot, about


@dataclass(frozen=True)
class Layout:
    """One case: a standing person on a square map."""

    kernels: int = 858
    map: int = 80
    dim: int = 64
    batch: int = 1


QUICK = (Layout(),)
FULL = (
    *QUICK,
    *(Layout(kernels=k) for k in (108, 439, 1723, 6890)),
    *(Layout(map=m) for m in (40, 160)),
    *(Layout(dim=d) for d in (3, 128)),
    *(Layout(batch=b) for b in (8, 64)),
)


@dataclass(frozen=True)
class Case:
    """What one backend takes for one case; milliseconds are medians.

    Attributes:
        layout: where the kernels sit.
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


class Scene:
    """A standing person with random features, and a fit that begins there."""

    def __init__(self, layout: Layout) -> None:
        generator = torch.Generator().manual_seed(0)

        def unit(*shape: int) -> Tensor:
            normal = torch.randn(*shape, generator=generator)
            return torch.nn.functional.normalize(normal, dim=-1)

        self.layout = layout
        size, batch = layout.map, layout.batch
        variance = torch.tensor(0.6)
        volume = NeuralBodyVolume.from_body(load_body(), kernels=layout.kernels)
        bank = FeatureBank(
            unit(layout.kernels, 4, layout.dim), unit(layout.dim), variance, variance
        )
        self.model = GenerativeModel(volume, bank, load_prior().energy)
        stride = 4
        self.problem = Problem(
            camera=Camera.centered(torch.full((batch,), 2.0 * stride * size), stride * size),
            features=unit(batch, size * size, layout.dim),
            inside=torch.ones(batch, size * size),
            map_size=(size, size),
            stride=stride,
            keypoints=torch.zeros(batch, 24, 2),
            confidence=torch.zeros(batch, 24),
        )
        self.start = BodyParams(
            torch.tensor([[torch.pi, 0, 0]]).repeat(batch, 1),
            torch.zeros(batch, 23, 3),
            torch.zeros(batch, 10),
            torch.tensor([[0, 0, 2 * HEIGHT / FILLS]]).repeat(batch, 1),
        )
        posed = volume.pose(self.start.rotations(), self.start.betas, self.start.transl)
        self.leaves = [
            tensor.clone().requires_grad_()
            for tensor in (posed.means, posed.precisions, unit(batch, layout.kernels, layout.dim))
        ]

    def render(self, backend: str) -> tuple[SparseRender, Tensor]:
        """A rendering and its features."""
        settings = RenderSettings(backend=backend)
        means, precisions, features = self.leaves
        camera, size = self.problem.map_camera, self.layout.map
        sparse = render_sparse(means, precisions, camera, size, size, settings)
        return sparse, sparse.composite(features)

    def forward(self, backend: str) -> Callable[[], object]:
        """A call that renders."""
        return lambda: self.render(backend)

    def backward(self, backend: str) -> Callable[[], object]:
        """A call that goes back through one rendering."""
        sparse, features = self.render(backend)
        given = (torch.ones_like(features), torch.ones_like(sparse.opacity))
        return lambda: torch.autograd.grad(
            (features, sparse.opacity), self.leaves, given, retain_graph=True
        )

    def step(self, backend: str) -> Callable[[], object]:
        """A call that takes a fitting step in which everything moves."""
        schedule = Schedule.standard().with_backend(backend)
        endless = Schedule(schedule.stages[1:] * 1000, two_sided=False, render=schedule.render)
        solver = Solver.begin(self.problem, self.model, endless, self.start)
        return solver.step

    def work(self) -> tuple[float, float]:
        """Operations and bytes of forward and backward that no program can do without."""
        with torch.no_grad():
            ids = self.render("auto")[0].assignment.kernels
        seen = (ids >= 0).sum(1).double()
        points = len(OCCLUSION_FORMS[RenderSettings().occlusion])
        pairs, meetings = float(seen.sum()), float(seen.square().sum()) * points
        # By pixel and kernel: the Gaussian along the ray 40 and back 90, features 2 a dimension for
        # their sum and twice that back. By two kernels and point: transmittance 25 and back 45.
        operations = pairs * (130 + 6 * self.layout.dim) + meetings * 70
        numbers = sum(leaf.numel() for leaf in self.leaves) * 3 + len(seen) * self.layout.dim * 2
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
        operations, moved = scene.work()
        least = machine.least_seconds(operations, moved)
        parts = [
            alternate([make(backend) for backend in backends], 25, budget)
            for make in (scene.forward, scene.backward, scene.step)
        ]
        yield [
            Case(
                backend,
                "surface",
                **asdict(layout),
                forward_ms=round(1e3 * forward, 3),
                backward_ms=round(1e3 * backward, 3),
                step_ms=round(1e3 * step, 3),
                peak_mb=peak_megabytes(scene.step(backend)),
                limit_share=round(least / (forward + backward), 4),
            )
            for backend, forward, backward, step in zip(backends, *parts, strict=True)
        ]


def ratios(cases: list[Case]) -> dict[str, Any]:
    """Times of the base case side by side; null for what is not built here."""
    base = [
        case for case in cases if Layout(case.kernels, case.map, case.dim, case.batch) == Layout()
    ]
    by_name = {case.backend: case for case in base}
    if not {"torch", "cpu"} <= by_name.keys():
        return {"cpu_vs_torch": None, "cpu_vs_torch_step": None, "cuda_vs_voge": None}
    torch_case, cpu_case = by_name["torch"], by_name["cpu"]

    def both(case: Case) -> float:
        return case.forward_ms + case.backward_ms

    return {
        "cpu_vs_torch": round(both(torch_case) / both(cpu_case), 1),
        "cpu_vs_torch_step": round(torch_case.step_ms / cpu_case.step_ms, 1),
        "cuda_vs_voge": None,
    }
