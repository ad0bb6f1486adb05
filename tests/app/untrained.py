"""The real engine with weights that have learnt nothing: every part runs, on a bare clone."""

from dataclasses import replace

import torch

from app.engine import CoreBackend
from core.body.load import load_body
from core.fit.engine import Engine
from core.fit.problem import GenerativeModel
from core.fit.schedule import Schedule
from core.nbv.features import FeatureBank
from core.nbv.volume import NeuralBodyVolume
from core.nets.keypoints import KeypointDetector
from core.nets.network import PoseNetwork
from core.nets.pose_prior import load_prior
from core.nets.presets import PRESETS

KERNELS, BINS, DIM = 858, 4, 64


def short_schedule():
    """Two stages of three steps."""
    standard = Schedule.standard()
    return replace(standard, stages=tuple(replace(s, steps=3) for s in standard.stages))


def load(schedule=None, **_options):
    """The factory; the same numbers every time."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = PoseNetwork(PRESETS["lite"])
    unit = torch.nn.functional.normalize
    bank = FeatureBank(
        unit(torch.randn(KERNELS, 1, DIM) + 0.3 * torch.randn(KERNELS, BINS, DIM), dim=-1),
        unit(torch.randn(DIM), dim=0),
        torch.tensor(0.6),
        torch.tensor(0.6),
    )
    body = load_body()
    volume = NeuralBodyVolume.from_body(body, kernels=KERNELS)
    model = GenerativeModel(volume, bank, load_prior().energy)
    engine = Engine(network.eval(), body, model, KeypointDetector(), {})
    return CoreBackend(engine, "untrained", schedule or short_schedule())


def load_long(**_options):
    """With the whole schedule."""
    return load(Schedule.standard())
