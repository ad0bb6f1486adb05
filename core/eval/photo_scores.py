"""Figures of one person in a photograph: of a body, or of a detector's points alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from core.body.params import BodyParams
from core.datasets.crop import PhotoCrop
from core.eval.metrics import JOINTS_14, PELVIS, mpjpe, pa_mpjpe, pck
from core.eval.summary import Values
from core.geometry.camera import Camera, project
from core.geometry.crop import PADDING
from core.nbv.volume import NeuralBodyVolume

LIMB_JOINTS = (1, 2, 4, 5, 7, 8, 16, 17, 18, 19, 20, 21)
"""Hips, knees, ankles, shoulders, elbows, wrists: annotated points that nearly are SMPL joints."""
HIPS = (1, 2)
_SEEN = 0.75
"""Confidence from which an annotated point is visible; annotators mark hidden ones as such."""


@dataclass(frozen=True)
class PhotoScores:
    """One value per person; NaN if the data set has no labels for it.

    Attributes:
        pck10, pck05: share of `LIMB_JOINTS` within 0.1 and 0.05 of the box's longer side.
        mpjpe, pa_mpjpe: over the labelled ones of the 14 joints, millimetres. Where the data set
            does not know the pelvis, MPJPE is aligned at the middle of the hips.
        under_half: 1 if fewer than half of the labelled `LIMB_JOINTS` are within 0.1, else 0.
        seen: share of `LIMB_JOINTS` that are annotated as visible.
    """

    pck10: Values
    pck05: Values
    mpjpe: Values
    pa_mpjpe: Values
    under_half: Values
    seen: Values

    def __len__(self) -> int:
        return len(self.pck10)

    @staticmethod
    def concatenate(parts: Sequence[PhotoScores]) -> PhotoScores:
        """The people of several."""
        names = [field.name for field in fields(PhotoScores)]
        columns = [np.concatenate([getattr(part, name) for part in parts]) for name in names]
        return PhotoScores(*columns)

    def among(self, chosen: Bool[np.ndarray, " people"]) -> PhotoScores:
        """Some of the people."""
        return PhotoScores(*(column[chosen] for column in vars(self).values()))


@torch.no_grad()
def score_body(volume: NeuralBodyVolume, body: BodyParams, crop: PhotoCrop) -> PhotoScores:
    """Scores of one body against the person's labels."""
    joints = volume.pose(body.rotations(), body.betas, body.transl).joints
    camera = Camera.centered(torch.tensor([crop.view.focal]), crop.view.size)
    places = _score_places(project(camera, joints), crop)
    return _with_seen(*places, *_score_joints(joints, crop), crop)


def score_points(points: Float[Tensor, "1 24 2"], crop: PhotoCrop) -> PhotoScores:
    """Scores of a detector's points in pixels of the crop, in SMPL's order."""
    nothing = torch.full((1,), torch.nan)
    return _with_seen(*_score_places(points, crop), nothing, nothing, crop)


def _score_places(pixels: Float[Tensor, "1 24 2"], crop: PhotoCrop) -> tuple[Tensor, Tensor]:
    """PCK at 0.1 and 0.05 of the longer side of the person's box."""
    labels = _labels(crop)
    annotated = among(labels[..., 2] > 0, LIMB_JOINTS)
    side = crop.view.size / PADDING
    limits = (torch.tensor([share * side]) for share in (0.1, 0.05))
    at10, at05 = (pck(pixels, labels[..., :2], limit, annotated) for limit in limits)
    return at10, at05


def _score_joints(joints: Float[Tensor, "1 24 3"], crop: PhotoCrop) -> tuple[Tensor, Tensor]:
    """MPJPE and PA-MPJPE in millimetres."""
    if crop.joints3d is None:
        return torch.full((1,), torch.nan), torch.full((1,), torch.nan)
    truth = torch.from_numpy(crop.joints3d)[None]
    known = among(truth[..., 3] > 0, JOINTS_14)
    places, aligned = truth[..., :3].clone(), pa_mpjpe(joints, truth[..., :3], known)
    if truth[0, PELVIS, 3] > 0:
        return mpjpe(joints, places, known), aligned
    if bool(known[0, list(HIPS)].all()):
        rooted = joints.clone()
        for points in (places, rooted):
            points[:, PELVIS] = points[:, HIPS].mean(1)
        return mpjpe(rooted, places, known), aligned
    return torch.full((1,), torch.nan), aligned


def _with_seen(
    at10: Tensor, at05: Tensor, error: Tensor, aligned: Tensor, crop: PhotoCrop
) -> PhotoScores:
    labels = _labels(crop)
    known = bool((labels[..., 2] > 0).any())
    visible = among(labels[..., 2] > _SEEN, LIMB_JOINTS).sum(1) / len(LIMB_JOINTS)
    seen = visible.double() if known else torch.full((1,), torch.nan)
    under = torch.where(at10.isnan(), torch.nan, (at10 < 0.5).double())
    return PhotoScores(*(v.double().numpy() for v in (at10, at05, error, aligned, under, seen)))


def _labels(crop: PhotoCrop) -> Float[Tensor, "1 24 3"]:
    """Annotated points: x, y, confidence; zeros without any."""
    nothing = np.zeros((24, 3), np.float32)
    return torch.from_numpy(nothing if crop.joints2d is None else crop.joints2d)[None]


def among(labelled: Bool[Tensor, "1 24"], joints: tuple[int, ...]) -> Bool[Tensor, "1 24"]:
    """Labelled joints that are in ``joints``."""
    chosen = torch.zeros_like(labelled)
    chosen[:, list(joints)] = True
    return labelled & chosen
