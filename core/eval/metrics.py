"""Metrics of bodies as defined in the literature, one value per person.

Distances are in millimetres and computed in float64; points are in metres. ``scored`` marks the
joints that count. A person with too few of them gets NaN, which summaries leave out.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from core.geometry.procrustes import similarity_align

JOINTS_14 = (1, 2, 4, 5, 7, 8, 12, 15, 16, 17, 18, 19, 20, 21)
"""Hips, knees, ankles, neck, head, shoulders, elbows, wrists: 3DPW's 14 joints in SMPL's order."""
PELVIS, NECK, HEAD = 0, 12, 15
HEAD_OVER_NECK = 1.8
"""Head size over the distance from neck to head joint. MPII's head size is 0.6 of the diagonal of
the head's box: 0.185 m on the embedded body, whose two joints are 0.104 m apart."""

_MM = 1000.0
_MIN_ALIGNED = 4  # with fewer points a similarity removes nearly all of the error

Points = Float[Tensor, "batch points 3"]
Scored = Bool[Tensor, "batch points"]
PerPerson = Float[Tensor, " batch"]


def joint_errors(predicted: Points, truth: Points) -> Float[Tensor, "batch points"]:
    """Distance of each joint after aligning the pelvis (joint 0)."""
    return _MM * _distance(_rooted(predicted), _rooted(truth))


def mpjpe(predicted: Points, truth: Points, scored: Scored | None = None) -> PerPerson:
    """MPJPE: mean of `joint_errors` over the scored joints."""
    return _mean_over(joint_errors(predicted, truth), scored)


def n_mpjpe(predicted: Points, truth: Points, scored: Scored | None = None) -> PerPerson:
    """N-MPJPE: MPJPE after the best scaling about the pelvis (Rhodin et al., CVPR 2018)."""
    source, target = _rooted(predicted), _rooted(truth)
    weight = torch.ones_like(source[..., 0]) if scored is None else scored.to(source)
    along = (weight[..., None] * source * target).sum((1, 2))
    square = (weight[..., None] * source.square()).sum((1, 2))
    scale = along / square.clamp_min(torch.finfo(torch.float64).tiny)
    return _MM * _mean_over(_distance(scale[:, None, None] * source, target), scored)


def pa_mpjpe(predicted: Points, truth: Points, scored: Scored | None = None) -> PerPerson:
    """PA-MPJPE: mean distance after the best similarity transform, without reflection."""
    source, target = predicted.double(), truth.double()
    if scored is None:
        return _MM * _distance(similarity_align(source, target), target).mean(1)
    errors = [
        _aligned_error(a[s], b[s]) for a, b, s in zip(source, target, scored.bool(), strict=True)
    ]
    return _MM * torch.stack(errors)


def pve(
    predicted: Points,
    truth: Points,
    predicted_pelvis: Float[Tensor, "batch 3"],
    true_pelvis: Float[Tensor, "batch 3"],
) -> PerPerson:
    """PVE: mean distance of vertices after aligning the pelvis."""
    source = predicted.double() - predicted_pelvis.double()[:, None]
    target = truth.double() - true_pelvis.double()[:, None]
    return _MM * _distance(source, target).mean(1)


def pa_pve(predicted: Points, truth: Points) -> PerPerson:
    """PA-PVE: mean distance of vertices after the best similarity transform."""
    return pa_mpjpe(predicted, truth)


def pve_t_sc(predicted: Points, truth: Points) -> PerPerson:
    """PVE-T-SC: error of the shape alone, from vertices in the rest pose (STRAPS, BMVC 2020).

    Both are centred, and the prediction is scaled to the same root mean square distance from the
    centre.
    """
    source, target = (p.double() - p.double().mean(1, keepdim=True) for p in (predicted, truth))
    size = [p.square().sum(2).mean(1).sqrt()[:, None, None] for p in (source, target)]
    scaled = source * (size[1] / size[0].clamp_min(torch.finfo(torch.float64).tiny))
    return _MM * _distance(scaled, target).mean(1)


def pck(
    predicted: Float[Tensor, "batch points 2"],
    truth: Float[Tensor, "batch points 2"],
    threshold: PerPerson,
    scored: Scored | None = None,
) -> PerPerson:
    """PCK: share of 2D joints within a threshold, which is given in pixels for each person."""
    near = _distance(predicted.double(), truth.double()) <= threshold.double()[:, None]
    return _mean_over(near.double(), scored)


def head_size(truth: Points, focal: PerPerson) -> PerPerson:
    """Length of the head in pixels, for PCKh (`HEAD_OVER_NECK`).

    The length is measured in 3D and scaled by focal over depth, so a bowed head is not shorter.

    Args:
        truth: SMPL's 24 joints in metres in the camera's frame.
        focal: pixels.
    """
    joints = truth.double()
    length = HEAD_OVER_NECK * (joints[:, HEAD] - joints[:, NECK]).norm(dim=-1)
    return length * focal.double() / joints[:, HEAD, 2]


def pckh(
    predicted: Float[Tensor, "batch points 2"],
    truth: Float[Tensor, "batch points 2"],
    head: PerPerson,
    scored: Scored | None = None,
    share: float = 0.5,
) -> PerPerson:
    """PCKh: share of 2D joints within ``share`` of the head's size."""
    return pck(predicted, truth, share * head.double(), scored)


def _rooted(points: Points) -> Points:
    """Points relative to the pelvis, in float64."""
    wide = points.double()
    return wide - wide[:, PELVIS : PELVIS + 1]


def _distance(
    first: Float[Tensor, "*points axes"], second: Float[Tensor, "*points axes"]
) -> Float[Tensor, "*points"]:
    return (first - second).norm(dim=-1)


def _mean_over(values: Float[Tensor, "batch points"], scored: Scored | None) -> PerPerson:
    """Mean of the scored values; NaN without any."""
    if scored is None:
        return values.mean(1)
    kept = scored.to(values)
    # torch.where, not a product: values that do not count may be infinite
    return torch.where(scored.bool(), values, 0.0).sum(1) / kept.sum(1)


def _aligned_error(source: Float[Tensor, "points 3"], target: Float[Tensor, "points 3"]) -> Tensor:
    """Mean distance of one person's points after alignment."""
    if len(source) < _MIN_ALIGNED:
        return source.new_tensor(torch.nan)
    return _distance(similarity_align(source[None], target[None])[0], target).mean()
