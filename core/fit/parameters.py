"""The parameters of a body as named slices of one vector for each row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.errors import UserError


@dataclass(frozen=True)
class ParameterLayout:
    """Names and sizes of the parameters in a vector, in order.

    Attributes:
        sizes: number of values of each parameter, by name.
    """

    sizes: dict[str, int]

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters' names."""
        return tuple(self.sizes)

    @property
    def size(self) -> int:
        """Length of the vector."""
        return sum(self.sizes.values())

    def slice(self, name: str) -> slice:
        """The part of the vector that a parameter has.

        Raises:
            KeyError: there is no such parameter.
        """
        start = 0
        for other, size in self.sizes.items():
            if other == name:
                return slice(start, start + size)
            start += size
        raise KeyError(name)

    def get(self, vector: Float[Tensor, "batch size"], name: str) -> Float[Tensor, "batch part"]:
        """One parameter of each row."""
        return vector[:, self.slice(name)]

    def mask(self, names: Sequence[str], like: Tensor) -> Float[Tensor, " size"]:
        """1 at the values of the named parameters, 0 elsewhere."""
        mask = torch.zeros(self.size, dtype=like.dtype, device=like.device)
        for name in names:
            mask[self.slice(name)] = 1
        return mask

    def check(self, names: Sequence[str]) -> None:
        """Refuse unknown parameters.

        Raises:
            UserError: one of the names is not a parameter.
        """
        for name in names:
            if name not in self.sizes:
                raise UserError(f"no parameter {name!r}; there are {', '.join(self.sizes)}")


BODY = ParameterLayout({"global_orient": 3, "body_pose": 69, "betas": 10, "transl": 3})
"""A body around its start, see `core.fit.state.Chart`: radians, standard deviations, metres."""


def tie(
    gradient: Float[Tensor, "batch size"],
    shared: Float[Tensor, " size"],
    person: Int[Tensor, " batch"],
) -> Float[Tensor, "batch size"]:
    """Give the rows of one person the sum of their gradients in the parameters they share.

    Rows that start with equal values and take equal steps keep equal values, so that a parameter
    shared by the frames of a person needs no vector of its own.

    Args:
        shared: 1 at values that the rows of a person share.
        person: which person each row shows.
    """
    people, row_person = person.unique(return_inverse=True)
    sums = gradient.new_zeros(len(people), gradient.shape[1]).index_add(0, row_person, gradient)
    return torch.where(shared.bool(), sums[row_person], gradient)
