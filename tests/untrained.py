"""The real engine with weights that have learnt nothing: every part runs, on a bare clone."""

from dataclasses import replace

import torch

from core.body.load import load_body
from core.fit.detector import DETECTORS
from core.fit.engine import Engine
from core.fit.model import GenerativeModel
from core.fit.schedule import Schedule
from core.fit.sources import Sources
from core.nbv.features import FeatureBank
from core.nbv.volume import NeuralBodyVolume
from core.nets.network import PoseNetwork
from core.nets.people import load_people_finder
from core.nets.pose_prior import load_prior
from core.nets.presets import DEFAULT_PRESET, PRESETS

KERNELS, BINS, DIM = 858, 4, 64


def short_schedule() -> Schedule:
    """Two stages of three steps."""
    standard = Schedule.standard()
    return replace(standard, stages=tuple(replace(s, steps=3) for s in standard.stages))


def random_bank() -> FeatureBank:
    """Unit features; those of one kernel are alike."""
    unit = torch.nn.functional.normalize
    return FeatureBank(
        unit(torch.randn(KERNELS, 1, DIM) + 0.3 * torch.randn(KERNELS, BINS, DIM), dim=-1),
        unit(torch.randn(DIM), dim=0),
        torch.tensor(0.6),
        torch.tensor(0.6),
    )


def untrained_engine() -> Engine:
    """The same numbers every time; the embedded body, prior and keypoint networks are real."""
    torch.manual_seed(0)
    network = PoseNetwork(PRESETS["lite"]).eval()
    body = load_body()
    volume = NeuralBodyVolume.from_body(body, kernels=KERNELS)
    model = GenerativeModel(volume, random_bank(), load_prior())
    people = load_people_finder()
    detectors = {"blazepose": DETECTORS.get("blazepose").load()}
    return Engine(
        network, body, model, people, detectors, {}, Sources.of(DEFAULT_PRESET, None, None, None)
    )
