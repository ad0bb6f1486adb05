"""The scenes that are measured on a GPU: those of ``nbf bench render``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import torch
from torch import Tensor

from core.bench.render import Layout, RenderCase
from core.fit.evidence import FeatureMap
from core.fit.likelihood import LikelihoodSettings
from core.geometry.camera import Camera
from core.nbv.orientation import orientation_weights
from core.render.volume.native import LikelihoodStruct, VolumeScene
from core.render.volume.sparse import RenderSettings


@dataclass(frozen=True)
class GpuScene:
    """A batch of standing people on one device.

    Attributes:
        features: what each kernel emits.
        orientation: p(o | l) of each limb.
        likelihood: its pointers are to tensors in ``alive``, including ``orientation``.
    """

    scene: VolumeScene
    features: Tensor
    orientation: Tensor
    likelihood: LikelihoodStruct
    alive: tuple[Tensor, ...]

    @staticmethod
    def of(layout: Layout, render: RenderSettings, device: str) -> GpuScene:
        """The scene of ``nbf bench render`` for a layout."""
        bench = RenderCase(layout)
        camera = Camera(bench.camera.focal.to(device), bench.camera.center.to(device))
        means, precisions, features = (
            leaf.detach().to(device) for leaf in bench.leaves_on(torch.device("cpu"))
        )
        size = (layout.map, layout.map)
        start, volume = bench.start, bench.model.volume
        posed = volume.pose(start.rotations(), start.betas, start.transl)
        orientation = orientation_weights(posed.limb_directions, bench.model.bank.bins)
        bank, problem = bench.model.bank, bench.problem
        observed = problem.get(FeatureMap)
        tensors = (observed.features, observed.inside, bank.phi, bank.background, volume.limb)
        alive = tuple(t.to(device).contiguous() for t in (*tensors, orientation))
        return GpuScene(
            VolumeScene(means, precisions, camera, size, render),
            features,
            alive[-1],
            likelihood_struct(alive, bank.variances),
            alive,
        )


def likelihood_struct(
    alive: tuple[Tensor, ...], variances: tuple[float, float]
) -> LikelihoodStruct:
    """The C struct of the default likelihood; ``alive`` as in `GpuScene.of`."""
    settings, (foreground, background) = LikelihoodSettings(), variances
    if settings.equal_variance:
        foreground = background = (foreground + background) / 2
    phi, orientation = alive[2], alive[-1]
    return LikelihoodStruct(
        *(tensor.data_ptr() for tensor in alive),
        *orientation.shape[1:],
        phi.shape[2],
        *(foreground, background, settings.temper, settings.visible),
        *(settings.background_cap, settings.use_occlusion),
    )


def milliseconds(call: Callable[[], object], rounds: int = 30, each: int = 5) -> float:
    """Median time of a call on the device after warming up, by CUDA events around some calls."""
    for _ in range(3):
        call()
    torch.cuda.synchronize()
    times = []
    for _ in range(rounds):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        for _ in range(each):
            call()
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end) / each)
    return median(times)
