"""The CUDA volume renderer (``cuda/volume/volume_cuda.h``).

It has the functions of `core.render.volume.native`. Nothing is copied between devices: the tensors
of a scene are on the device on which the library computes.
"""

from __future__ import annotations

from ctypes import byref, c_int64
from functools import cache

import torch
from torch import Tensor

from core.native import dense
from core.render.cuda_calls import CudaCalls, cuda_library
from core.render.volume.native import LikelihoodStruct, VolumeScene, check_features, rows_struct
from core.render.volume.sparse import Assignment


class CudaVolume(CudaCalls):
    """The functions of the renderer."""

    def assign(self, scene: VolumeScene) -> Assignment:
        """Which kernels reach which pixels; waits for the device for the size of the result."""
        struct, like = scene.struct(), scene.means
        rows, nearest = c_int64(), c_int64()
        scratch = self.scratch("volume_assign", like, struct)
        self.run("volume_assign", like.device, struct, scratch, byref(rows), byref(nearest))
        count, most = rows.value, nearest.value
        batch, pixel = (self.new(like, count, dtype=torch.long) for _ in range(2))
        kernels = self.new(like, count, most, dtype=torch.long)
        self.run("volume_take", like.device, struct, scratch, most, batch, pixel, kernels)
        return Assignment(batch, pixel, kernels)

    def weigh(self, scene: VolumeScene, assignment: Assignment) -> tuple[Tensor, Tensor, Tensor]:
        """Weights, opacity and depth."""
        like, shape = scene.means, assignment.kernels.shape
        weights, depth = self.new(like, *shape), self.new(like, *shape)
        opacity = self.new(like, shape[0])
        structs = scene.struct(), rows_struct(assignment)
        self.run("volume_weigh", like.device, *structs, weights, opacity, depth)
        return weights, opacity, depth

    def weigh_backward(
        self,
        scene: VolumeScene,
        assignment: Assignment,
        weights: Tensor,
        opacity: Tensor,
        depth: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Gradients of means and precisions from those of weights, opacity and depth."""
        like, structs = scene.means, (scene.struct(), rows_struct(assignment))
        grads = self.new(like, *like.shape), self.new(like, *scene.precisions.shape)
        scratch = self.scratch("volume_rows", like, *structs)
        inputs = [dense(grad) for grad in (weights, opacity, depth)]
        self.run("volume_weigh_backward", like.device, *structs, *inputs, scratch, *grads)
        return grads

    def composite(
        self, scene: VolumeScene, assignment: Assignment, weights: Tensor, features: Tensor
    ) -> Tensor:
        """Sum of the kernels' features by weight."""
        check_features(scene, features)
        out = self.new(features, len(weights), features.shape[2])
        inputs = dense(weights), dense(features), features.shape[2]
        structs = scene.struct(), rows_struct(assignment)
        self.run("volume_composite", features.device, *structs, *inputs, out)
        return out

    def composite_backward(
        self,
        scene: VolumeScene,
        assignment: Assignment,
        weights: Tensor,
        features: Tensor,
        grad: Tensor,
        with_features: bool = True,
    ) -> tuple[Tensor, Tensor]:
        """Gradients of weights and features; the second is empty without ``with_features``."""
        structs = scene.struct(), rows_struct(assignment)
        grad_weights, grad_features = self.new(features, *weights.shape), self.new(features, 0)
        scratch = None
        if with_features:
            grad_features = self.new(features, *features.shape)
            scratch = self.scratch("volume_rows", features, *structs)
        inputs = dense(weights), dense(features), features.shape[2], dense(grad), scratch
        outputs = grad_weights, grad_features if with_features else None
        self.run("volume_composite_backward", features.device, *structs, *inputs, *outputs)
        return grad_weights, grad_features

    def nll(
        self,
        scene: VolumeScene,
        likelihood: LikelihoodStruct,
        orientation: Tensor,
        with_gradient: bool = True,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """`core.render.volume.native.nll`.

        It neither allocates outside PyTorch nor waits, so it can be captured in a CUDA graph.
        """
        struct, like = scene.struct(), scene.means
        grads = [
            self.new(like, *(tensor.shape if with_gradient else (0,)))
            for tensor in (like, scene.precisions, orientation)
        ]
        value, scratch = (
            self.new(like, len(like)),
            self.scratch("volume_nll", like, struct, likelihood),
        )
        outputs = grads if with_gradient else [None] * 3
        self.run("volume_nll", like.device, struct, likelihood, scratch, value, *outputs)
        return value, grads[0], grads[1], grads[2]


@cache
def cuda_volume() -> CudaVolume:
    """The renderer of the CUDA library that is built on this machine."""
    return CudaVolume(cuda_library())
