"""A pose compared with the observed feature map, pixel by pixel."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from core.fit.evidence import FeatureMap, PersonMask
from core.fit.likelihood import PixelEvidence, negative_log_likelihood, pixel_evidence
from core.fit.likelihood_native import native_nll
from core.fit.model import GenerativeModel
from core.fit.problem import Problem
from core.fit.settings import FitSettings
from core.fit.state import BodyState
from core.fit.visibility import believed
from core.nbv.features import expected_features
from core.nbv.orientation import orientation_weights
from core.nbv.volume import NeuralBodyVolume, PosedKernels
from core.render.volume.ops import scene_arguments
from core.render.volume.render import render_sparse
from core.render.volume.sparse import RenderSettings, SparseRender


@dataclass(frozen=True)
class Comparison:
    """A posed and rendered volume, and the likelihood of the pixels it reaches.

    Attributes:
        emitted: expected feature of each kernel in this pose.
    """

    posed: PosedKernels
    emitted: Float[Tensor, "batch kernels dim"]
    render: SparseRender
    evidence: PixelEvidence


def compare(
    problem: Problem, model: GenerativeModel, body: BodyState, settings: FitSettings
) -> Comparison:
    """Pose the volume, render it, and compute the likelihood of every pixel it reaches."""
    posed = pose_volume(model.volume, body, settings.render)
    return compare_posed(problem, model, body, posed, settings)


def pose_volume(volume: NeuralBodyVolume, body: BodyState, render: RenderSettings) -> PosedKernels:
    """Pose the volume: by native code on the CPU if the renderer is native, else by PyTorch."""
    native = render.native(body.rotations) and body.rotations.device.type == "cpu"
    return volume.pose(body.rotations, body.betas, body.transl, native)


def compare_posed(
    problem: Problem,
    model: GenerativeModel,
    body: BodyState,
    posed: PosedKernels,
    settings: FitSettings,
) -> Comparison:
    """The same for a volume that is posed already."""
    emitted = expected_features(model.bank, model.volume, posed)
    observed = problem.get(FeatureMap)
    camera, size = problem.map_camera, observed.size
    if model.mesh is None:
        rendered = render_sparse(posed.means, posed.precisions, camera, *size, settings.render)
    else:
        rendered = model.mesh.render(body, camera, size, settings.render)
    evidence = pixel_evidence(rendered, emitted, observed.features, model.bank, settings.likelihood)
    if mask := problem.find(PersonMask):
        seen = rendered.assignment
        evidence = believed(evidence, mask.at(size)[seen.batch, seen.pixel], settings.likelihood)
    return Comparison(posed, emitted, rendered, evidence)


def likelihood_cost(
    problem: Problem,
    model: GenerativeModel,
    body: BodyState,
    posed: PosedKernels,
    settings: FitSettings,
) -> Float[Tensor, " batch"]:
    """Negative log-likelihood of a posed volume: what `compare` computes, natively where it can."""
    observed = problem.get(FeatureMap)
    if model.mesh is not None or not settings.render.native(posed.means):
        seen = compare_posed(problem, model, body, posed, settings)
        return negative_log_likelihood(seen.render, seen.evidence, observed.inside)
    scene = scene_arguments(
        posed.means, posed.precisions, problem.map_camera, observed.size, settings.render
    )
    return native_nll(
        scene,
        orientation_weights(posed.limb_directions, model.bank.bins),
        model.volume.limb,
        observed.features,
        observed.inside,
        model.bank,
        settings.likelihood,
    )
