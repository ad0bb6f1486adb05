"""The mesh renderer on a GPU (``cuda/mesh/raster_cuda.h``)."""

from __future__ import annotations

from functools import cache
from typing import Any

from torch import Tensor

from core.render.cuda_calls import CudaCalls, cuda_library


class CudaMesh(CudaCalls):
    """The functions of `core.render.mesh.abi` on PyTorch's current stream."""

    def draw(
        self,
        name: str,
        like: Tensor,
        arguments: tuple[Any, ...],
        scratch_arguments: tuple[Any, ...] | None,
    ) -> None:
        """Call a function.

        Args:
            like: any tensor of the device.
            scratch_arguments: what the size of the scratch memory depends on, None if the
                function needs none.
        """
        scratch = (
            []
            if scratch_arguments is None
            else [self.scratch(f"mesh_{name}", like, *scratch_arguments)]
        )
        self.run(f"mesh_{name}", like.device, *arguments, *scratch)


@cache
def cuda_mesh() -> CudaMesh:
    """The renderer of the CUDA library that is built on this machine."""
    return CudaMesh(cuda_library())
