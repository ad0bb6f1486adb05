"""Operators of PyTorch that native code computes.

`torch.library.custom_op` would do, but its first call imports PyTorch's compiler, which takes a
second that a command does not have. The lower level of the same library does not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch


class Operator:
    """An operator with its kernel, called like a function.

    Attributes:
        name: "namespace::name".
    """

    def __init__(
        self, name: str, schema: str, devices: Sequence[str], kernel: Callable[..., Any]
    ) -> None:
        self.name = name
        self.__doc__ = kernel.__doc__
        torch.library.define(name, schema)
        torch.library.impl(name, tuple(devices))(kernel)
        namespace, short = name.split("::")
        self._call = getattr(getattr(torch.ops, namespace), short).default

    def __call__(self, *arguments: Any) -> Any:
        """The result of the kernel, differentiable once `register_autograd` was called."""
        return self._call(*arguments)

    def register_fake(self, fake: Callable[..., Any]) -> Callable[..., Any]:
        """Say how shapes of results follow from those of arguments; a decorator."""
        torch.library.register_fake(self.name, fake)
        return fake

    def register_autograd(self, backward: Callable[..., Any], setup_context: Any) -> None:
        """Say how gradients are computed, as for `torch.library.register_autograd`."""
        torch.library.register_autograd(self.name, backward, setup_context=setup_context)


def operator(
    name: str, schema: str, devices: Sequence[str]
) -> Callable[[Callable[..., Any]], Operator]:
    """Make a function the kernel of an operator; a decorator.

    Args:
        name: "namespace::name".
        schema: of arguments and results, in PyTorch's language.
        devices: types of devices that the kernel computes on.
    """
    return lambda kernel: Operator(name, schema, devices, kernel)
