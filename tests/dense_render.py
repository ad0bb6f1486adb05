"""Renderings of Gaussian ellipsoids as dense maps, which are easier to check than sparse ones."""

from __future__ import annotations

import math
from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

from core.geometry.camera import Camera
from core.render.volume.render import render_sparse
from core.render.volume.sparse import RenderSettings


@dataclass(frozen=True)
class VolumeRender:
    """A rendering as dense maps.

    Attributes:
        features: composited features, not divided by the opacity.
        opacity: share of the ray's light that the body stops.
        kernel_ids: kernels seen by each pixel, nearest first, -1 for none.
        kernel_weights: their weights.
        kernel_depths: their depths along the ray, metres, infinite for none.
    """

    features: Float[Tensor, "batch height width dim"]
    opacity: Float[Tensor, "batch height width"]
    kernel_ids: Int[Tensor, "batch height width nearest"]
    kernel_weights: Float[Tensor, "batch height width nearest"]
    kernel_depths: Float[Tensor, "batch height width nearest"]


def render_volume(
    means: Float[Tensor, "batch kernels 3"],
    precisions: Float[Tensor, "batch kernels 3 3"],
    features: Float[Tensor, "batch kernels dim"],
    camera: Camera,
    height: int,
    width: int,
    settings: RenderSettings | None = None,
) -> VolumeRender:
    """Render kernels to dense maps of ``height`` x ``width`` pixels.

    Args:
        means: kernel centres in the camera frame, metres.
        precisions: inverse covariances, 1/metre^2.
        camera: in pixels of the map.
    """
    sparse = render_sparse(means, precisions, camera, height, width, settings)
    shape = (len(means), height, width)
    place = (sparse.assignment.batch, sparse.assignment.pixel)

    def spread(values: Tensor, empty: float) -> Tensor:
        flat = values.new_full((shape[0], height * width, *values.shape[1:]), empty)
        return flat.index_put(place, values).unflatten(1, shape[1:])

    return VolumeRender(
        features=spread(sparse.composite(features), 0),
        opacity=spread(sparse.opacity, 0),
        kernel_ids=spread(sparse.assignment.kernels, -1),
        kernel_weights=spread(sparse.weights, 0),
        kernel_depths=spread(sparse.depth, math.inf),
    )
