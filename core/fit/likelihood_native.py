"""The likelihood and its gradient in one native pass (``nbf_volume_nll`` of ``cuda/volume``).

What `core.fit.problem.explain` and `negative_log_likelihood` compute in turn, without the tensors
in between: nothing that belongs to a pixel leaves the processor's cache. The gradient is computed
together with the value, since a person's value has a single number of upstream gradient.
"""

from __future__ import annotations

import ctypes
from ctypes import c_float, c_int32, c_int64, c_void_p
from functools import cache
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from core.fit.likelihood import LikelihoodSettings
from core.native import dense
from core.nbv.features import FeatureBank
from core.render.volume_native import Scene, SceneStruct, library


class LikelihoodStruct(ctypes.Structure):
    """NbfLikelihood of cuda/volume/volume.h."""

    _fields_ = (
        ("observed", c_void_p),
        ("inside", c_void_p),
        ("phi", c_void_p),
        ("background", c_void_p),
        ("limb", c_void_p),
        ("orientation", c_void_p),
        ("limbs", c_int64),
        ("bins", c_int64),
        ("dim", c_int64),
        ("variance_foreground", c_float),
        ("variance_background", c_float),
        ("temper", c_float),
        ("visible", c_float),
        ("background_cap", c_float),
        ("use_occlusion", c_int32),
    )


def native_nll(
    scene: Scene,
    means: Float[Tensor, "batch kernels 3"],
    precisions: Float[Tensor, "batch kernels 3 3"],
    orientation: Float[Tensor, "batch limbs bins"],
    limb: Int[Tensor, "kernels"],
    observed: Float[Tensor, "batch map dim"],
    inside: Float[Tensor, "batch map"],
    bank: FeatureBank,
    settings: LikelihoodSettings,
) -> Float[Tensor, "batch"]:
    """Negative log-likelihood of each person's map, a constant of the background left out.

    Differentiable in means, precisions and orientation weights, and in nothing else.

    Args:
        scene: made of the same means and precisions.
        orientation: p(o | l) of each limb.
        limb: the limb of each kernel.
    """
    _check(scene, orientation, limb, observed, inside, bank)
    constants = (limb.contiguous(), dense(observed), dense(inside), bank, settings)
    return _Nll.apply(means, precisions, orientation, scene, constants)


def _check(
    scene: Scene,
    orientation: Tensor,
    limb: Tensor,
    observed: Tensor,
    inside: Tensor,
    bank: FeatureBank,
) -> None:
    """Shapes: native code would read outside the tensors without a word."""
    (batch, kernels), pixels = scene.means.shape[:2], scene.size[0] * scene.size[1]
    dim = bank.phi.shape[2]
    fits = (
        bank.phi.shape[0] == kernels
        and bank.background.shape == (dim,)
        and orientation.shape == (batch, orientation.shape[1], bank.bins)
        and limb.shape == (kernels,)
        and limb.dtype == torch.int64
        and observed.shape == (batch, pixels, dim)
        and inside.shape == (batch, pixels)
    )
    if not fits:
        raise ValueError(
            f"{batch} people of {kernels} kernels and maps of {pixels} pixels do not go with "
            f"features {tuple(bank.phi.shape)} and observations {tuple(observed.shape)}"
        )


@cache
def _library() -> Any:
    """The native library with the type of its likelihood declared."""
    native = library()
    pointer = ctypes.POINTER
    native.nbf_volume_nll.argtypes = [
        pointer(SceneStruct),
        pointer(LikelihoodStruct),
        *[c_void_p] * 4,
    ]
    return native


def _struct(
    orientation: Tensor,
    limb: Tensor,
    observed: Tensor,
    inside: Tensor,
    bank: FeatureBank,
    settings: LikelihoodSettings,
) -> tuple[LikelihoodStruct, tuple[Tensor, ...]]:
    """The C struct, and the tensors that have to outlive it."""
    phi, background = dense(bank.phi), dense(bank.background)
    foreground, behind = float(bank.variance_foreground), float(bank.variance_background)
    if settings.equal_variance:
        foreground = behind = (foreground + behind) / 2
    struct = LikelihoodStruct(
        *(t.data_ptr() for t in (observed, inside, phi, background, limb, orientation)),
        *orientation.shape[1:],
        phi.shape[2],
        foreground,
        behind,
        settings.temper,
        settings.visible,
        settings.background_cap,
        settings.use_occlusion,
    )
    return struct, (phi, background)


class _Nll(torch.autograd.Function):
    """Value and gradients at once; backward only scales them."""

    @staticmethod
    def forward(
        ctx: Any,
        _means: Tensor,
        _precisions: Tensor,
        orientation: Tensor,
        scene: Scene,
        constants: tuple[Tensor, Tensor, Tensor, FeatureBank, LikelihoodSettings],
    ) -> Tensor:
        orientation = dense(orientation)
        struct, _alive = _struct(orientation, *constants)
        nll = scene.means.new_empty(len(scene.means))
        grads: list[Tensor] = []
        if any(ctx.needs_input_grad[:3]):
            like = (scene.means, scene.precisions, orientation)
            grads = [torch.empty_like(tensor) for tensor in like]
        addresses = [grad.data_ptr() for grad in grads] if grads else [None] * 3
        _library().nbf_volume_nll(scene.struct(), struct, nll.data_ptr(), *addresses)
        ctx.save_for_backward(*grads)
        return nll

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        means, precisions, orientation = ctx.saved_tensors
        factor = grad[:, None, None]
        return means * factor, precisions * factor[..., None], orientation * factor, None, None
