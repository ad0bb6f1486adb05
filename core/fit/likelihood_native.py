"""The likelihood and its gradient in one native pass (``nbf_volume_nll`` of ``cuda/volume``).

What `core.fit.comparison.compare` and `negative_log_likelihood` compute in turn, without the
tensors in between: nothing that belongs to a pixel leaves the processor's cache. The gradient is
computed together with the value.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.fit.likelihood import LikelihoodSettings
from core.native import dense
from core.nbv.features import FeatureBank
from core.render.operators import operator
from core.render.volume.native import LikelihoodStruct, VolumeScene
from core.render.volume.ops import DEVICES, SCENE, calls_on, scene_of


def native_nll(
    scene: tuple[Any, ...],
    orientation: Float[Tensor, "batch limbs bins"],
    limb: Int[Tensor, " kernels"],
    observed: Float[Tensor, "batch map dim"],
    inside: Float[Tensor, "batch map"],
    bank: FeatureBank,
    settings: LikelihoodSettings,
) -> Float[Tensor, " batch"]:
    """Negative log-likelihood of each person's map, a constant of the background left out.

    Differentiable in means, precisions and orientation weights, and in nothing else.

    Args:
        scene: from `core.render.volume.ops.scene_arguments`.
        orientation: p(o | l) of each limb.
        limb: the limb of each kernel.
    """
    foreground, background = bank.variances
    if settings.equal_variance:
        foreground = background = (foreground + background) / 2
    needed = any(tensor.requires_grad for tensor in (*scene[:2], orientation))
    nll, *_grads = volume_nll(
        orientation,
        *(limb, observed, inside, bank.phi, bank.background),
        *(foreground, background, settings.temper, settings.visible, settings.background_cap),
        *(settings.use_occlusion, needed and torch.is_grad_enabled()),
        *scene,
    )
    return nll


@operator(
    "nbf::volume_nll",
    devices=DEVICES,
    schema="(Tensor orientation, Tensor limb, Tensor observed, Tensor inside, Tensor phi,"
    " Tensor background, float variance_foreground, float variance_background, float temper,"
    " float visible, float background_cap, bool use_occlusion, bool with_gradient,"
    f" {SCENE}) -> (Tensor, Tensor, Tensor, Tensor)",
)
def volume_nll(orientation: Tensor, *rest: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The value, and its gradients for means, precisions and orientation (empty if not wanted)."""
    limb, *maps = rest[:5]
    *numbers, with_gradient = rest[5:12]
    scene = scene_of(*rest[12:])
    orientation, limb = dense(orientation), limb.contiguous()
    observed, inside, phi, background = (dense(tensor) for tensor in maps)
    tensors = (observed, inside, phi, background, limb, orientation)
    _check(scene, *tensors)
    struct = LikelihoodStruct(
        *(tensor.data_ptr() for tensor in tensors),
        *orientation.shape[1:],
        phi.shape[2],
        *numbers,
    )
    return calls_on(orientation.device).nll(scene, struct, orientation, with_gradient)


@volume_nll.register_fake
def _fake(orientation: Tensor, *rest: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    with_gradient, means, precisions = rest[11:14]
    like = (means, precisions, orientation)
    grads = [torch.empty_like(t) if with_gradient else t.new_empty(0) for t in like]
    return means.new_empty(len(means)), grads[0], grads[1], grads[2]


def _setup(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    ctx.save_for_backward(*output[1:])
    ctx.arguments = len(inputs)


def _autograd(ctx: Any, grad: Tensor, *_others: Tensor) -> tuple[Tensor | None, ...]:
    """A person's value has one number of upstream gradient: it scales what is known already."""
    means, precisions, orientation = ctx.saved_tensors
    factor = grad[:, None, None]
    others = [None] * (ctx.arguments - 3 - 12)
    scene = (means * factor, precisions * factor[..., None], *others)
    return (orientation * factor, *[None] * 12, *scene)


volume_nll.register_autograd(_autograd, setup_context=_setup)


def _check(
    scene: VolumeScene,
    observed: Tensor,
    inside: Tensor,
    phi: Tensor,
    background: Tensor,
    limb: Tensor,
    orientation: Tensor,
) -> None:
    """Shapes: native code would read outside the tensors without a word."""
    (batch, kernels), pixels = scene.means.shape[:2], scene.size[0] * scene.size[1]
    _, bins, dim = phi.shape
    fits = (
        phi.shape[0] == kernels
        and background.shape == (dim,)
        and orientation.shape == (batch, orientation.shape[1], bins)
        and limb.shape == (kernels,)
        and limb.dtype == torch.int64
        and observed.shape == (batch, pixels, dim)
        and inside.shape == (batch, pixels)
    )
    if not fits:
        raise ValueError(
            f"{batch} people of {kernels} kernels and maps of {pixels} pixels do not go with "
            f"features {tuple(phi.shape)} and observations {tuple(observed.shape)}"
        )
