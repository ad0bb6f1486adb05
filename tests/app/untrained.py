"""The debugger's backend with weights that have learnt nothing, for the worker's process."""

import torch

from app.engine import CoreBackend
from core.fit.schedule import Schedule
from tests.untrained import short_schedule, untrained_engine


def load(schedule=None, **_options):
    """The factory; the same numbers every time."""
    torch.set_num_threads(1)
    return CoreBackend(untrained_engine(), "untrained", schedule or short_schedule())


def load_long(**_options):
    """With the whole schedule."""
    return load(Schedule.standard())
