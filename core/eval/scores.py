"""All figures of a method, one value per person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from core.body.model import Body
from core.body.params import BodyParams
from core.eval.metrics import (
    JOINTS_14,
    head_size,
    mpjpe,
    n_mpjpe,
    pa_mpjpe,
    pa_pve,
    pckh,
    pve,
    pve_t_sc,
)
from core.eval.summary import Values
from core.geometry.camera import Camera, project


@dataclass(frozen=True)
class Scores:
    """One value per person, in the same order for all methods; NaN if there is none.

    Attributes:
        mpjpe, n_mpjpe, pa_mpjpe: errors of joints, millimetres.
        unseen_mpjpe: MPJPE of the protocol's other joints: outside the picture or under a patch.
        pve, pa_pve, pve_t_sc: errors of vertices, millimetres.
        pckh: share of joints within half a head, 0..1.
        z_auroc, z_iou: figures of the occlusion posterior, 0..1.
    """

    mpjpe: Values
    n_mpjpe: Values
    pa_mpjpe: Values
    unseen_mpjpe: Values
    pve: Values
    pa_pve: Values
    pve_t_sc: Values
    pckh: Values
    z_auroc: Values
    z_iou: Values

    def __len__(self) -> int:
        return len(self.mpjpe)

    @staticmethod
    def concatenate(parts: Sequence[Scores]) -> Scores:
        """Concatenate several batches."""
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
    surface: tuple[Values, Values, Values] | None = None,
) -> Scores:
    """Compare joints in the crop cameras' frames.

    Args:
        predicted, truth: metres.
        focal: pixels of the crop; the principal point does not affect distances.
        inside: joints that may be scored (see `core.eval.occluders.scored_joints`).
        joints: joints that the protocol scores.
        occlusion: `core.occlusion.scores.occlusion_scores` of each person; without them the
            values are NaN.
        surface: result of `surface_scores`; without it the values are NaN.
    """
    chosen = torch.zeros(truth.shape[1], dtype=torch.bool)
    chosen[list(joints)] = True
    scored = inside & chosen
    camera = Camera(focal.double(), focal.new_zeros(len(focal), 2).double())
    pixels, true_pixels = project(camera, predicted.double()), project(camera, truth.double())
    pairs = np.array(occlusion, np.float64).reshape(-1, 2)
    if len(pairs) == 0:
        pairs = np.full((len(truth), 2), np.nan)
    missing = np.full(len(truth), np.nan)
    return Scores(
        mpjpe(predicted, truth, scored).numpy(),
        n_mpjpe(predicted, truth, scored).numpy(),
        pa_mpjpe(predicted, truth, scored).numpy(),
        mpjpe(predicted, truth, ~inside & chosen).numpy(),
        *(surface or (missing, missing, missing)),
        pckh(pixels, true_pixels, head_size(truth, focal), scored).numpy(),
        pairs[:, 0],
        pairs[:, 1],
    )


@torch.no_grad()
def surface_scores(
    body: Body, predicted: BodyParams, truth: BodyParams
) -> tuple[Values, Values, Values]:
    """PVE, PA-PVE and PVE-T-SC in millimetres, over all vertices, occluded ones included.

    Args:
        body: the body of both ``predicted`` and ``truth``.
    """
    posed, true = (
        body.pose(params.rotations(), params.betas, params.transl) for params in (predicted, truth)
    )
    still = torch.eye(3).expand(len(truth.betas), 24, 3, 3)
    rest, true_rest = (
        body.pose(still, params.betas, torch.zeros_like(params.transl)).vertices
        for params in (predicted, truth)
    )
    return (
        pve(posed.vertices, true.vertices, posed.joints[:, 0], true.joints[:, 0]).numpy(),
        pa_pve(posed.vertices, true.vertices).numpy(),
        pve_t_sc(rest, true_rest).numpy(),
    )
