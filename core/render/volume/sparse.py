"""Settings and results of the volume renderer, shared by all backends."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.render.backends import is_native

# Form -> quadrature points in standard deviations from the peak, and their weights.
OCCLUSION_FORMS: dict[str, tuple[tuple[float, float], ...]] = {
    "voge": ((0.0, 1.0),),
    "gauss2": ((-1.0, 0.5), (1.0, 0.5)),
    "gauss3": ((-math.sqrt(3), 1 / 6), (0.0, 2 / 3), (math.sqrt(3), 1 / 6)),
}


@dataclass(frozen=True)
class RenderSettings:
    """Choices that equation 4 of 3DNBF leaves open.

    Attributes:
        density: optical depth straight through the middle of one kernel.
        nearest: largest number of kernels per pixel; those with the smallest depth are kept.
        threshold: a kernel reaches a pixel where exp(-q) is larger.
        occlusion: one of `OCCLUSION_FORMS`.
        backend: one of `core.render.backends.BACKENDS`. Results agree up to rounding; float64 is
            left to the twin.
    """

    density: float = 1.0
    nearest: int = 32
    threshold: float = 0.01
    occlusion: str = "gauss3"
    backend: str = "auto"

    def native(self, like: Tensor) -> bool:
        """Whether native code renders tensors such as ``like``."""
        return is_native(self.backend, like)


@dataclass(frozen=True)
class Assignment:
    """Which kernels reach which pixels: integers only, chosen without gradients.

    Attributes:
        batch: batch index of each reached pixel.
        pixel: its index in the flattened map (row-major).
        kernels: ids of the kernels that reach it, nearest first, padded by -1.
    """

    batch: Int[Tensor, " pixels"]
    pixel: Int[Tensor, " pixels"]
    kernels: Int[Tensor, "pixels nearest"]


@dataclass(frozen=True)
class SparseRender:
    """A rendering at the reached pixels only.

    Attributes:
        assignment: which pixels and which kernels.
        weights: share of each kernel in its pixel; a pixel's weights sum to its opacity.
        opacity: 1 - exp(-sum e).
        depth: depth t* along the ray of each kernel, metres (infinite where there is none).
    """

    assignment: Assignment
    weights: Float[Tensor, "pixels nearest"]
    opacity: Float[Tensor, " pixels"]
    depth: Float[Tensor, "pixels nearest"]

    def composite(
        self, features: Float[Tensor, "batch kernels dim"]
    ) -> Float[Tensor, "pixels dim"]:
        """Sum of the kernels' features by weight."""
        count = features.shape[1]
        index = self.assignment.batch[:, None] * count + self.assignment.kernels.clamp_min(0)
        return torch.nn.functional.embedding_bag(
            index, features.flatten(0, 1), per_sample_weights=self.weights, mode="sum"
        )

    def mean(self, features: Float[Tensor, "batch kernels dim"]) -> Float[Tensor, "pixels dim"]:
        """The features' mean by weight: the weights add up to the opacity."""
        return self.composite(features) / self.opacity.clamp_min(1e-6)[:, None]
