"""What a fit of one person does from step to step, from the recorded states alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float

from core.body.params import BodyParams
from core.fit.frames import photo_from_crop
from core.fit.state import BodyState, Chart
from core.fit.trace import Trace
from core.geometry.crop import CropView
from core.nbv.volume import NeuralBodyVolume


@torch.no_grad()
def bodies_at(
    trace: Trace, steps: Sequence[int], view: CropView, volume: NeuralBodyVolume
) -> BodyParams:
    """The bodies of some recorded steps, a row each, in the photo's camera frame."""
    start = BodyState.of(trace.start).select(torch.zeros(len(steps), dtype=torch.long))
    vectors = torch.cat([trace.records[step].vector for step in steps])
    return photo_from_crop(Chart.around(start, volume).body(vectors).params(), view, volume)


@torch.no_grad()
def joints_at(
    trace: Trace, steps: Sequence[int], view: CropView, volume: NeuralBodyVolume
) -> Float[np.ndarray, "steps 24 3"]:
    """The joints at some recorded steps, metres in the photo's camera frame."""
    bodies = bodies_at(trace, steps, view, volume)
    return volume.joints(bodies.rotations(), bodies.betas, bodies.transl).numpy()
