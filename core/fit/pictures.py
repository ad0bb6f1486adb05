"""The pictures of a step: pure functions of what was observed and of the parameters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from core.body.params import BodyParams
from core.fit.comparison import Comparison, compare
from core.fit.engine import Engine
from core.fit.evidence import FeatureMap
from core.fit.joint_certainty import JointCertainty, joint_certainties
from core.fit.model import GenerativeModel
from core.fit.observation import Observation
from core.fit.problem import Problem
from core.fit.schedule import Schedule
from core.fit.state import BodyState
from core.nbv.features import FeatureBank
from core.occlusion.scores import Found, judge
from core.pictures.colors import FeatureColors, occlusion_colors
from core.pictures.overlay import draw_body
from core.pictures.palette import NOWHERE

COVERED = 0.5  # opacity from which a pixel counts as the body's


@dataclass(frozen=True)
class StepMaps:
    """The model at one step, on the pixels of the feature map.

    Attributes:
        rendered: the volume's feature map in the colours of the observed one.
        occlusion: posterior of z in colours: is the body seen, or something in front of it.
        posterior: the same as numbers, NaN where the body does not reach.
        residual: 1 minus the cosine between observed and rendered feature, NaN there, too.
        found: how well occlusion is found where something is hidden by hand, on the body's pixels
            inside the photo; None if nothing is.
        joints: how sure the place of each joint is.
    """

    rendered: UInt8[np.ndarray, "h w 3"]
    occlusion: UInt8[np.ndarray, "h w 3"]
    posterior: Float[np.ndarray, "h w"]
    residual: Float[np.ndarray, "h w"]
    found: Found | None = None
    joints: tuple[JointCertainty, ...] = ()

    @property
    def covers(self) -> bool:
        """Whether the body covers any pixel of the map."""
        return bool(np.isfinite(self.posterior).any())

    @property
    def occluded_share(self) -> float:
        """Share of the body's pixels that are called occluded."""
        known = self.posterior[~np.isnan(self.posterior)]
        return float((known < 0.5).mean()) if known.size else 0.0


def feature_colors(bank: FeatureBank) -> FeatureColors:
    """One colour basis a model, from its own features: a part keeps its colour in all photos."""
    return FeatureColors.fit(torch.cat([bank.phi.flatten(0, 1), bank.background[None]]))


def draw_features(observation: Observation, colors: FeatureColors) -> UInt8[np.ndarray, "h w 3"]:
    """The observed feature map; the same for all steps."""
    return colors.apply(observation.features.permute(1, 2, 0))


def draw_overlay(
    engine: Engine,
    observation: Observation,
    params: BodyParams,
    photo: UInt8[np.ndarray, "height width 3"] | None = None,
) -> UInt8[np.ndarray, "height width 3"]:
    """The photo with the body of ``params`` (in the crop camera's frame) drawn over it.

    Args:
        photo: a scaled copy to draw on; drawing takes time in proportion to its pixels.
    """
    canvas = observation.seen if photo is None else photo
    in_crop = engine.figures(params).vertices[0].numpy()
    height, width = canvas.shape[:2]
    return draw_body(
        canvas,
        in_crop @ observation.view.rotation.T.astype(np.float32),
        engine.body.faces.numpy().astype(np.int32),
        observation.focal_in(canvas),
        (width / 2, height / 2),
    )


def compare_step(
    engine: Engine, observation: Observation, params: BodyParams, schedule: Schedule
) -> Comparison:
    """One step compared with the observation."""
    with torch.no_grad():
        return compare(observation.problem, engine.model, BodyState.of(params), schedule)


def draw_maps(
    engine: Engine,
    observation: Observation,
    params: BodyParams,
    colors: FeatureColors,
    schedule: Schedule | None = None,
) -> StepMaps:
    """The maps of one step."""
    seen = compare_step(engine, observation, params, schedule or Schedule.standard())
    size = observation.features.shape[1:]
    opacity = _spread(seen, seen.render.opacity, size, 0.0)
    rendered = _spread(seen, seen.render.mean(seen.emitted), size, 0.0)
    tinted = colors.apply(rendered)
    observed = observation.features.permute(1, 2, 0)
    residual = 1 - torch.nn.functional.cosine_similarity(observed, rendered, dim=-1)
    residual[opacity < COVERED] = torch.nan
    shown = opacity[..., None].numpy()
    posterior = _spread(seen, seen.evidence.posterior, size, torch.nan)
    posterior[opacity < COVERED] = torch.nan
    return StepMaps(
        rendered=(tinted * shown + np.array(NOWHERE) * (1 - shown)).astype(np.uint8),
        occlusion=occlusion_colors(posterior.numpy()),
        posterior=posterior.numpy(),
        residual=residual.numpy(),
        found=_judged(observation, posterior.numpy()),
        joints=joint_certainties(observation.problem, seen, engine.volume),
    )


def _judged(observation: Observation, posterior: Float[np.ndarray, "h w"]) -> Found | None:
    """How well the posterior finds what is hidden by hand; nothing is known beyond the photo."""
    if observation.hidden is None:
        return None
    observed = observation.problem.get(FeatureMap)
    inside = observed.inside[0].unflatten(0, observed.size).numpy() >= 0.5
    return judge(np.where(inside, posterior, np.nan), observation.hidden)


def feature_distance(
    engine: Engine,
    ones: tuple[Observation, BodyParams, Schedule],
    others: tuple[Observation, BodyParams, Schedule],
) -> Float[np.ndarray, "h w"]:
    """Euclidean distance of the feature maps that two bodies render, zero where neither is.

    Features are unit vectors times the body's opacity: it is from 0 to 2.

    Args:
        ones, others: what is observed, in the same crop; a body in its frame; how it is rendered.
    """
    maps = []
    for observation, params, schedule in (ones, others):
        seen = compare_step(engine, observation, params, schedule)
        mean = seen.render.mean(seen.emitted) * seen.render.opacity[:, None]
        maps.append(_spread(seen, mean, observation.features.shape[1:], 0.0))
    return (maps[0] - maps[1]).norm(dim=-1).numpy()


def occlusion_maps(
    problem: Problem, model: GenerativeModel, params: BodyParams, schedule: Schedule
) -> Float[np.ndarray, "batch h w"]:
    """Posterior of z for a batch of bodies, NaN where they do not reach."""
    with torch.no_grad():
        seen = compare(problem, model, BodyState.of(params), schedule)
    posterior = seen.evidence.posterior.masked_fill(seen.render.opacity < COVERED, torch.nan)
    observed = problem.get(FeatureMap)
    flat = posterior.new_full(observed.features.shape[:2], torch.nan)
    place = (seen.render.assignment.batch, seen.render.assignment.pixel)
    return flat.index_put(place, posterior).unflatten(1, observed.size).numpy()


def _spread(seen: Comparison, values: Tensor, size: torch.Size, empty: float) -> Tensor:
    """Values at the reached pixels as a map of (h, w, ...)."""
    flat = values.new_full((size[0] * size[1], *values.shape[1:]), empty)
    return flat.index_put((seen.render.assignment.pixel,), values).unflatten(0, tuple(size))
