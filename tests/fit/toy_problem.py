"""A fitting problem whose answer is known: a feature map that the model itself has drawn."""

from __future__ import annotations

from dataclasses import replace

import torch

from core.body.params import BodyParams
from core.fit.evidence import FeatureMap
from core.fit.fitter import Fit
from core.fit.model import GenerativeModel
from core.fit.problem import Problem
from core.fit.schedule import Schedule
from core.fit.visit import Visit
from core.geometry.camera import Camera, project
from core.geometry.keypoints import Keypoints
from core.nbv.features import FeatureBank, expected_features
from core.nbv.volume import NeuralBodyVolume
from core.render.volume.sparse import RenderSettings
from tests.dense_render import render_volume
from tests.toys import toy_body

SIZE, STRIDE, DIM = 128, 4, 16


def toy_model(dtype: torch.dtype = torch.float32) -> GenerativeModel:
    """Random distinct unit features; a prior that likes the rest pose."""
    volume = NeuralBodyVolume.from_body(toy_body(dtype), kernels=200, overlap=0.6)
    generator = torch.Generator().manual_seed(0)
    own = torch.randn(200, 1, DIM, generator=generator, dtype=dtype)
    turn = torch.randn(200, 4, DIM, generator=generator, dtype=dtype)
    phi = torch.nn.functional.normalize(own + 0.5 * turn, dim=-1)
    background = torch.nn.functional.normalize(torch.ones(DIM, dtype=dtype), dim=0)
    variance = torch.tensor(0.3, dtype=dtype)
    bank = FeatureBank(phi, background, variance, variance)
    identity = torch.eye(3, dtype=dtype)
    return GenerativeModel(volume, bank, lambda r: (r - identity).square().sum((1, 2, 3)))


def true_body(batch: int = 1, dtype: torch.dtype = torch.float32) -> BodyParams:
    """Facing the camera, arms a little down, four metres away."""
    pose = torch.zeros(batch, 23, 3, dtype=dtype)
    pose[:, 15, 2], pose[:, 16, 2] = -0.7, 0.7
    orient = torch.tensor([[torch.pi, 0, 0]], dtype=dtype).repeat(batch, 1)
    transl = torch.tensor([[0, 0, 4.0]], dtype=dtype).repeat(batch, 1)
    return BodyParams(orient, pose, torch.zeros(batch, 10, dtype=dtype), transl)


def toy_problem(model: GenerativeModel, body: BodyParams, keypoints: bool = False) -> Problem:
    """The map that ``body`` draws over background features."""
    batch = len(body)
    focal = torch.full((batch,), 1.9 * SIZE, dtype=body.betas.dtype)
    camera = Camera.centered(focal, SIZE)
    posed = model.volume.pose(body.rotations(), body.betas, body.transl)
    emitted = expected_features(model.bank, model.volume, posed)
    cells = SIZE // STRIDE
    dense = render_volume(
        posed.means, posed.precisions, emitted, camera.scaled(1 / STRIDE), cells, cells
    )
    clear = (1 - dense.opacity)[..., None] * model.bank.background
    features = torch.nn.functional.normalize(dense.features + clear, dim=-1)
    seen = torch.full((batch, 24), float(keypoints), dtype=features.dtype)
    observed = FeatureMap(
        features=features.flatten(1, 2).detach(),
        inside=torch.ones(batch, cells * cells, dtype=features.dtype),
        size=(cells, cells),
        stride=STRIDE,
    )
    return Problem.of(camera, observed, Keypoints(project(camera, posed.joints).detach(), seen))


def perturbed(body: BodyParams, seed: int = 0, scale: float = 0.15) -> BodyParams:
    """A start near the truth."""
    generator = torch.Generator().manual_seed(seed)

    def near(value: torch.Tensor, size: float) -> torch.Tensor:
        return value + size * torch.randn(value.shape, generator=generator).to(value)

    return BodyParams(
        near(body.global_orient, scale),
        near(body.body_pose, scale),
        body.betas,
        near(body.transl, 0.05),
    )


def quick_schedule(steps: int = 10) -> Schedule:
    """Standard weights but for the likelihood, two short stages, on a coarser rendering.

    The toy's map is exact, so that its likelihood needs no discount.
    """
    standard = Schedule.standard()
    stages = tuple(replace(stage, steps=steps) for stage in standard.stages)
    short = replace(standard, stages=stages, render=RenderSettings(nearest=8))
    return short.with_weights(nll=1.0)


def visited(fit: Fit, step: int) -> Visit:
    """A recorded step of a fit."""
    return Visit.of(fit.problem, fit.model, fit.schedule, fit.trace, step)
