"""Volume rendering of Gaussian ellipsoids, by native code or its PyTorch twin.

`core.render.volume.twin` defines what is computed, equation by equation.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from core.geometry.camera import Camera
from core.native import native_status
from core.render.backends import choose_backend
from core.render.volume.native import instruction_set
from core.render.volume.ops import render_sparse_native
from core.render.volume.sparse import RenderSettings, SparseRender
from core.render.volume.twin import render_sparse_twin


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
