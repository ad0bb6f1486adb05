"""The CUDA library's functions on tensors of the CPU, wherever the library itself computes: on a
GPU, or on the CPU too where its sources were compiled for that (see on_cpu/)."""

from __future__ import annotations

import ctypes
from dataclasses import fields, is_dataclass, replace

import torch

from core.render.volume.cuda import CudaVolume
from core.render.volume.native import LikelihoodStruct


def poisoned(*shape, dtype=torch.float32, device="cpu"):
    """A tensor with unwritten elements."""
    fill = torch.nan if dtype.is_floating_point else 255 if dtype == torch.uint8 else -(2**31)
    return torch.full(shape, fill, dtype=dtype, device=device)


class Poisoned(CudaVolume):
    """Results and scratch memory start as NaN: no code may rely on unwritten memory."""

    def new(self, like, *shape, dtype=torch.float32):
        return poisoned(*shape, dtype=dtype, device=like.device)


class Calls:
    """Every function of `CudaVolume`: there, and back to the CPU."""

    def __init__(self, path, device="cpu"):
        self.volume = Poisoned(ctypes.CDLL(str(path)))
        self.device = torch.device(device)

    def __getattr__(self, name):
        function = getattr(self.volume, name)
        return lambda *given: self._back(function(*map(self._there, given)))

    def nll(self, scene, world, settings, with_gradient=True):
        """For a world of `tests.fit.test_likelihood_native.make_world`, float32."""
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
        there = self._there(scene)
        return self._back(self.volume.nll(there, struct, alive[-1], with_gradient))

    def _there(self, given):
        """A tensor, or a dataclass with tensors anywhere in it, on the library's device."""
        if isinstance(given, torch.Tensor):
            return given.detach().contiguous().to(self.device)
        if is_dataclass(given):
            parts = {field.name: getattr(given, field.name) for field in fields(given)}
            return replace(given, **{name: self._there(part) for name, part in parts.items()})
        return given

    def _back(self, made):
        if isinstance(made, torch.Tensor):
            return made.cpu()
        if isinstance(made, tuple):
            return tuple(self._back(part) for part in made)
        if is_dataclass(made):
            return type(made)(*(self._back(part) for part in vars(made).values()))
        return made
