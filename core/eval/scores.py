"""Every figure of a method on a list of people, one value a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from core.eval.metrics import JOINTS_14, auroc, head_size, iou, mpjpe, n_mpjpe, pa_mpjpe, pckh
from core.geometry.camera import Camera, project

Values = Float[np.ndarray, " people"]


@dataclass(frozen=True)
class Scores:
    """One value a person, in the same order for all methods; NaN where there is none.

    Attributes:
        mpjpe, n_mpjpe, pa_mpjpe: millimetres.
        pckh: share of joints within half a head, 0..1.
        z_auroc, z_iou: of the occlusion posterior.
    """

    mpjpe: Values
    n_mpjpe: Values
    pa_mpjpe: Values
    pckh: Values
    z_auroc: Values
    z_iou: Values

    def __len__(self) -> int:
        return len(self.mpjpe)

    @staticmethod
    def concatenate(parts: Sequence[Scores]) -> Scores:
        """Several batches as one."""
        return Scores(
            *(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Scores))
        )


def score_joints(
    predicted: Float[Tensor, "people 24 3"],
    truth: Float[Tensor, "people 24 3"],
    focal: Float[Tensor, " people"],
    inside: Bool[Tensor, "people 24"],
    joints: Sequence[int] = JOINTS_14,
    occlusion: Sequence[tuple[float, float]] = (),
) -> Scores:
    """Compare joints in the crop cameras' frames.

    Args:
        focal: pixels of the crop, whose principal point does not matter to distances.
        inside: joints that may be scored (see `core.eval.occluders.scored_joints`).
        joints: those that the protocol scores.
        occlusion: `occlusion_scores` of each person; without them the values are NaN.
    """
    chosen = torch.zeros(truth.shape[1], dtype=torch.bool)
    chosen[list(joints)] = True
    scored = inside & chosen
    camera = Camera(focal.double(), focal.new_zeros(len(focal), 2).double())
    seen, meant = project(camera, predicted.double()), project(camera, truth.double())
    pairs = np.array(occlusion, np.float64).reshape(-1, 2)
    if len(pairs) == 0:
        pairs = np.full((len(truth), 2), np.nan)
    return Scores(
        mpjpe(predicted, truth, scored).numpy(),
        n_mpjpe(predicted, truth, scored).numpy(),
        pa_mpjpe(predicted, truth, scored).numpy(),
        pckh(seen, meant, head_size(truth, focal), scored).numpy(),
        pairs[:, 0],
        pairs[:, 1],
    )


def occlusion_scores(
    posterior: Float[np.ndarray, "h w"],
    occluder: Bool[np.ndarray, "size size"],
    person: Bool[np.ndarray, "size size"],
) -> tuple[float, float]:
    """AUROC and IoU of "occluded" on the cells that both the fitted and the true body cover.

    Args:
        posterior: p(z = 1), the probability that the body is seen; NaN where no body was fitted.
        occluder: the truth, at the crop's resolution; a cell counts as hidden from half its area.
        person: pixels of the true body, hidden ones included.
    """
    body = ~np.isnan(posterior) & (_share(person, posterior.shape) >= 0.5)
    hidden = _share(occluder, posterior.shape)[body] >= 0.5
    seen = posterior[body]
    return auroc(1 - seen, hidden), iou(seen < 0.5, hidden)


def _share(mask: Bool[np.ndarray, "size size"], shape: tuple[int, ...]) -> np.ndarray:
    """Share of each cell that a mask covers."""
    size = shape[1], shape[0]
    return np.asarray(cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA))
