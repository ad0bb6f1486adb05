"""Calls of the CUDA volume renderer: `core.render.volume_native`, function by function."""

from __future__ import annotations

from ctypes import byref, c_int64

import torch
from jaxtyping import Float
from torch import Tensor

from core.native import dense
from core.render.cuda_calls import call, scratch
from core.render.sparse import Assignment
from core.render.volume_native import LikelihoodStruct, Scene, check_features, rows_struct


def assign(scene: Scene) -> Assignment:
    """Waits for the device: the size of the answer is part of it."""
    device, struct = scene.means.device, scene.struct()
    rows, nearest = c_int64(), c_int64()
    memory = scratch("volume_assign", struct, device=device)
    call("volume_assign", struct, memory, byref(rows), byref(nearest), device=device)
    batch = torch.empty(rows.value, dtype=torch.long, device=device)
    pixel = torch.empty_like(batch)
    kernels = batch.new_empty(rows.value, nearest.value)
    call("volume_take", struct, memory, nearest.value, batch, pixel, kernels, device=device)
    return Assignment(batch, pixel, kernels)


def weigh(scene: Scene, assignment: Assignment) -> tuple[Tensor, Tensor, Tensor]:
    """Weights, opacity and depth."""
    weights = scene.means.new_empty(assignment.kernels.shape)
    opacity, depth = weights.new_empty(len(weights)), torch.empty_like(weights)
    given = scene.struct(), rows_struct(assignment)
    call("volume_weigh", *given, weights, opacity, depth, device=weights.device)
    return weights, opacity, depth


def weigh_backward(
    scene: Scene, assignment: Assignment, weights: Tensor, opacity: Tensor, depth: Tensor
) -> tuple[Float[Tensor, "batch kernels 3"], Float[Tensor, "batch kernels 3 3"]]:
    """Gradients of means and precisions from those of weights, opacity and depth."""
    given = [dense(grad) for grad in (weights, opacity, depth)]
    grads = torch.empty_like(scene.means), torch.empty_like(scene.precisions)
    structs, device = (scene.struct(), rows_struct(assignment)), scene.means.device
    memory = scratch("volume_rows", *structs, device=device)
    call("volume_weigh_backward", *structs, *given, memory, *grads, device=device)
    return grads


def composite(
    scene: Scene,
    assignment: Assignment,
    weights: Float[Tensor, "pixels nearest"],
    features: Float[Tensor, "batch kernels dim"],
) -> Float[Tensor, "pixels dim"]:
    """Sum of the kernels' features by weight."""
    check_features(scene, features)
    weights, features, dim = dense(weights), dense(features), features.shape[2]
    out = weights.new_empty(len(weights), dim)
    structs = scene.struct(), rows_struct(assignment)
    call("volume_composite", *structs, weights, features, dim, out, device=out.device)
    return out


def composite_backward(
    scene: Scene,
    assignment: Assignment,
    weights: Float[Tensor, "pixels nearest"],
    features: Float[Tensor, "batch kernels dim"],
    grad: Float[Tensor, "pixels dim"],
    with_features: bool,
) -> tuple[Float[Tensor, "pixels nearest"], Float[Tensor, "batch kernels dim"]]:
    """Gradients of weights and features; the second is empty unless it is wanted."""
    weights, features, grad = dense(weights), dense(features), dense(grad)
    grad_weights = torch.empty_like(weights)
    grad_features = torch.empty_like(features) if with_features else features.new_empty(0)
    structs, device = (scene.struct(), rows_struct(assignment)), weights.device
    memory = scratch("volume_rows", *structs, device=device)
    made = grad_weights, grad_features if with_features else None
    given = weights, features, features.shape[2], grad
    call("volume_composite_backward", *structs, *given, memory, *made, device=device)
    return grad_weights, grad_features


def explain(
    scene: Scene, likelihood: LikelihoodStruct, nll: Tensor, grads: list[Tensor] | None
) -> None:
    """Fill in the negative log-likelihood, and its gradients where they are wanted."""
    struct, device = scene.struct(), nll.device
    memory = scratch("volume_nll", struct, likelihood, device=device)
    made = grads or [None] * 3
    call("volume_nll", struct, likelihood, memory, nll, *made, device=device)
