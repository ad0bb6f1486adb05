"""What is observed, what explains it, and the objective that compares the two."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from core.body.joint_limits import joint_limit_cost
from core.errors import UserError
from core.fit.costs import anchor_cost, joint_estimate_cost, keypoint_cost, shape_cost
from core.fit.likelihood import (
    LikelihoodSettings,
    PixelEvidence,
    negative_log_likelihood,
    pixel_evidence,
)
from core.fit.likelihood_native import native_nll
from core.fit.neural_mesh import NeuralMesh
from core.fit.schedule import Schedule
from core.fit.state import SLICES, BodyState
from core.geometry.camera import Camera, project
from core.nbv.features import FeatureBank, expected_features
from core.nbv.orientation import orientation_weights
from core.nbv.volume import NeuralBodyVolume, PosedKernels
from core.nets.joint_estimate import JointEstimate
from core.render.volume.ops import scene_arguments
from core.render.volume.render import render_sparse
from core.render.volume.sparse import RenderSettings, SparseRender

PriorEnergy = Callable[[Float[Tensor, "batch 21 3 3"]], Float[Tensor, " batch"]]


@dataclass(frozen=True)
class Problem:
    """Observations of a batch of people, each in the frame of its crop's camera.

    Attributes:
        camera: camera of the crop, in pixels of the crop.
        features: flattened feature maps, row-major.
        inside: 1 where the map shows the photo, 0 past its edge.
        map_size: height and width of the maps.
        stride: crop pixels per map pixel.
        keypoints: detected joints in crop pixels.
        confidence: their confidence in [0, 1], 0 where there is none.
        estimate: joints as the network read them, if it did.
    """

    camera: Camera
    features: Float[Tensor, "batch map dim"]
    inside: Float[Tensor, "batch map"]
    map_size: tuple[int, int]
    stride: int
    keypoints: Float[Tensor, "batch 24 2"]
    confidence: Float[Tensor, "batch 24"]
    joint_estimate: JointEstimate | None = None

    def __len__(self) -> int:
        return len(self.features)

    def to(self, device: torch.device) -> Problem:
        """The same problem on another device."""
        return replace(
            self,
            camera=self.camera.to(device),
            features=self.features.to(device),
            inside=self.inside.to(device),
            keypoints=self.keypoints.to(device),
            confidence=self.confidence.to(device),
            joint_estimate=self.joint_estimate and self.joint_estimate.to(device),
        )

    @property
    def map_camera(self) -> Camera:
        """The camera in pixels of the feature map."""
        return self.camera.scaled(1 / self.stride)


@dataclass(frozen=True)
class GenerativeModel:
    """Everything that explains a feature map.

    Attributes:
        prior: energy of the rotations of body joints 1..21, one number a person.
        mesh: rendered in place of the volume, if there is one (on the CPU alone).
    """

    volume: NeuralBodyVolume
    bank: FeatureBank
    prior: PriorEnergy
    mesh: NeuralMesh | None = None

    def to(self, device: torch.device) -> GenerativeModel:
        """The same model on another device."""
        if self.volume.means.device == device:
            return self
        if self.mesh is not None:
            raise UserError("a mesh in place of the volume is fitted on the CPU: --backend cpu")
        prior = self.prior
        if isinstance(prior, nn.Module):
            prior = copy.deepcopy(prior).to(device)
        like = self.volume.means.to(device)
        return GenerativeModel(self.volume.to(like), self.bank.to(like), prior)


@dataclass(frozen=True)
class Explanation:
    """A pose held against the observation: all that pictures and probes are made of."""

    posed: PosedKernels
    emitted: Float[Tensor, "batch kernels dim"]
    render: SparseRender
    evidence: PixelEvidence


def explain(
    problem: Problem,
    model: GenerativeModel,
    body: BodyState,
    likelihood: LikelihoodSettings,
    render: RenderSettings,
) -> Explanation:
    """Pose the volume, render it, and weigh every pixel it reaches."""
    posed = pose_volume(model.volume, body, render)
    return explain_posed(problem, model, body, posed, likelihood, render)


def pose_volume(volume: NeuralBodyVolume, body: BodyState, render: RenderSettings) -> PosedKernels:
    """The volume in a pose; native code of its own exists for the CPU alone."""
    native = render.native(body.rotations) and body.rotations.device.type == "cpu"
    return volume.pose(body.rotations, body.betas, body.transl, native)


def explain_posed(
    problem: Problem,
    model: GenerativeModel,
    body: BodyState,
    posed: PosedKernels,
    likelihood: LikelihoodSettings,
    render: RenderSettings,
) -> Explanation:
    """The same for a volume that is posed already."""
    emitted = expected_features(model.bank, model.volume, posed)
    camera, size = problem.map_camera, problem.map_size
    if model.mesh is None:
        rendered = render_sparse(posed.means, posed.precisions, camera, *size, render)
    else:
        rendered = model.mesh.render(body, camera, size, render)
    evidence = pixel_evidence(rendered, emitted, problem.features, model.bank, likelihood)
    return Explanation(posed, emitted, rendered, evidence)


def likelihood_cost(
    problem: Problem,
    model: GenerativeModel,
    body: BodyState,
    posed: PosedKernels,
    schedule: Schedule,
) -> Float[Tensor, " batch"]:
    """Negative log-likelihood of a posed volume: what `explain` explains, natively where it can."""
    if model.mesh is not None or not schedule.render.native(posed.means):
        seen = explain_posed(problem, model, body, posed, schedule.likelihood, schedule.render)
        return negative_log_likelihood(seen.render, seen.evidence, problem.inside)
    scene = scene_arguments(
        posed.means, posed.precisions, problem.map_camera, problem.map_size, schedule.render
    )
    return native_nll(
        scene,
        orientation_weights(posed.limb_directions, model.bank.bins),
        model.volume.limb,
        problem.features,
        problem.inside,
        model.bank,
        schedule.likelihood,
    )


def objective(
    problem: Problem,
    model: GenerativeModel,
    body: BodyState,
    vector: Float[Tensor, "batch 85"],
    schedule: Schedule,
) -> dict[str, Float[Tensor, " batch"]]:
    """Every term of the cost, unweighted, for each person.

    Args:
        vector: the body's coordinates around its start, for the anchor.
    """
    posed = pose_volume(model.volume, body, schedule.render)
    projected = project(problem.camera, posed.joints)
    turned = torch.cat([vector[:, SLICES["global_orient"]], vector[:, SLICES["body_pose"]]], 1)
    half = problem.stride * problem.map_size[1] / 2
    read = problem.joint_estimate
    return {
        "nll": likelihood_cost(problem, model, body, posed, schedule),
        "keypoints": keypoint_cost(
            projected, problem.keypoints, problem.confidence, schedule.keypoint_sigma
        ),
        "joint_estimate": torch.zeros_like(problem.inside[:, 0])
        if read is None
        else joint_estimate_cost(posed.joints, projected, read, half),
        "prior": model.prior(body.rotations[:, 1:22]),
        "limits": joint_limit_cost(body.rotations),
        "shape": shape_cost(body.betas),
        "anchor": anchor_cost(turned.unflatten(1, (24, 3)), vector[:, SLICES["transl"]]),
    }
