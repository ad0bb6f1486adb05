"""Comparison with VoGE's published CUDA extension on one GPU and the same scenes.

    git clone https://github.com/Angtian/VoGE ~/VoGE
    python -m tools.gpu.voge ~/VoGE [--batch 1 8 64] [--dim 64]

VoGE's own sources are compiled in place; neither its set-up nor PyTorch3D is needed, because only
its fine stage, its weights and its composition are called. The lists of kernels that its coarse
stage would make are passed to it: exact ones, whose time is not counted. Both renderers run forward
and backward, to features, centres and precisions, in VoGE's occlusion form; VoGE renders the people
of a batch one after the other, as it documents. ``comparable`` is false if the features differ by
more than VoGE's rounding. Prints JSON lines.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core.bench.render import Layout
from core.geometry.camera import Camera, pixel_rays
from core.render.volume.cuda import CudaVolume, cuda_volume
from core.render.volume.native import VolumeScene
from core.render.volume.sparse import Assignment, RenderSettings
from core.render.volume.twin import screen_bounds
from tools.gpu.scene import GpuScene, milliseconds

BIN = 10  # pixels, VoGE's choice for maps of up to 320
VOGE = RenderSettings(occlusion="voge")
UNIT = 0.6065306597  # exp(-1/2): VoGE divides its weights by it
ROUNDING_SHARE = 0.02  # largest relative difference: VoGE's distances lose digits to rounding


def load_voge(folder: Path) -> tuple[Any, Any]:
    """Its modules RayTracing and Aggregation, with the extension built from its sources."""
    from torch.utils.cpp_extension import load

    sources = folder / "VoGE" / "csrc"
    package = types.ModuleType("VoGE")  # its __init__ imports the parts that want PyTorch3D
    package.__path__ = [str(folder / "VoGE")]
    sys.modules["VoGE"] = package
    found = sorted(str(path) for kind in ("*.cpp", "*.cu") for path in sources.rglob(kind))
    sys.modules["VoGE._C"] = package._C = load(  # type: ignore[attr-defined]
        name="voge_extension",
        sources=found,
        extra_include_paths=[str(sources)],
        extra_cflags=["-DWITH_CUDA", "-O3"],
        extra_cuda_cflags=["-DWITH_CUDA", "-O3"],
    )
    ray_tracing = importlib.import_module("VoGE.RayTracing")
    return ray_tracing, importlib.import_module("VoGE.Aggregation")


def bin_lists(scene: VolumeScene) -> Tensor:
    """Kernels (as indices into the flattened batch) whose exact bounds meet each square bin."""
    low, high = screen_bounds(
        scene.means, scene.precisions, scene.camera, scene.size, -torch.tensor(0.01).log().item()
    )
    batch, kernels = scene.means.shape[:2]
    rows, columns = (-(-side // BIN) for side in scene.size)
    edges = [torch.arange(count, device=low.device) * BIN for count in (columns, rows)]
    meets = [
        (low[..., i, None] < edge + BIN) & (high[..., i, None] > edge)
        for i, edge in enumerate(edges)
    ]
    both = (meets[1][..., :, None] & meets[0][..., None, :]).permute(0, 2, 3, 1)
    drawn = ((high - low).prod(-1) > 0)[:, None, None]
    order = (both & drawn).int().sort(dim=-1, descending=True, stable=True)
    index = order.indices + kernels * torch.arange(batch, device=low.device).view(-1, 1, 1, 1)
    longest = max(int(order.values.sum(-1).max()), 1)
    return index.where(order.values > 0, -1)[..., :longest].int().contiguous()


def voge_render(modules: tuple[Any, Any], scene: VolumeScene) -> Callable[..., Tensor]:
    """A function of means, precisions and features that gives VoGE's dense features.

    People are rendered one at a time, since its composition stores kernels times pixels.
    """
    tracing, aggregation = modules
    rays, settings = pixel_rays(scene.camera, *scene.size), scene.settings
    lists = [bin_lists(person) for person in people(scene)]

    def render_one(i: int, means: Tensor, precisions: Tensor, features: Tensor) -> Tensor:
        ids, length, activation, sharpness = tracing.ray_tracing_fine(
            *(means, precisions / 2, rays[i : i + 1], lists[i]),
            *(settings.threshold, BIN, settings.nearest),
        )
        weights, ids, count, _ = aggregation.aggregation(ids.clone(), activation, length, sharpness)
        return aggregation.merge_final(features, weights, ids, count)[0] * UNIT

    def render(*leaves: Tensor) -> Tensor:
        return torch.stack([render_one(i, *one) for i, one in enumerate(zip(*leaves, strict=True))])

    return render


def people(scene: VolumeScene) -> list[VolumeScene]:
    """Each person's scene by itself."""
    tensors = (scene.means, scene.precisions, scene.camera.focal, scene.camera.center)
    return [
        VolumeScene(means, precisions, Camera(focal, center), scene.size, scene.settings)
        for means, precisions, focal, center in zip(*(t.split(1) for t in tensors), strict=True)
    ]


class OurRender(torch.autograd.Function):
    """The same by this project's CUDA library, with gradients."""

    @staticmethod
    def forward(ctx: Any, *given: Any) -> Tensor:
        """Features of the rows."""
        _means, _precisions, features, scene, volume = given
        assignment = volume.assign(scene)
        weights, _opacity, _depth = volume.weigh(scene, assignment)
        ctx.kept = scene, volume, assignment, weights, features
        return volume.composite(scene, assignment, weights, features)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
        """Gradients of means, precisions and features."""
        scene, volume, assignment, weights, features = ctx.kept
        by_weight, by_feature = volume.composite_backward(
            scene, assignment, weights, features, grads[0]
        )
        none = torch.zeros_like(weights)
        shapes = volume.weigh_backward(scene, assignment, by_weight, none[:, 0], none)
        return *shapes, by_feature, None, None


def difference(rows: Tensor, assignment: Assignment, theirs: Tensor) -> float:
    """Mean difference of rows from VoGE's map, relative to the map's mean magnitude."""
    ours = torch.zeros_like(theirs).flatten(1, 2)
    ours = ours.index_put((assignment.batch, assignment.pixel), rows)
    return float((theirs.flatten(1, 2) - ours).abs().mean() / theirs.abs().mean())


def compare(
    modules: tuple[Any, Any], volume: CudaVolume, layout: Layout, device: str
) -> dict[str, Any]:
    """Milliseconds of both renderers, forward and backward, and how far their features differ."""
    given = GpuScene.of(layout, VOGE, device)
    scene = given.scene
    render = voge_render(modules, scene)
    leaves = [t.requires_grad_() for t in (scene.means, scene.precisions, given.features)]

    def ours() -> Tensor:
        return OurRender.apply(*leaves, scene, volume)

    def theirs() -> Tensor:
        return render(*leaves)

    def both_ways(call: Callable[[], Tensor]) -> Callable[[], object]:
        ones = torch.ones_like(call())
        return lambda: torch.autograd.grad(call(), leaves, ones)

    with torch.no_grad():
        apart = difference(ours(), volume.assign(scene), theirs())
    taken = {
        "nbf": milliseconds(both_ways(ours)),
        "voge": milliseconds(both_ways(theirs)),
    }
    return {
        "batch": layout.batch,
        "dim": layout.dim,
        "milliseconds": {name: round(value, 4) for name, value in taken.items()},
        "times as fast": round(taken["voge"] / taken["nbf"], 1),
        "features differ by": round(apart, 5),
        "comparable": apart < ROUNDING_SHARE,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Build, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="a clone of VoGE")
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8, 64])
    parser.add_argument("--dim", type=int, default=64)
    options = parser.parse_args(arguments)
    if not (options.folder / "VoGE" / "csrc").is_dir():
        parser.error(f"{options.folder} is no clone of https://github.com/Angtian/VoGE")
    modules = load_voge(options.folder)
    for batch in options.batch:
        layout = Layout(batch=batch, dim=options.dim)
        print(json.dumps(compare(modules, cuda_volume(), layout, "cuda")))


if __name__ == "__main__":
    main()
