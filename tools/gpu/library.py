"""The CUDA volume renderer's C interface (cuda/volume/volume_cuda.h) with tensors in and out.

Call for call as `core.render.volume_native`. Nothing is copied between devices: a scene's tensors
lie where the library computes.
"""

from __future__ import annotations

import ctypes
from ctypes import byref, c_int64, c_void_p
from pathlib import Path

import torch
from torch import Tensor

from core.fit.likelihood_native import LikelihoodStruct
from core.native import ROOT
from core.render.sparse import Assignment
from core.render.volume_native import RowsStruct, Scene

LIBRARY = ROOT / "build" / "cuda" / "libnbf_cuda.so"  # where `make cuda` leaves it


class CudaVolume:
    """Functions of the library; each puts its work on PyTorch's current stream."""

    def __init__(self, path: Path = LIBRARY) -> None:
        self._library = ctypes.CDLL(str(path))
        self._library.nbf_cuda_error.restype = ctypes.c_char_p
        for name in ("assign", "rows", "nll"):
            getattr(self._library, f"nbf_cuda_volume_{name}_scratch").restype = c_int64

    def new(self, like: Tensor, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """Memory for a result or for scratch."""
        return like.new_empty(shape, dtype=dtype)

    def assign(self, scene: Scene) -> Assignment:
        """Which kernels reach which pixels; waits for the device."""
        struct, like = scene.struct(), scene.means
        rows, nearest = c_int64(), c_int64()
        scratch = self._scratch("assign", like, struct)
        self._run("assign", like, byref(struct), scratch, byref(rows), byref(nearest))
        count, most = rows.value, nearest.value
        batch, pixel = (self.new(like, count, dtype=torch.long) for _ in range(2))
        kernels = self.new(like, count, most, dtype=torch.long)
        self._run("take", like, byref(struct), scratch, c_int64(most), batch, pixel, kernels)
        return Assignment(batch, pixel, kernels)

    def weigh(self, scene: Scene, assignment: Assignment) -> tuple[Tensor, Tensor, Tensor]:
        """Weights, opacity and depth."""
        like, shape = scene.means, assignment.kernels.shape
        weights, depth = self.new(like, *shape), self.new(like, *shape)
        opacity = self.new(like, shape[0])
        structs = byref(scene.struct()), byref(_rows(assignment))
        self._run("weigh", like, *structs, weights, opacity, depth)
        return weights, opacity, depth

    def weigh_backward(
        self, scene: Scene, assignment: Assignment, weights: Tensor, opacity: Tensor, depth: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Gradients of means and precisions from those of weights, opacity and depth."""
        like, structs = scene.means, (scene.struct(), _rows(assignment))
        grads = self.new(like, *like.shape), self.new(like, *scene.precisions.shape)
        scratch = self._scratch("rows", like, *structs)
        given = [grad.contiguous() for grad in (weights, opacity, depth)]
        self._run("weigh_backward", like, *map(byref, structs), *given, scratch, *grads)
        return grads

    def composite(
        self, scene: Scene, assignment: Assignment, weights: Tensor, features: Tensor
    ) -> Tensor:
        """Sum of the kernels' features by weight."""
        dim = features.shape[2]
        out = self.new(features, len(weights), dim)
        given = weights.contiguous(), features.contiguous(), c_int64(dim)
        structs = byref(scene.struct()), byref(_rows(assignment))
        self._run("composite", features, *structs, *given, out)
        return out

    def composite_backward(
        self,
        scene: Scene,
        assignment: Assignment,
        weights: Tensor,
        features: Tensor,
        grad: Tensor,
        with_features: bool = True,
    ) -> tuple[Tensor, Tensor | None]:
        """Gradients of weights and features."""
        structs = scene.struct(), _rows(assignment)
        grad_weights = self.new(features, *weights.shape)
        grad_features = self.new(features, *features.shape) if with_features else None
        scratch = self._scratch("rows", features, *structs) if with_features else None
        given = weights.contiguous(), features.contiguous(), c_int64(features.shape[2])
        self._run(
            "composite_backward",
            features,
            *(*map(byref, structs), *given, grad.contiguous(), scratch),
            *(grad_weights, grad_features),
        )
        return grad_weights, grad_features

    def nll(
        self,
        scene: Scene,
        likelihood: LikelihoodStruct,
        orientation: Tensor,
        with_gradient: bool = True,
    ) -> tuple[Tensor, Tensor | None, Tensor | None, Tensor | None]:
        """The likelihood and its gradients for means, precisions and orientation weights.

        Neither allocates outside PyTorch nor waits: it can be captured in a CUDA graph.

        Args:
            likelihood: points to tensors of the scene's device, ``orientation`` among them.
        """
        struct, like = scene.struct(), scene.means
        means, precisions, shares = (
            self.new(like, *tensor.shape) if with_gradient else None
            for tensor in (like, scene.precisions, orientation)
        )
        value = self.new(like, len(like))
        scratch = self._scratch("nll", like, struct, likelihood)
        structs = byref(struct), byref(likelihood)
        self._run("nll", like, *structs, scratch, value, means, precisions, shares)
        return value, means, precisions, shares

    def _scratch(self, name: str, like: Tensor, *structs: ctypes.Structure) -> Tensor:
        query = getattr(self._library, f"nbf_cuda_volume_{name}_scratch")
        return self.new(like, query(*map(byref, structs)), dtype=torch.uint8)

    def _run(self, name: str, like: Tensor, *arguments: object) -> None:
        """Call a function on the current stream of ``like``'s device."""
        stream = torch.cuda.current_stream(like.device).cuda_stream if like.is_cuda else 0
        plain = [
            c_void_p(given.data_ptr()) if isinstance(given, Tensor) else given
            for given in arguments
        ]
        if getattr(self._library, f"nbf_cuda_volume_{name}")(*plain, c_void_p(stream)):
            raise RuntimeError(self._library.nbf_cuda_error().decode())


def _rows(assignment: Assignment) -> RowsStruct:
    return RowsStruct(
        *assignment.kernels.shape,
        assignment.batch.data_ptr(),
        assignment.pixel.data_ptr(),
        assignment.kernels.data_ptr(),
    )
