"""Volume rendering of Gaussian ellipsoids: the PyTorch twin of the native operator.

For a unit ray r(t) = t d from the camera and a kernel with centre M and precision P, the density
along the ray is a Gaussian in t. With

    a = d'Pd,   b = d'PM,   t* = b / a,   q = (M'PM - b^2 / a) / 2,

it peaks at depth t*, has standard deviation 1 / sqrt(a), and, integrated over the whole ray, the
optical depth ``e = density * exp(-q)``. The weight of a kernel in equation 4 of 3DNBF is

    w_k = integral of T(t) rho_k(t) dt = e_k * mean of T(t) under N(t*_k, 1 / a_k),
    T(t) = exp(-sum over m of e_m * Phi((t - t*_m) sqrt(a_m))),

with Phi the normal distribution function. The mean has no closed form for more than one kernel;
Gauss-Hermite quadrature evaluates it at a few points around the peak (`OCCLUSION_FORMS`):

* ``"voge"``: the peak alone, as published for VoGE;
* ``"gauss2"``: one standard deviation in front of and behind the peak;
* ``"gauss3"``: the peak and sqrt(3) standard deviations around it (default).

The Gauss forms are then scaled so that the weights sum to the exact opacity 1 - exp(-sum e); a
single kernel gets its exact weight. Against float64 quadrature of equation 4 their error
is several times smaller than VoGE's (`nbf bench accuracy`).
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.geometry.camera import Camera, pixel_rays
from core.render.volume.sparse import OCCLUSION_FORMS, Assignment, RenderSettings, SparseRender


def render_sparse_twin(
    means: Float[Tensor, "batch kernels 3"],
    precisions: Float[Tensor, "batch kernels 3 3"],
    camera: Camera,
    size: tuple[int, int],
    settings: RenderSettings,
) -> SparseRender:
    """`core.render.volume.render.render_sparse` without native code."""
    rays = pixel_rays(camera, *size).flatten(1, 2)
    # Which kernels are nearest are integers; their change at a boundary has no gradient.
    with torch.no_grad():
        assignment = assign(means, precisions, camera, rays, size, settings)
    return weigh(assignment, means, precisions, rays, settings)


def weigh(
    assignment: Assignment,
    means: Float[Tensor, "batch kernels 3"],
    precisions: Float[Tensor, "batch kernels 3 3"],
    rays: Float[Tensor, "batch rays 3"],
    settings: RenderSettings,
) -> SparseRender:
    """The weights, as the module's docstring defines them, of a given assignment."""
    missing = assignment.kernels < 0
    place = (assignment.batch[:, None], assignment.kernels.clamp_min(0))
    ray = rays[assignment.batch, assignment.pixel][:, None]
    sharpness, peak, miss = ray_gaussian(means[place], precisions[place], ray)
    thickness = (settings.density * torch.exp(-miss)).masked_fill(missing, 0)

    reach = sharpness.sqrt()
    share = torch.zeros_like(thickness)
    for point, weight in OCCLUSION_FORMS[settings.occlusion]:
        where = peak + point / reach
        passed = torch.special.ndtr((where[:, :, None] - peak[:, None]) * reach[:, None])
        share = share + weight * torch.exp(-(passed * thickness[:, None]).sum(-1))
    # expm1 keeps the digits of a small opacity, which 1 - exp(-x) loses.
    weights, opacity = thickness * share, -torch.expm1(-thickness.sum(-1))
    if settings.occlusion == "voge":
        opacity = weights.sum(-1)
    else:
        # A few points approximate the mean of T, but the sum of all weights is known exactly.
        weights = weights * (opacity / weights.sum(-1).clamp_min(1e-12))[:, None]
    return SparseRender(assignment, weights, opacity, peak.masked_fill(missing, math.inf))


def ray_gaussian(
    means: Float[Tensor, "*pairs 3"],
    precisions: Float[Tensor, "*pairs 3 3"],
    rays: Float[Tensor, "*#pairs 3"],
) -> tuple[Float[Tensor, "*pairs"], Float[Tensor, "*pairs"], Float[Tensor, "*pairs"]]:
    """The Gaussian along each ray: (a, t*, q) of the module's docstring.

    q is computed from the offset between the centre and the ray, because M'PM - b^2/a loses all
    digits in float32 where a kernel of a centimetre is metres away.
    """
    along = (precisions * rays[..., None, :]).sum(-1)
    sharpness = (along * rays).sum(-1)
    peak = (along * means).sum(-1) / sharpness
    offset = means - peak[..., None] * rays
    miss = 0.5 * ((precisions @ offset[..., None])[..., 0] * offset).sum(-1)
    return sharpness, peak, miss


def assign(
    means: Float[Tensor, "batch kernels 3"],
    precisions: Float[Tensor, "batch kernels 3 3"],
    camera: Camera,
    rays: Float[Tensor, "batch rays 3"],
    size: tuple[int, int],
    settings: RenderSettings,
) -> Assignment:
    """The nearest kernels of each pixel: exact screen bounds, threshold, sort by depth.

    Kernels whose peak is behind the camera are left out.
    """
    low, high = screen_bounds(means, precisions, camera, size, -math.log(settings.threshold))
    batch, kernel, pixel = _pairs_in_bounds(low, high, size[1])
    _, peak, miss = ray_gaussian(
        means[batch, kernel], precisions[batch, kernel], rays[batch, pixel]
    )
    keep = (torch.exp(-miss) > settings.threshold) & (peak > 0)
    batch, kernel, pixel, peak = batch[keep], kernel[keep], pixel[keep], peak[keep]

    order = peak.argsort(stable=True)  # by depth, then by pixel: depth is sorted in each pixel
    flat = (batch * rays.shape[1] + pixel)[order]
    regroup = flat.argsort(stable=True)
    flat, kernel = flat[regroup], kernel[order][regroup]
    reached, counts = flat.unique_consecutive(return_counts=True)
    first = counts.cumsum(0) - counts
    rank = torch.arange(len(flat), device=flat.device) - first.repeat_interleave(counts)
    nearest = min(settings.nearest, int(counts.max()) if len(counts) else 1)
    ids = flat.new_full((len(reached), nearest), -1)
    row = torch.arange(len(reached), device=flat.device).repeat_interleave(counts)
    seen = rank < nearest
    ids[row[seen], rank[seen]] = kernel[seen]
    return Assignment(reached // rays.shape[1], reached % rays.shape[1], ids)


def screen_bounds(
    means: Float[Tensor, "batch kernels 3"],
    precisions: Float[Tensor, "batch kernels 3 3"],
    camera: Camera,
    size: tuple[int, int],
    reach: float,
) -> tuple[Int[Tensor, "batch kernels 2"], Int[Tensor, "batch kernels 2"]]:
    """Pixel columns and rows that the ellipsoids q <= ``reach`` can touch: [low, high).

    The outline of an ellipsoid is a conic whose dual is S - M M' for S = 2 reach P^-1, so its
    extent along x solves c_zz x^2 - 2 c_xz x + c_xx = 0. A kernel that is not wholly in front of
    the camera has no such outline and gets empty bounds, as does one that is not finite or whose
    precision is not positive definite.
    """
    # The *_ex forms report a bad matrix in place of raising: one bad kernel must not end a fit.
    failed = torch.linalg.cholesky_ex(precisions).info
    scaled = torch.linalg.inv_ex(precisions).inverse * (2 * reach)
    dual = scaled - means[..., :, None] * means[..., None, :]
    quadratic = dual[..., 2, 2, None]
    middle = dual[..., :2, 2] / quadratic
    inside = (middle.square() - dual.diagonal(dim1=-2, dim2=-1)[..., :2] / quadratic).clamp_min(0)
    focal, center = camera.focal[:, None, None], camera.center[:, None]
    # The centre of pixel i is at i + 0.5.
    low = (focal * (middle - inside.sqrt()) + center - 0.5).ceil()
    high = (focal * (middle + inside.sqrt()) + center - 0.5).floor() + 1
    limit = torch.tensor([size[1], size[0]], dtype=low.dtype, device=low.device)
    low, high = low.clamp_min(0).minimum(limit), high.clamp_min(0).minimum(limit)
    visible = (means[..., 2] > 0) & (quadratic[..., 0] < 0) & (failed == 0)
    visible &= (low.isfinite() & high.isfinite()).all(-1)
    low = low.nan_to_num()
    high = torch.where(visible[..., None], high.maximum(low), low)
    return low.long(), high.long()


def _pairs_in_bounds(low: Tensor, high: Tensor, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """Every (batch, kernel, pixel) inside the kernels' bounds, ordered by batch and kernel."""
    extent = high - low
    area = extent.prod(-1)
    batch, kernel = area.nonzero(as_tuple=True)
    counts = area[batch, kernel]
    first = counts.cumsum(0) - counts
    index = torch.arange(int(counts.sum()), device=low.device) - first.repeat_interleave(counts)
    batch, kernel = batch.repeat_interleave(counts), kernel.repeat_interleave(counts)
    columns = extent[batch, kernel, 0]
    column = low[batch, kernel, 0] + index % columns
    row = low[batch, kernel, 1] + torch.div(index, columns, rounding_mode="floor")
    return batch, kernel, row * width + column
