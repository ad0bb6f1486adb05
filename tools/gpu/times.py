"""Time of each function of the CUDA volume renderer on this GPU.

    python -m tools.gpu.times [--batch 1 8 64] [--dim 64]

The likelihood, value and gradients, is also captured in a CUDA graph and replayed: its bits must be
those of the plain call. Prints JSON lines.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence

import torch

from core.bench.render import Layout
from core.render.volume.cuda import CudaVolume, cuda_volume
from core.render.volume.sparse import RenderSettings
from tools.gpu.scene import GpuScene, milliseconds


def captured(call: Callable[[], tuple[torch.Tensor | None, ...]]) -> Callable[[], None]:
    """The call, captured as a CUDA graph.

    Raises:
        RuntimeError: a replay gives other bits than the call.
    """
    plain = call()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        inside = call()
    graph.replay()
    torch.cuda.synchronize()
    for one, other in zip(plain, inside, strict=True):
        if one is not None and other is not None and not torch.equal(one, other):
            raise RuntimeError("a graph's replay gives other bits than the call")
    return graph.replay


def calls(volume: CudaVolume, given: GpuScene) -> dict[str, Callable[[], object]]:
    """A call of every function."""
    scene, features = given.scene, given.features
    assignment = volume.assign(scene)
    weights, opacity, depth = volume.weigh(scene, assignment)
    out = volume.composite(scene, assignment, weights, features)
    flat = torch.zeros_like(depth)

    def nll() -> tuple[torch.Tensor | None, ...]:
        return volume.nll(scene, given.likelihood, given.orientation)

    return {
        "assign": lambda: volume.assign(scene),
        "weigh": lambda: volume.weigh(scene, assignment),
        "weigh_backward": lambda: volume.weigh_backward(scene, assignment, weights, opacity, flat),
        "composite": lambda: volume.composite(scene, assignment, weights, features),
        "composite_backward": lambda: volume.composite_backward(
            scene, assignment, weights, features, out
        ),
        "nll": nll,
        "nll in a graph": captured(nll),
    }


def measure(volume: CudaVolume, layout: Layout, device: str) -> dict[str, float]:
    """Milliseconds of every function."""
    given = GpuScene.of(layout, RenderSettings(), device)
    return {name: round(milliseconds(call), 4) for name, call in calls(volume, given).items()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8, 64])
    parser.add_argument("--dim", type=int, default=64)
    options = parser.parse_args(arguments)
    volume = cuda_volume()
    for batch in options.batch:
        taken = measure(volume, Layout(batch=batch, dim=options.dim), "cuda")
        device = torch.cuda.get_device_name()
        print(json.dumps({"device": device, "batch": batch, "dim": options.dim, "ms": taken}))


if __name__ == "__main__":
    main()
