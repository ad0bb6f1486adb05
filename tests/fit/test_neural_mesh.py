"""The mesh in place of the volume: features where they belong, gradients that fit."""

import math
from dataclasses import replace

import pytest
import torch

from core.body.load import load_body
from core.errors import UserError
from core.fit.comparison import compare
from core.fit.evaluation import Evaluation
from core.fit.evidence import FeatureMap
from core.fit.model import GenerativeModel
from core.fit.neural_mesh import NeuralMesh
from core.fit.parameters import BODY
from core.fit.problem import Problem
from core.fit.schedule import Schedule
from core.fit.state import BodyState, Chart
from core.fit.term import TERMS
from core.geometry.camera import Camera
from core.geometry.rotations import rotation_from_axis_angle
from core.nbv.features import FeatureBank
from core.nbv.volume import NeuralBodyVolume
from core.nets.pose_prior import load_prior
from core.render.volume.sparse import RenderSettings

SIDE = 40


@pytest.fixture(scope="module")
def model():
    body = load_body()
    volume = NeuralBodyVolume.from_body(body, 200)
    generator = torch.Generator().manual_seed(0)
    phi = torch.nn.functional.normalize(torch.randn(200, 4, 8, generator=generator), dim=-1)
    background = torch.nn.functional.normalize(torch.randn(8, generator=generator), dim=0)
    bank = FeatureBank(phi, background, torch.tensor(0.3), torch.tensor(0.3))
    return GenerativeModel(volume, bank, load_prior(), NeuralMesh.of(body, volume))


def standing(sideways=0.0):
    vectors = torch.zeros(1, 24, 3)
    vectors[0, 0, 0] = math.pi
    place = torch.tensor([[sideways, 0.2, 4.4]])
    return BodyState(rotation_from_axis_angle(vectors), torch.zeros(1, 10), place)


@pytest.fixture(scope="module")
def problem(model):
    """The maps that the standing mesh makes."""
    camera = Camera.centered(torch.tensor([2.0 * 4 * SIDE]), 4 * SIDE)
    observed = FeatureMap(
        features=model.bank.background.expand(1, SIDE * SIDE, -1),
        inside=torch.ones(1, SIDE * SIDE),
        size=(SIDE, SIDE),
        stride=4,
    )
    empty = Problem.of(camera, observed)
    seen = compare(empty, model, standing(), Schedule.standard())
    shown = seen.render.composite(seen.emitted) / seen.render.opacity[:, None]
    place = (seen.render.assignment.batch, seen.render.assignment.pixel)
    return empty.having(replace(observed, features=observed.features.index_put(place, shown)))


def nll(problem, model, body):
    vector = torch.zeros(1, BODY.size)
    at = Evaluation.at(problem, model, body, vector, Schedule.standard())
    return TERMS.get("nll").cost(at)


def test_features_are_those_of_the_nearest_kernels(model):
    mesh = model.mesh
    assert torch.equal(mesh.kernels[model.volume.vertices, 0], torch.arange(200))
    assert (mesh.shares[model.volume.vertices, 0] > 0.95).all()
    assert torch.allclose(mesh.shares.sum(1), torch.ones(len(mesh.shares)))


def test_pixels_see_the_side_that_faces_them(model):
    render = model.mesh.render(
        standing(), Camera.centered(torch.tensor([80.0]), SIDE), (SIDE, SIDE), RenderSettings()
    )
    assert len(render.opacity) > 150 and (render.opacity > 0.4).all()
    posed = model.volume.pose(standing().rotations, torch.zeros(1, 10), standing().transl)
    seen = render.assignment.kernels[:, 0]
    facing = (posed.axes[0, seen] * posed.means[0, seen]).sum(1) < 0
    assert facing.float().mean() > 0.9
    assert (render.depth[:, 0] - posed.means[0, seen, 2]).abs().max() < 0.2


def test_the_truth_is_likelier_than_what_is_beside_it(problem, model):
    here = nll(problem, model, standing())
    assert here < nll(problem, model, standing(0.05)) < nll(problem, model, standing(0.3))


def test_a_displaced_body_is_drawn_back(problem, model):
    chart = Chart.around(standing(0.06), model.volume)
    vector = torch.zeros(1, BODY.size, requires_grad=True)
    optimizer = torch.optim.Adam([vector], 0.01)
    for _ in range(12):
        optimizer.zero_grad()
        nll(problem, model, chart.body(vector)).sum().backward()
        vector.grad[:, :82] = 0  # the place alone
        optimizer.step()
    moved = chart.body(vector.detach()).transl[0, 0]
    assert abs(float(moved)) < 0.03


def test_a_mesh_is_not_moved_to_another_device(model):
    with pytest.raises(UserError, match="on the CPU"):
        model.to(torch.device("meta"))
