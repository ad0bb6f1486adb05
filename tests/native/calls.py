"""Calls of the CUDA library's C interface: of the library itself on a GPU, or of the same sources
compiled for the CPU (see on_cpu/)."""

from __future__ import annotations

import ctypes
from ctypes import byref, c_int64
from dataclasses import replace

import torch

from core.fit.likelihood_native import LikelihoodStruct
from core.geometry.camera import Camera
from core.render.sparse import Assignment
from core.render.volume_native import RowsStruct


def open_calls(path, device="cpu"):
    """The library at ``path``; ``device`` is where its memory lies."""
    library = ctypes.CDLL(str(path))
    library.nbf_cuda_error.restype = ctypes.c_char_p
    for name in ("assign", "rows", "nll"):
        getattr(library, f"nbf_cuda_volume_{name}_scratch").restype = c_int64
    return Calls(library, device)


class Calls:
    """The interface with tensors in and out, which lie on the CPU whatever the device.

    Results and scratch memory start as NaN, so that nobody relies on what was not written.
    """

    def __init__(self, library, device):
        self.library, self.device = library, torch.device(device)

    def _there(self, tensor):
        return tensor.detach().contiguous().to(self.device)

    def _poisoned(self, *shape, dtype=torch.float32):
        fill = torch.nan if dtype.is_floating_point else -(2**31)
        return torch.full(shape, fill, dtype=dtype, device=self.device)

    def _scene(self, scene):
        """The struct, and the tensors that it points to."""
        camera = Camera(self._there(scene.camera.focal), self._there(scene.camera.center))
        there = replace(
            scene,
            means=self._there(scene.means),
            precisions=self._there(scene.precisions),
            camera=camera,
        )
        return there.struct(), there

    def _rows(self, assignment):
        alive = [self._there(part) for part in vars(assignment).values()]
        addresses = (tensor.data_ptr() for tensor in alive)
        return RowsStruct(*assignment.kernels.shape, *addresses), alive

    def _run(self, name, *arguments):
        plain = [
            ctypes.c_void_p(a.data_ptr()) if isinstance(a, torch.Tensor) else a for a in arguments
        ]
        plain = [c_int64(a) if isinstance(a, int) else a for a in plain]
        if getattr(self.library, name)(*plain, None):  # the default stream
            raise RuntimeError(self.library.nbf_cuda_error().decode())

    def _scratch(self, name, *structs):
        size = getattr(self.library, f"nbf_cuda_volume_{name}_scratch")(*map(byref, structs))
        return torch.full((size,), 0xFF, dtype=torch.uint8, device=self.device)

    def assign(self, scene):
        (struct, _alive), rows, nearest = self._scene(scene), c_int64(), c_int64()
        scratch = self._scratch("assign", struct)
        self._run("nbf_cuda_volume_assign", byref(struct), scratch, byref(rows), byref(nearest))
        batch = self._poisoned(rows.value, dtype=torch.long)
        pixel = self._poisoned(rows.value, dtype=torch.long)
        kernels = self._poisoned(rows.value, nearest.value, dtype=torch.long)
        self._run(
            "nbf_cuda_volume_take", byref(struct), scratch, nearest.value, batch, pixel, kernels
        )
        return Assignment(batch.cpu(), pixel.cpu(), kernels.cpu())

    def weigh(self, scene, assignment):
        (struct, _one), (rows, _two) = self._scene(scene), self._rows(assignment)
        weights, depth = (self._poisoned(*assignment.kernels.shape) for _ in range(2))
        opacity = self._poisoned(len(weights))
        self._run("nbf_cuda_volume_weigh", byref(struct), byref(rows), weights, opacity, depth)
        return weights.cpu(), opacity.cpu(), depth.cpu()

    def weigh_backward(self, scene, assignment, *grads):
        (struct, _one), (rows, _two) = self._scene(scene), self._rows(assignment)
        made = self._poisoned(*scene.means.shape), self._poisoned(*scene.precisions.shape)
        scratch = self._scratch("rows", struct, rows)
        given = [self._there(grad) for grad in grads]
        self._run(
            "nbf_cuda_volume_weigh_backward", byref(struct), byref(rows), *given, scratch, *made
        )
        return tuple(grad.cpu() for grad in made)

    def composite(self, scene, assignment, weights, features):
        (struct, _one), (rows, _two) = self._scene(scene), self._rows(assignment)
        weights, features, dim = self._there(weights), self._there(features), features.shape[2]
        out = self._poisoned(len(weights), dim)
        self._run(
            "nbf_cuda_volume_composite", byref(struct), byref(rows), weights, features, dim, out
        )
        return out.cpu()

    def composite_backward(self, scene, assignment, weights, features, grad):
        (struct, _one), (rows, _two) = self._scene(scene), self._rows(assignment)
        given = [self._there(tensor) for tensor in (weights, features, grad)]
        made = self._poisoned(*weights.shape), self._poisoned(*features.shape)
        scratch = self._scratch("rows", struct, rows)
        self._run(
            "nbf_cuda_volume_composite_backward",
            *(byref(struct), byref(rows), *given[:2], features.shape[2], given[2]),
            *(scratch, *made),
        )
        return tuple(tensor.cpu() for tensor in made)

    def nll(self, scene, world, settings, with_gradient=True):
        """For a world of `tests.fit.test_likelihood_native.make_world`, float32."""
        struct, there = self._scene(scene)
        likelihood, alive = self._likelihood(world, settings)
        like = (there.means, there.precisions, alive[-1])
        grads = [self._poisoned(*t.shape) if with_gradient else None for t in like]
        value = self._poisoned(len(there.means))
        scratch = self._scratch("nll", struct, likelihood)
        self._run("nbf_cuda_volume_nll", byref(struct), byref(likelihood), scratch, value, *grads)
        return tuple(None if tensor is None else tensor.cpu() for tensor in (value, *grads))

    def _likelihood(self, world, settings):
        """The struct, and the tensors that it points to."""
        _, _, orientation, limb, observed, inside, bank = world
        foreground, background = bank.variances
        if settings.equal_variance:
            foreground = background = (foreground + background) / 2
        tensors = (observed, inside, bank.phi, bank.background, limb, orientation)
        alive = [self._there(tensor) for tensor in tensors]
        struct = LikelihoodStruct(
            *(tensor.data_ptr() for tensor in alive),
            *orientation.shape[1:],
            bank.phi.shape[2],
            *(foreground, background, settings.temper, settings.visible),
            *(settings.background_cap, settings.use_occlusion),
        )
        return struct, alive
