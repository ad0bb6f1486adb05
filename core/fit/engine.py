"""From a photo to a fit: everything loaded once, every picture a pure function."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from core.body.load import load_body
from core.body.model import Body
from core.body.params import BodyParams
from core.errors import NobodyFoundError, UserError
from core.fit.neural_mesh import NeuralMesh
from core.fit.problem import GenerativeModel, Problem
from core.fit.schedule import Schedule
from core.fit.solver import Solver
from core.geometry.camera import Camera
from core.geometry.crop import Box, CropView, crop_view, default_focal, inside_photo, warp
from core.geometry.keypoints import Keypoints
from core.geometry.rotations import axis_angle_from_rotation
from core.nbv.layout import corresponding_vertices, even_vertices
from core.nbv.volume import NeuralBodyVolume
from core.nets.joint_estimate import JointEstimate
from core.nets.keypoints import KeypointDetector
from core.nets.mirror import read_both_ways
from core.nets.model_file import Model, load_model
from core.nets.network import PoseNetwork, translation_from_camera
from core.nets.pose_prior import load_prior


@dataclass(frozen=True)
class Prediction:
    """What the network says of a batch of crops.

    Attributes:
        features: unit features at stride 4.
        regressed: its guess of the bodies, in the crop cameras' frames.
        estimate: where it sees the joints.
    """

    features: Float[Tensor, "batch dim h w"]
    regressed: BodyParams
    joint_estimate: JointEstimate


@dataclass(frozen=True)
class Observation:
    """One person in one photo, as the networks see them.

    Attributes:
        photo: the whole image, RGB.
        focal: its focal length in pixels.
        box: the person's box in its pixels.
        view: the crop's virtual camera.
        crop: the crop, RGB.
        inside: 1 where the map shows the photo, 0 past its edge.
        keypoints: detected or given joints in crop pixels, one row.
        prediction: what the network says, in the crop camera's frame, one row.
    """

    photo: UInt8[np.ndarray, "height width 3"]
    focal: float
    box: Box
    view: CropView
    crop: UInt8[np.ndarray, "size size 3"]
    inside: Float[Tensor, "h w"]
    keypoints: Keypoints
    prediction: Prediction

    @property
    def features(self) -> Float[Tensor, "dim h w"]:
        """Unit features of the network at stride 4."""
        return self.prediction.features[0]

    @property
    def regressed(self) -> BodyParams:
        """The network's guess, in the crop camera's frame."""
        return self.prediction.regressed


@dataclass
class Engine:
    """Networks, body, volume and prior of one preset, and what can be done with them."""

    network: PoseNetwork
    body: Body
    model: GenerativeModel
    keypoints: KeypointDetector
    metadata: dict[str, object]
    seconds: dict[str, float] = field(default_factory=dict)

    @staticmethod
    def load(
        preset: str = "lite",
        weights: Path | None = None,
        body: Path | None = None,
        prior: Path | None = None,
        mesh: bool = False,
    ) -> Engine:
        """Load a preset's weights, a body (the embedded one by default) and a pose prior.

        Args:
            mesh: render a mesh in place of the volume, see `core.fit.neural_mesh`.

        Raises:
            UserError: a file is missing or damaged, or the weights belong to another body.
        """
        start = time.perf_counter()
        trained = load_model(preset, weights)
        loaded_body = load_body(body)
        volume = trained_volume(trained, loaded_body)
        surface = NeuralMesh.of(loaded_body, volume) if mesh else None
        model = GenerativeModel(volume, trained.bank, load_prior(prior), surface)
        engine = Engine(trained.network, loaded_body, model, KeypointDetector(), trained.metadata)
        engine.seconds["load"] = time.perf_counter() - start
        return engine

    @property
    def volume(self) -> NeuralBodyVolume:
        """The body as Gaussian kernels."""
        return self.model.volume

    @property
    def size(self) -> int:
        """Side of the crop in pixels."""
        return self.network.preset.image_size

    def find_people(self, photo: UInt8[np.ndarray, "height width 3"]) -> list[Box]:
        """Boxes of the people in a photo, the most prominent first."""
        return [proposal.box for proposal in self.keypoints.propose_boxes(photo)]

    def observe(
        self,
        photo: UInt8[np.ndarray, "height width 3"],
        box: Box | None = None,
        keypoints: Keypoints | None = None,
        focal: float | None = None,
    ) -> Observation:
        """Look at one person of a photo.

        Args:
            box: the person's box; without one the most prominent person is taken.
            keypoints: joints in photo pixels, one row; without them the network finds them.
            focal: focal length of the photo in pixels; without one the photo's diagonal.

        Raises:
            NobodyFoundError: no box was given and nobody was found.
        """
        height, width = photo.shape[:2]
        if box is None:
            boxes = self.find_people(photo)
            if not boxes:
                raise NobodyFoundError("no person found in the photo; give a box (--bbox x,y,w,h)")
            box = boxes[0]
        focal = focal or default_focal(width, height)
        view = crop_view(width, height, box, focal, self.size)
        return self.observe_view(photo, box, view, keypoints, focal)

    def observe_view(
        self,
        photo: UInt8[np.ndarray, "height width 3"],
        box: Box,
        view: CropView,
        keypoints: Keypoints | None = None,
        focal: float | None = None,
    ) -> Observation:
        """Look at the person in ``box`` through a given crop; the rest as for `observe`."""
        height, width = photo.shape[:2]
        focal = focal or default_focal(width, height)
        crop = warp(photo, view)
        image = torch.from_numpy(crop).permute(2, 0, 1)[None].float() / 255
        inside = torch.from_numpy(inside_photo(width, height, view))[None, None]
        with torch.no_grad():
            prediction = self.predict(image, torch.tensor([view.focal]))
            detected = self.keypoints(image) if keypoints is None else to_crop(keypoints, view)
        stride = self.size // prediction.features.shape[-1]
        inside = torch.nn.functional.avg_pool2d(inside, stride)[0, 0]
        return Observation(photo, focal, box, view, crop, inside, detected, prediction)

    def predict(
        self, images: Float[Tensor, "batch 3 size size"], focal: Float[Tensor, " batch"]
    ) -> Prediction:
        """What the network says of crops (RGB, 0..1) seen by cameras of ``focal`` px."""
        output = read_both_ways(self.network, images)
        vectors = axis_angle_from_rotation(output.rotations)
        transl = translation_from_camera(output.camera, focal, self.size)
        regressed = BodyParams(vectors[:, 0], vectors[:, 1:], output.betas, transl)
        return Prediction(output.features, regressed, output.joint_estimate)

    def problem(self, observations: list[Observation]) -> Problem:
        """The observations as one batch for the solver."""
        features = torch.stack([o.features.flatten(1).T for o in observations])
        size = observations[0].features.shape[1:]
        focal = torch.tensor([o.view.focal for o in observations], dtype=features.dtype)
        return Problem(
            camera=Camera.centered(focal, self.size),
            features=features,
            inside=torch.stack([o.inside.flatten() for o in observations]),
            map_size=(size[0], size[1]),
            stride=self.size // size[0],
            keypoints=torch.cat([o.keypoints.xy for o in observations]),
            confidence=torch.cat([o.keypoints.confidence for o in observations]),
            joint_estimate=JointEstimate.stack([o.prediction.joint_estimate for o in observations]),
        )

    def solver(
        self,
        observations: Observation | list[Observation],
        schedule: Schedule | None = None,
        start: BodyParams | None = None,
    ) -> Solver:
        """A solver at its start, for one person or a batch.

        Args:
            start: where to begin, in the crop cameras' frames; the regressed bodies by default.
        """
        listed = observations if isinstance(observations, list) else [observations]
        if start is None:
            start = BodyParams.stack([o.regressed for o in listed])
        return Solver.begin(
            self.problem(listed), self.model, schedule or Schedule.standard(), start
        )

    def vertices(self, params: BodyParams) -> Float[Tensor, "batch vertices 3"]:
        """The bodies' surfaces in the frame that ``params`` are in."""
        with torch.no_grad():
            posed = self.body.pose(params.rotations(), params.betas, params.transl)
        return posed.vertices


def trained_volume(trained: Model, body: Body) -> NeuralBodyVolume:
    """The kernels of ``body`` whose features a model has learnt.

    Raises:
        UserError: the model does not say where they are.
    """
    layout = trained.metadata.get("layout", "surface")
    if layout not in ("surface", "skeleton"):
        raise UserError(f"the model's kernels sit on {layout!r}; train it again")
    vertices = kernel_vertices(trained, body) if layout == "surface" else None
    return NeuralBodyVolume.of_layout(layout, body, vertices)


def kernel_vertices(trained: Model, body: Body) -> Int[np.ndarray, " kernels"]:
    """The vertices of ``body`` whose features a model has learnt.

    A model is trained on the embedded body; another topology gets the corresponding vertices.
    """
    embedded = load_body()
    chosen = even_vertices(embedded, len(trained.bank.phi))
    same = body.topology == embedded.topology
    return chosen if same else corresponding_vertices(embedded, chosen, body)


def to_crop(keypoints: Keypoints, view: CropView) -> Keypoints:
    """Keypoints of a photo as pixels of a crop."""
    matrix = torch.as_tensor(view.homography, dtype=keypoints.xy.dtype)
    ones = torch.ones_like(keypoints.xy[..., :1])
    mapped = torch.cat([keypoints.xy, ones], -1) @ matrix.T
    return Keypoints(mapped[..., :2] / mapped[..., 2:], keypoints.confidence)
