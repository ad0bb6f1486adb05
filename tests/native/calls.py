"""Calls of the CUDA library's C interface, by whatever library has it: in these tests, the same
sources compiled for the CPU (see on_cpu/)."""

from __future__ import annotations

import ctypes
from ctypes import byref, c_int64

import torch

from core.fit.likelihood_native import LikelihoodStruct
from core.render.sparse import Assignment
from core.render.volume_native import RowsStruct


def open_calls(path):
    library = ctypes.CDLL(str(path))
    library.nbf_cuda_error.restype = ctypes.c_char_p
    for name in ("assign", "rows", "nll"):
        getattr(library, f"nbf_cuda_volume_{name}_scratch").restype = c_int64
    return Calls(library)


def poisoned(*shape, dtype=torch.float32):
    """A tensor whose every element must still be written."""
    fill = torch.nan if dtype.is_floating_point else -(2**31)
    return torch.full(shape, fill, dtype=dtype)


class Calls:
    """The interface with tensors in and out; scratch memory starts as NaN."""

    def __init__(self, library):
        self.library = library

    def _run(self, name, *arguments):
        plain = [
            ctypes.c_void_p(a.data_ptr()) if isinstance(a, torch.Tensor) else a for a in arguments
        ]
        plain = [c_int64(a) if isinstance(a, int) else a for a in plain]
        if getattr(self.library, name)(*plain, None):  # the default stream
            raise RuntimeError(self.library.nbf_cuda_error().decode())

    def _scratch(self, name, *structs):
        size = getattr(self.library, f"nbf_cuda_volume_{name}_scratch")(*map(byref, structs))
        return torch.full((size,), 0xFF, dtype=torch.uint8)

    def assign(self, scene):
        struct, rows, nearest = scene.struct(), c_int64(), c_int64()
        scratch = self._scratch("assign", struct)
        self._run("nbf_cuda_volume_assign", byref(struct), scratch, byref(rows), byref(nearest))
        batch = poisoned(rows.value, dtype=torch.long)
        pixel = poisoned(rows.value, dtype=torch.long)
        kernels = poisoned(rows.value, nearest.value, dtype=torch.long)
        self._run(
            "nbf_cuda_volume_take", byref(struct), scratch, nearest.value, batch, pixel, kernels
        )
        return Assignment(batch, pixel, kernels)

    def weigh(self, scene, assignment):
        weights, depth = (poisoned(*assignment.kernels.shape) for _ in range(2))
        opacity = poisoned(len(weights))
        structs = byref(scene.struct()), byref(_rows(assignment))
        self._run("nbf_cuda_volume_weigh", *structs, weights, opacity, depth)
        return weights, opacity, depth

    def weigh_backward(self, scene, assignment, *grads):
        made = poisoned(*scene.means.shape), poisoned(*scene.precisions.shape)
        structs = scene.struct(), _rows(assignment)
        scratch = self._scratch("rows", *structs)
        given = [grad.contiguous() for grad in grads]
        self._run("nbf_cuda_volume_weigh_backward", *map(byref, structs), *given, scratch, *made)
        return made

    def composite(self, scene, assignment, weights, features):
        dim = features.shape[2]
        out = poisoned(len(weights), dim)
        structs = byref(scene.struct()), byref(_rows(assignment))
        self._run("nbf_cuda_volume_composite", *structs, weights, features, dim, out)
        return out

    def composite_backward(self, scene, assignment, weights, features, grad, with_features=True):
        structs = scene.struct(), _rows(assignment)
        grad_weights, grad_features = poisoned(*weights.shape), poisoned(*features.shape)
        self._run(
            "nbf_cuda_volume_composite_backward",
            *map(byref, structs),
            *(weights, features, features.shape[2], grad.contiguous()),
            self._scratch("rows", *structs) if with_features else None,
            grad_weights,
            grad_features if with_features else None,
        )
        return grad_weights, grad_features

    def nll(self, scene, likelihood, orientation, with_gradient=True):
        struct = scene.struct()
        like = (scene.means, scene.precisions, orientation)
        grads = [poisoned(*t.shape) if with_gradient else None for t in like]
        value = poisoned(len(scene.means))
        scratch = self._scratch("nll", struct, likelihood)
        self._run("nbf_cuda_volume_nll", byref(struct), byref(likelihood), scratch, value, *grads)
        return value, *grads


def _rows(assignment):
    return RowsStruct(
        *assignment.kernels.shape,
        assignment.batch.data_ptr(),
        assignment.pixel.data_ptr(),
        assignment.kernels.data_ptr(),
    )


def likelihood_struct(world, settings):
    """The C struct for a world of `tests.fit.test_likelihood_native.make_world`, float32."""
    _, _, orientation, limb, observed, inside, bank = world
    foreground, background = bank.variances
    if settings.equal_variance:
        foreground = background = (foreground + background) / 2
    tensors = (observed, inside, bank.phi, bank.background, limb, orientation)
    assert all(tensor.is_contiguous() for tensor in tensors)
    return LikelihoodStruct(
        *(tensor.data_ptr() for tensor in tensors),
        *orientation.shape[1:],
        bank.phi.shape[2],
        *(foreground, background, settings.temper, settings.visible, settings.background_cap),
        settings.use_occlusion,
    )
