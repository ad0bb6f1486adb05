"""From a photo to a fit: networks, body and prior are loaded once."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from core.body.load import load_body
from core.body.model import Body, Posed
from core.body.params import BodyParams, check_params
from core.errors import NobodyFoundError, UserError
from core.fit.detector import DETECTORS, Crops, Detect
from core.fit.evidence import (
    BodyPoints,
    Bystanders,
    FeatureMap,
    GivenBody,
    RegressedBody,
    WorldPoints,
)
from core.fit.fitter import FITTERS, Fit
from core.fit.limb_directions import unsure_limbs
from core.fit.model import GenerativeModel
from core.fit.neural_mesh import NeuralMesh
from core.fit.observation import Observation, to_crop
from core.fit.photo_frame import PhotoFrame
from core.fit.problem import Problem
from core.fit.reconcile import doubted, unsure_at_edges
from core.fit.schedule import Schedule
from core.fit.sources import Sources
from core.fit.state import rest_pelvis
from core.fit.trace import Trace
from core.geometry.camera import Camera
from core.geometry.crop import Box, CropView, crop_view, default_focal, inside_photo, warp
from core.geometry.keypoints import Keypoints
from core.geometry.rotations import axis_angle_from_rotation
from core.io.boxes import check_box, check_focal, check_place
from core.io.keypoints import check_keypoints
from core.io.pixels import as_rgb
from core.nbv.layout import corresponding_vertices, even_vertices
from core.nbv.volume import NeuralBodyVolume
from core.nets.bystanders import BystanderFinder, load_bystander_finder, painted_over
from core.nets.joint_estimate import JointEstimate
from core.nets.mirror import predict_with_mirror
from core.nets.model_file import LAYOUTS, Model, load_model
from core.nets.network import PoseNetwork, translation_from_camera
from core.nets.people import PeopleFinder, load_people_finder
from core.nets.pose_prior import load_prior
from core.occlusion.occluder import Occluders, check_occluders
from core.occlusion.paint import apply_occluders
from core.pictures.figure import neutral_figure

STANDARD_DETECTORS = ("fused",)
DETECTOR_SIZE = 512
"""Side of the crop that detectors look at, in pixels."""
NEAREST = 0.2  # metres from the camera to the pelvis of a given start


@dataclass(frozen=True)
class Prediction:
    """The network's output for a batch of crops.

    Attributes:
        features: unit features at stride 4.
        regressed: bodies, in the crop cameras' frames.
        joint_estimate: 2D joints and foreshortenings with standard deviations.
    """

    features: Float[Tensor, "batch dim h w"]
    regressed: BodyParams
    joint_estimate: JointEstimate


@dataclass
class Engine:
    """Networks, body, volume and prior of one preset, and what can be done with them.

    Attributes:
        people: finds the boxes of people in photos.
        detectors: sources of further evidence, by name.
        bystanders: finds other people in crops, who are painted over before anything looks.
        metadata: of the model file, about its training.
        sources: files that all this was read from.
        device: where the networks run. The fit computes where its backend does.
        seconds: wall time of loading.
    """

    network: PoseNetwork
    body: Body
    model: GenerativeModel
    people: PeopleFinder
    detectors: dict[str, Detect]
    metadata: dict[str, object]
    sources: Sources
    bystanders: BystanderFinder = field(default_factory=load_bystander_finder)
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    seconds: dict[str, float] = field(default_factory=dict)

    @staticmethod
    def load(
        preset: str | None = None,
        model: Path | None = None,
        body: Path | None = None,
        prior: Path | None = None,
        mesh: bool = False,
        device: str | torch.device = "cpu",
        detectors: Sequence[str] = STANDARD_DETECTORS,
    ) -> Engine:
        """Load networks, a body (the embedded one by default) and a pose prior.

        Args:
            preset: of the networks; None: the model's, or the shipped ones'.
            model: a model file of `nbf train` in place of the shipped one.
            mesh: render a mesh in place of the volume, see `core.fit.neural_mesh`.
            device: of the networks.
            detectors: names of `core.fit.detector.DETECTORS`.

        Raises:
            UserError: a file is missing or damaged, the weights belong to another body, or there is
                no such detector.
        """
        start = time.perf_counter()
        chosen = [DETECTORS.get(name) for name in detectors]
        trained = load_model(preset, model)
        loaded_body = load_body(body)
        volume = trained_volume(trained, loaded_body)
        surface = NeuralMesh.of(loaded_body, volume) if mesh else None
        engine = Engine(
            network=trained.network.to(device),
            body=loaded_body,
            model=GenerativeModel(volume, trained.bank, load_prior(prior), surface),
            people=load_people_finder(),
            detectors={detector.name: detector.load() for detector in chosen},
            metadata=trained.metadata,
            sources=Sources.of(trained.network.preset.name, model, body, prior, tuple(detectors)),
            device=torch.device(device),
        )
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
        return [proposal.box for proposal in self.people(photo)]

    def observe(
        self,
        photo: np.ndarray,
        box: Box | None = None,
        keypoints: Keypoints | None = None,
        focal: float | None = None,
        at: tuple[float, float] | None = None,
        occluders: Occluders = (),
    ) -> Observation:
        """Look at one person of a photo.

        Args:
            photo: RGB, grey or RGBA, of any type that `core.io.pixels.as_rgb` takes.
            box: the person's box; without one the most prominent person is taken.
            keypoints: joints in photo pixels, one row; without them the detectors find them.
            focal: focal length of the photo in pixels; without one the photo's diagonal.
            at: x and y of a pixel that shows the person who is meant, in place of a box.
            occluders: put before the photo. The person is looked for without them, so that a fit
                with and one without them see the same crop; all else sees them.

        Raises:
            NobodyFoundError: no box was given and nobody was found, or nobody at that pixel.
            UserError: the photo is no picture, the box or the keypoints are outside it or no
                numbers, or the focal length makes no sense.
        """
        pixels = as_rgb(photo)
        height, width = pixels.shape[:2]
        focal = default_focal(width, height) if focal is None else check_focal(focal)
        if keypoints is not None:
            keypoints = check_keypoints(keypoints, width, height)
        box = check_box(box, width, height) if box is not None else self._found(pixels, at)
        view = crop_view(width, height, box, focal, self.size)
        return self.observe_view(pixels, box, view, keypoints, focal, occluders)

    def _found(
        self, photo: UInt8[np.ndarray, "height width 3"], at: tuple[float, float] | None
    ) -> Box:
        """The box of the person at a pixel, or of the most prominent one."""
        if at is None:
            boxes = self.find_people(photo)
            if not boxes:
                raise NobodyFoundError("no person found in the photo; give a box (--bbox x,y,w,h)")
            return boxes[0]
        person = self.people.at(photo, *check_place(at, photo.shape[1], photo.shape[0]))
        if person is None:
            place = f"{at[0]:g},{at[1]:g}"
            raise NobodyFoundError(f"no person found at {place}; give a box (--bbox x,y,w,h)")
        return person.box

    def observe_view(
        self,
        photo: UInt8[np.ndarray, "height width 3"],
        box: Box,
        view: CropView,
        keypoints: Keypoints | None = None,
        focal: float | None = None,
        occluders: Occluders = (),
    ) -> Observation:
        """Look at the person in ``box`` through a given crop; the rest as for `observe`."""
        height, width = photo.shape[:2]
        focal = focal or default_focal(width, height)
        seen = apply_occluders(photo, check_occluders(occluders))
        crop = warp(seen, view)
        inside = torch.from_numpy(inside_photo(width, height, view))[None, None]
        frame = PhotoFrame.of_view(width, height, view)
        given = None if keypoints is None else to_crop(keypoints, view)
        images = torch.from_numpy(crop).permute(2, 0, 1)[None].float() / 255
        crops = detector_crops(seen, box, view)
        focals = torch.tensor([view.focal])
        problem = self.problem(images, focals, inside, given, crops, frame)
        return Observation(photo, focal, box, view, crop, problem, keypoints, occluders)

    @torch.no_grad()
    def problem(
        self,
        images: Float[Tensor, "batch 3 size size"],
        focal: Float[Tensor, " batch"],
        inside: Float[Tensor, "batch 1 size size"] | None = None,
        keypoints: Keypoints | None = None,
        crops: Crops | None = None,
        frame: PhotoFrame | None = None,
    ) -> Problem:
        """The evidence of the network and the detectors about crops, as a problem for a fitter.

        Args:
            images: RGB, 0..1.
            focal: of the crops' cameras in pixels; their principal points are the middles.
            inside: 1 where a crop shows its photo, 0 beyond the edge; everywhere 1 by default.
            keypoints: joints in crop pixels, in place of what detectors see.
            crops: what detectors look at; the images by default.
            frame: where the crops' photos end; by default at the edges of the crops.
        """
        images, crops, others = self._without_bystanders(images, crops or Crops.centered(images))
        predicted = self.predict(images, focal)
        features = predicted.features
        stride = self.size // features.shape[-1]
        if inside is None:
            inside = images.new_ones(len(images), 1, self.size, self.size)
        observed = FeatureMap(
            features=features.flatten(2).transpose(1, 2).contiguous(),
            inside=F.avg_pool2d(inside, stride).flatten(1),
            size=(features.shape[2], features.shape[3]),
            stride=stride,
        )
        evidence = [observed, others, RegressedBody(predicted.regressed), predicted.joint_estimate]
        if keypoints is not None:
            evidence.append(keypoints)
        else:
            evidence += [seen for detect in self.detectors.values() for seen in detect(crops)]
        frame = frame or PhotoFrame.of_crops(len(images), self.size)
        problem = Problem.of(Camera.centered(focal, self.size), frame, *evidence)
        points, world = problem.find(BodyPoints), problem.find(WorldPoints)
        if points is None:
            return problem
        points = unsure_at_edges(points, inside)
        limbs = () if world is None else (unsure_limbs(world, points),)
        return problem.having(points, doubted(predicted.joint_estimate, points, self.size), *limbs)

    def _without_bystanders(
        self, images: Float[Tensor, "batch 3 size size"], crops: Crops
    ) -> tuple[Float[Tensor, "batch 3 size size"], Crops, Bystanders]:
        """The same crops in both resolutions, with everybody painted over who is not meant."""
        masks = self.bystanders(crops.images, crops.pixels)
        share = F.interpolate(masks[:, None].float(), images.shape[-2:], mode="area")
        if masks.any():
            painted = painted_over(crops.images, masks)
            smaller = F.interpolate(painted, images.shape[-2:], mode="area")
            images = torch.where(share > 0, smaller, images)
            crops = replace(crops, images=painted)
        return images, crops, Bystanders(share[:, 0])

    def predict(
        self, images: Float[Tensor, "batch 3 size size"], focal: Float[Tensor, " batch"]
    ) -> Prediction:
        """The network's output for crops (RGB, 0..1) of cameras with ``focal`` px."""
        output = predict_with_mirror(self.network, images.to(self.device)).to(torch.device("cpu"))
        vectors = axis_angle_from_rotation(output.rotations)
        transl = translation_from_camera(output.camera, focal, self.size)
        regressed = BodyParams(vectors[:, 0], vectors[:, 1:], output.betas, transl)
        return Prediction(output.features, regressed, output.joint_estimate)

    def begin(
        self,
        observations: Observation | Sequence[Observation],
        schedule: Schedule | None = None,
        start: BodyParams | None = None,
        method: str = "nbf",
    ) -> Fit:
        """A fit at its start, for one person or a batch.

        Args:
            start: where to begin, in the crop cameras' frames, in place of the regressed bodies.
            method: name of a `core.fit.fitter.FITTERS`.

        Raises:
            UserError: there is no such method, or a start is not in front of its camera, or is no
                body.
        """
        problem = self.batch(observations)
        if start is not None:
            start = check_params(start)
            depth = (start.transl + rest_pelvis(self.volume, start.betas))[:, 2]
            if not bool((depth >= NEAREST).all()):
                raise UserError(
                    f"the start's pelvis is at a depth of {float(depth.min()):.2g} m; it must be "
                    f"{NEAREST:g} m or more in front of the camera"
                )
            problem = problem.having(GivenBody(start))
        return FITTERS.get(method).begin(problem, self.model, schedule or Schedule.standard())

    def resume(
        self,
        observations: Observation | Sequence[Observation],
        schedule: Schedule,
        trace: Trace,
        method: str = "nbf",
    ) -> Fit:
        """A fit that goes on after the last record of a trace.

        Raises:
            UserError: there is no such method.
        """
        fitter = FITTERS.get(method)
        return fitter.resume(self.batch(observations), self.model, schedule, trace)

    @staticmethod
    def batch(observations: Observation | Sequence[Observation]) -> Problem:
        """The problem of one person, or those of several people as one."""
        if isinstance(observations, Observation):
            return observations.problem
        return Problem.stack([o.problem for o in observations])

    def vertices(self, params: BodyParams) -> Float[Tensor, "batch vertices 3"]:
        """The bodies' surfaces in the frame that ``params`` are in."""
        with torch.no_grad():
            posed = self.body.pose(params.rotations(), params.betas, params.transl)
        return posed.vertices

    @cached_property
    def figure(self) -> Body:
        """The rest surface that pictures show, see `core.pictures.figure`."""
        return neutral_figure(self.body)

    def figures(self, params: BodyParams) -> Posed:
        """The bodies as pictures show them, in the frame that ``params`` are in."""
        with torch.no_grad():
            return self.body.pose(params.rotations(), params.betas, params.transl, self.figure)


def detector_crops(photo: UInt8[np.ndarray, "height width 3"], box: Box, view: CropView) -> Crops:
    """The crop of a view in the resolution that detectors look at.

    Args:
        box: of the person who is meant, in pixels of the photo.
    """
    fine = view.resized(DETECTOR_SIZE)
    images = torch.from_numpy(warp(photo, fine)).permute(2, 0, 1)[None].float() / 255
    return Crops(images, torch.tensor([view.box_in_crop(box)], dtype=torch.float32), view.size)


def trained_volume(trained: Model, body: Body) -> NeuralBodyVolume:
    """The kernels of ``body`` whose features a model has learnt.

    Raises:
        UserError: the layout that the model names has another number of kernels.
    """
    layout = trained.metadata.get("layout", LAYOUTS[0])
    vertices = kernel_vertices(trained, body) if layout == "surface" else None
    volume = NeuralBodyVolume.from_layout(layout, body, vertices)
    if volume.kernels != len(trained.bank.phi):
        count = f"the model has features of {len(trained.bank.phi)} kernels"
        raise UserError(f"{count}, its layout {volume.kernels}; train it again")
    return volume


def kernel_vertices(trained: Model, body: Body) -> Int[np.ndarray, " kernels"]:
    """The vertices of ``body`` whose features a model has learnt.

    A model is trained on the embedded body; another topology gets the corresponding vertices.
    """
    embedded = load_body()
    chosen = even_vertices(embedded, len(trained.bank.phi))
    same = body.topology == embedded.topology
    return chosen if same else corresponding_vertices(embedded, chosen, body)
