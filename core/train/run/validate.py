"""Validation on held-out samples: errors of the regressor, and retrieval by the features."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from core.geometry.camera import project
from core.geometry.procrustes import similarity_align
from core.nbv.features import FeatureBank
from core.nbv.volume import NeuralBodyVolume
from core.nets.joint_estimate import JointEstimate
from core.nets.network import PoseNetwork, translation_from_camera
from core.synth.shards import ShardDataset
from core.train.batches.batch import Batch, KernelTruth, kernel_truth
from core.train.batches.loader import in_order
from core.train.batches.truth import BodyTruth
from core.train.feature_bank import ObservedFeatures
from core.train.losses.contrast import kernel_neighbours
from core.train.losses.joint_estimate import JointTruth, joint_truth
from core.train.losses.objective import observe_features

SCORED_JOINTS = (1, 2, 4, 5, 7, 8, 12, 15, 16, 17, 18, 19, 20, 21)
"""Hips, knees, ankles, neck, head, shoulders, elbows, wrists."""


@torch.no_grad()
def validate(
    network: PoseNetwork, bank: FeatureBank, volume: NeuralBodyVolume, batches: Iterable[Batch]
) -> dict[str, float]:
    """Mean figures of all samples of ``batches``: millimetres, pixels of the crop, or shares.

    ``orientation`` is the mean recall over the orientations. Upright people show most kernels in
    one orientation, so plain accuracy would be high for a network that always predicts that one.
    """
    network.eval()
    neighbours = kernel_neighbours(volume.means)
    rows: dict[str, list[Tensor]] = {}
    for batch in batches:
        output = network(batch.images)
        truth = kernel_truth(volume, batch, bank.bins)
        transl = translation_from_camera(output.camera, batch.focal, batch.size)
        joints = volume.joints(output.rotations, output.betas, transl)
        figures = joint_errors(joints, truth.joints)
        pixels = project(batch.camera, joints) - project(batch.camera, truth.joints)
        figures |= joint_estimate_errors(
            output.joint_estimate, joint_truth(BodyTruth.of(batch), volume), batch.size
        )
        figures["pixels"] = pixels.norm(dim=-1)[:, list(SCORED_JOINTS)].mean(1)
        observed = observe_features(output.features, truth, batch)
        figures |= retrieval(observed.features[truth.visible], truth, bank, neighbours)
        background = output.features.permute(0, 2, 3, 1)[observed.background]
        figures["background"] = background_hits(background, bank)
        predicted = output.part_logits.argmax(1)
        figures["parts"] = (predicted == batch.parts)[batch.parts > 0].float()
        for name, values in figures.items():
            rows.setdefault(name, []).append(values)
    means = {name: float(torch.cat(values).nanmean()) for name, values in rows.items()}
    recalls = np.array([means.pop(f"orientation {bin_}") for bin_ in range(bank.bins)])
    measured = recalls[~np.isnan(recalls)]
    return means | {"orientation": float(measured.mean()) if len(measured) else float("nan")}


@torch.no_grad()
def observations(
    network: PoseNetwork, shards: ShardDataset, volume: NeuralBodyVolume, bins: int, count: int
) -> Iterator[ObservedFeatures]:
    """Features of ``count`` evenly spaced samples, not augmented, batch by batch."""
    network.eval()
    spaced = np.linspace(0, len(shards) - 1, min(count, len(shards))).astype(int).tolist()
    for batch in in_order(shards, spaced, device=str(volume.means.device)):
        truth = kernel_truth(volume, batch, bins)
        yield observe_features(network(batch.images).features, truth, batch)


def joint_errors(
    joints: Float[Tensor, "batch 24 3"], truth: Float[Tensor, "batch 24 3"]
) -> dict[str, Float[Tensor, " batch"]]:
    """MPJPE relative to the pelvis and PA-MPJPE in millimetres, on :data:`SCORED_JOINTS`."""
    scored = list(SCORED_JOINTS)
    predicted, true = (joints - joints[:, :1])[:, scored], (truth - truth[:, :1])[:, scored]
    aligned = similarity_align(predicted, true)
    return {
        "mpjpe": 1000 * (predicted - true).norm(dim=-1).mean(1),
        "pa_mpjpe": 1000 * (aligned - true).norm(dim=-1).mean(1),
    }


def joint_estimate_errors(
    estimate: JointEstimate, truth: JointTruth, size: int
) -> dict[str, Float[Tensor, " n"]]:
    """Errors of joint estimates inside the crop: position in crop pixels, and foreshortening."""
    scored = list(SCORED_JOINTS)
    inside = truth.inside[:, scored]
    distance = (estimate.xy - truth.xy)[:, scored].norm(dim=-1) * size / 2
    foreshortening = (estimate.foreshortening - truth.foreshortening)[:, scored].abs()
    return {"joint_pixels": distance[inside], "foreshortening": foreshortening[inside]}


def retrieval(
    features: Float[Tensor, "n dim"],
    truth: KernelTruth,
    bank: FeatureBank,
    neighbours: Bool[Tensor, "kernels kernels"],
) -> dict[str, Tensor]:
    """Hits (1 or 0) of nearest-neighbour retrieval by cosine similarity, for visible kernels.

    ``kernel``: the nearest entry of the bank is of the right kernel; ``kernel_near``: of the right
    kernel or a neighbour; ``orientation o``: among the bins of the right kernel the nearest is the
    true bin o, for limbs with p(o | limb) > 0.7.
    """
    kernel = truth.visible.nonzero()[:, 1]
    orientation = truth.orientation[truth.visible]
    directions = torch.nn.functional.normalize(bank.phi, dim=-1)
    best = (features @ directions.flatten(0, 1).T).argmax(1) // bank.bins
    own = torch.einsum("nd,nod->no", features, directions[kernel])
    clear = orientation.amax(1) > 0.7
    target = orientation.argmax(1)
    right = (own.argmax(1) == target).float()
    by_bin = {f"orientation {o}": right[clear & (target == o)] for o in range(bank.bins)}
    return {
        "kernel": (best == kernel).float(),
        "kernel_near": neighbours[best, kernel].float(),
        **by_bin,
    }


def background_hits(background: Float[Tensor, "m dim"], bank: FeatureBank) -> Float[Tensor, " m"]:
    """1 for each background feature that is nearer to the background mean than to all kernels."""
    directions = torch.nn.functional.normalize(bank.phi, dim=-1).flatten(0, 1)
    own = background @ torch.nn.functional.normalize(bank.background, dim=0)
    return (own > (background @ directions.T).amax(1)).float()
