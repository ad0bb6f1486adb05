"""The occlusion that a fit finds, against occluders that are known."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Shaped, UInt8

from core.geometry.crop import CropView, warp_mask
from core.occlusion.occluder import Occluders
from core.occlusion.paint import occluder_mask
from core.pictures.colors import FALSE_ALARM, HIT, MISS
from core.pictures.palette import NOWHERE, SEEN


def occlusion_scores(
    posterior: Float[np.ndarray, "h w"],
    occluder: Bool[np.ndarray, "size size"],
    person: Bool[np.ndarray, "size size"] | None = None,
) -> tuple[float, float]:
    """AUROC and IoU of "occluded" on the cells that both the fitted and the true body cover.

    A figure that is not defined (no cell is occluded, or all are) is NaN.

    Args:
        posterior: p(z = 1), the probability that the body is visible; NaN outside the fitted body.
        occluder: true occluders at the crop's resolution; a cell is occluded if half of it is.
        person: pixels of the true body, occluded ones included; None where it is not known: the
            cells that the fitted body covers count.
    """
    body = ~np.isnan(posterior)
    if person is not None:
        body &= share_of_cells(person, posterior.shape) >= 0.5
    occluded = share_of_cells(occluder, posterior.shape)[body] >= 0.5
    visible = posterior[body]
    return auroc(1 - visible, occluded), iou(visible < 0.5, occluded)


@dataclass(frozen=True)
class Found:
    """How well a fit finds occluders.

    Attributes:
        auroc, iou: of "occluded"; NaN where not defined.
        hits: where it is right and wrong, in the colours of `core.pictures.colors.HITS_LEGEND`.
    """

    auroc: float
    iou: float
    hits: UInt8[np.ndarray, "h w 3"]


def judge(posterior: Float[np.ndarray, "h w"], occluder: Bool[np.ndarray, "size size"]) -> Found:
    """Compare a fit's occlusion with known occluders.

    Args:
        posterior: p(z = 1), NaN where it is not to be judged.
        occluder: true occluders at the crop's resolution.
    """
    hidden, called = share_of_cells(occluder, posterior.shape) >= 0.5, posterior < 0.5
    hits = np.where(hidden[..., None], MISS, SEEN).astype(np.uint8)
    hits[called & hidden], hits[called & ~hidden] = HIT, FALSE_ALARM
    hits[np.isnan(posterior)] = NOWHERE
    return Found(*occlusion_scores(posterior, occluder), hits)


def hidden_in_crop(
    size: tuple[int, int], occluders: Occluders, view: CropView
) -> Bool[np.ndarray, "s s"]:
    """Which pixels of a crop the occluders of its photo hide.

    Args:
        size: width and height of the photo.
    """
    mask = occluder_mask(*size, occluders)
    return warp_mask(mask.astype(np.float32), view) >= 0.5


def auroc(scores: Shaped[np.ndarray, "*pixels"], labels: Bool[np.ndarray, "*pixels"]) -> float:
    """Area under the ROC curve: probability that a positive has the higher score, ties half.

    NaN without positives or without negatives.

    Raises:
        ValueError: a score is NaN.
    """
    flat, positive = np.asarray(scores, np.float64).ravel(), np.asarray(labels, bool).ravel()
    if np.isnan(flat).any():
        raise ValueError("AUROC of scores that are NaN")
    positives, negatives = int(positive.sum()), int((~positive).sum())
    if positives == 0 or negatives == 0:
        return float("nan")
    # SciPy's rankdata would do, but importing scipy.stats takes a tenth of the time of a start.
    _, place, counts = np.unique(flat, return_inverse=True, return_counts=True)
    ranks = (counts.cumsum() - (counts - 1) / 2)[place]  # ties share their mean rank
    above = ranks[positive].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))


def iou(predicted: Bool[np.ndarray, "*pixels"], truth: Bool[np.ndarray, "*pixels"]) -> float:
    """Intersection over union of two masks; NaN if both are empty."""
    union = int((predicted | truth).sum())
    return float((predicted & truth).sum() / union) if union else float("nan")


def share_of_cells(mask: Bool[np.ndarray, "size size"], shape: tuple[int, ...]) -> np.ndarray:
    """Share of each cell that a mask covers."""
    size = shape[1], shape[0]
    return np.asarray(cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA))
