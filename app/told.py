"""What the window is told of the engine's values, as messages carry them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from app.geometry.people import Person
from app.geometry.plane import Rect
from app.protocol.backend import Kernels, Stance, TrueBody
from app.protocol.run import StageMark
from app.protocol.scene import Certainty, FoundPoints, ImageScene, Joint
from app.protocol.why import Answer, Arrow, Bars
from core.body.names import JOINT_NAMES
from core.body.numbers import PLACES, SHAPES
from core.body.params import BodyParams
from core.body.points import POINTS
from core.fit.evidence import BodyPoints
from core.fit.explain import explain_joint, explain_pixel
from core.fit.joint_certainty import JointCertainty
from core.fit.joint_probe import JointProbe
from core.fit.observation import Observation
from core.fit.photo_joints import PhotoJoints, photo_scale, read_joints
from core.fit.probe import PixelProbe
from core.fit.schedule import Schedule
from core.fit.state import BodyState
from core.fit.sweep import Parameter
from core.fit.truth import TrueJoints
from core.geometry.crop import Box, CropView
from core.geometry.keypoints import Keypoints
from core.nbv.volume import NeuralBodyVolume
from core.nets.people import Proposal
from core.nets.point_vote import PointVotes
from core.pictures.colors import HITS_LEGEND, OCCLUSION_LEGEND


def person_of(proposal: Proposal) -> Person:
    """A person who was found."""
    places = tuple((x, y) for x, y in proposal.places.tolist())
    return Person(rect_of(proposal.box), places)


def rect_of(box: Box) -> Rect:
    """A box as messages carry it."""
    return Rect(box.x, box.y, box.width, box.height)


def largest_weight(schedule: Schedule, term: str) -> float:
    """The largest weight that a stage gives a term."""
    return max(stage.weights.get(term, 0.0) for stage in schedule.stages)


def pixel_answer(probe: PixelProbe, rotation: Float[np.ndarray, "3 3"]) -> Answer:
    """What is behind a pixel, for the window.

    Args:
        rotation: from the crop's camera to the photo's.
    """
    bars = [Bars("observed", probe.observed)]
    bars += [Bars("rendered", probe.rendered)] if probe.rendered is not None else []
    points = []
    for kernel in probe.kernels:
        x, y, z = (rotation @ np.array(kernel.position)).tolist()
        points.append((x, y, z, kernel.weight))
    return Answer(explain_pixel(probe), tuple(bars), points=tuple(points))


def joint_answer(probe: JointProbe) -> Answer:
    """What is behind a joint's place, for the window."""
    arrows = tuple(Arrow(pull.term, pull.arrow) for pull in probe.pulls)
    return Answer(explain_joint(probe), (), probe.place, arrows, probe.share.cells)


@torch.no_grad()
def told_stance(volume: NeuralBodyVolume, view: CropView, params: BodyParams) -> Stance:
    """A body of the crop camera's frame in numbers."""
    body = BodyState.of(params)
    joints = volume.joints(body.rotations, body.betas, body.transl)[0].double().numpy()
    places = ((x, y, z) for x, y, z in (joints @ view.rotation.T).tolist())
    names = (*SHAPES, *PLACES)
    return Stance(tuple(places), {name: Parameter(name).value(body, volume) for name in names})


def stage_marks(schedule: Schedule) -> tuple[StageMark, ...]:
    """Where the stages' records lie; the last has one more, behind the last Adam step."""
    return tuple(StageMark(stage.name, span.start, span.stop) for stage, span in schedule.spans)


def listed(joints: PhotoJoints) -> tuple[Joint, ...]:
    """Joints as messages carry them."""
    rows = zip(joints.xy.tolist(), joints.foreshortening.tolist(), strict=True)
    return tuple((x, y, foreshortening) for (x, y), foreshortening in rows)


def told_certainty(joints: Iterable[JointCertainty]) -> tuple[Certainty, ...]:
    """How sure the joints' places are, as messages carry it."""
    return tuple(Certainty(joint.seen, joint.inside, joint.spread_mm) for joint in joints)


def told_scene(observation: Observation, box: Rect, detectors: tuple[str, ...]) -> ImageScene:
    """What is known of a person before any fit.

    Args:
        box: the person's, as the window knows it.
        detectors: of the engine.
    """
    height, width = observation.photo.shape[:2]
    corners, to_crop = crop_outline(observation.view)
    joints = read_joints(observation)
    spread = zip(joints.sigma.tolist(), joints.sigma_foreshortening.tolist(), strict=True)
    return ImageScene(
        size=(width, height),
        focal=observation.focal,
        box=box,
        detected=False,
        corners=tuple((x, y) for x, y in corners.tolist()),
        to_crop=tuple((a, b, c) for a, b, c in to_crop.tolist()),
        legend=OCCLUSION_LEGEND,
        occluders=observation.occluders,
        hits_legend=HITS_LEGEND,
        estimated_joints=listed(joints),
        sigmas=tuple(spread),
        points=found_points(observation),
        votes=told_votes(observation),
        detectors=() if observation.keypoints else detectors,
    )


def told_truth(true: TrueJoints) -> TrueBody:
    """Where joints truly are, as messages carry it."""
    joints = tuple((x, y, 0.0) for x, y in true.xy.tolist())
    return TrueBody(joints, tuple((x, y, z) for x, y, z in true.places.tolist()))


def found_points(observation: Observation) -> tuple[FoundPoints, ...]:
    """The points that are fitted, one entry a kind of evidence; those not looked for left out."""
    found, view = [], observation.view
    points = observation.problem.find(BodyPoints)
    if points is not None:
        crop, sigma = points.xy[0].double().numpy(), points.sigma[0].double().numpy()
        sigma = sigma * photo_scale(crop, view)
        rows = zip(POINTS, view.to_photo(crop).tolist(), sigma.tolist(), strict=True)
        kept = [(name, (x, y), sigma) for name, (x, y), sigma in rows if math.isfinite(sigma)]
        found.append(_listed("three networks that vote", kept))
    joints = observation.problem.find(Keypoints)
    if joints is not None:
        crop, trust = joints.xy[0].double().numpy(), joints.confidence[0].tolist()
        rows = zip(JOINT_NAMES, view.to_photo(crop).tolist(), trust, strict=True)
        kept = [(name, (x, y), None) for name, (x, y), sure in rows if sure > 0]
        found.append(_listed("given" if observation.keypoints else "detected", kept))
    return tuple(points for points in found if points.names)


def told_votes(observation: Observation) -> tuple[FoundPoints, ...]:
    """The votes behind the points that are fitted, one entry a detector; empty without any."""
    votes, view = observation.problem.find(PointVotes), observation.view
    if votes is None:
        return ()
    told = []
    for number, voice in enumerate(votes.voices):
        crop = votes.xy[0, :, number].double().numpy()
        weights = votes.weight[0, :, number].tolist()
        sigmas = votes.sigma[0, :, number].double().numpy() * photo_scale(crop, view)
        rows = zip(votes.names, view.to_photo(crop).tolist(), sigmas.tolist(), weights, strict=True)
        kept = [(name, (x, y), sigma, w) for name, (x, y), sigma, w in rows if w > 0]
        points = _listed(voice, [row[:3] for row in kept])
        told.append(replace(points, weights=tuple(row[3] for row in kept)))
    return tuple(points for points in told if points.names)


def _listed(source: str, rows: list[Any]) -> FoundPoints:
    names, places, sigmas = zip(*rows, strict=True) if rows else ((), (), ())
    return FoundPoints(source, names, places, sigmas)


def kernels_of(volume: NeuralBodyVolume, params: BodyParams, view: CropView) -> Kernels:
    """The kernels of a body in the crop's camera, in the photo's."""
    with torch.no_grad():
        posed = volume.pose(params.rotations(), params.betas, params.transl)
        covariances = torch.linalg.inv(posed.precisions[0].double()).numpy()
    turn = np.asarray(view.rotation, np.float64)
    means = posed.means[0].double().numpy() @ turn.T
    return Kernels(means, turn @ covariances @ turn.T, volume.limb.numpy())


def crop_outline(view: CropView) -> tuple[Float[np.ndarray, "4 2"], Float[np.ndarray, "3 3"]]:
    """The crop's corners in pixels of the photo, and the homography onto the unit square."""
    to_crop = np.diag([1 / view.size, 1 / view.size, 1.0]) @ view.homography
    unit = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float64)
    return view.to_photo(view.size * unit), to_crop
