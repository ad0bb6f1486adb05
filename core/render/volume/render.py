"""Volume rendering of Gaussian ellipsoids, by native code or its PyTorch twin.

`core.render.volume.twin` defines what is computed, equation by equation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.geometry.camera import Camera
from core.native import native_status
from core.render.backends import choose_backend
from core.render.volume.native import instruction_set
from core.render.volume.ops import render_sparse_native
from core.render.volume.sparse import RenderSettings, SparseRender
from core.render.volume.twin import render_sparse_twin


@dataclass(frozen=True)
class VolumeRender:
    """A rendering as dense maps, for pictures and probes.

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


def render_sparse(
    means: Float[Tensor, "batch kernels 3"],
    precisions: Float[Tensor, "batch kernels 3 3"],
    camera: Camera,
    height: int,
    width: int,
    settings: RenderSettings | None = None,
) -> SparseRender:
    """Weights of the kernels at the pixels they reach; differentiable in means and precisions."""
    settings = settings or RenderSettings()
    render = render_sparse_native if settings.native(means) else render_sparse_twin
    return render(means, precisions, camera, (height, width), settings)


def describe_backend(name: str) -> str:
    """One line: the backend that `choose_backend` selects for ``name``, and why."""
    chosen = choose_backend(name)
    if chosen == "cuda":
        return f"cuda: native code for {torch.cuda.get_device_name()}"
    if chosen == "cpu":
        return f"cpu: native code for {instruction_set()}"
    return "torch (the PyTorch twin)" if name == "torch" else f"torch: {native_status()}"
