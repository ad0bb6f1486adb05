"""Batches as dataclasses: fields that have one row each for every item of the batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any, Self

import torch
from torch import Tensor


class Rows:
    """Mix-in for frozen dataclasses whose tensors have the batch as their first axis.

    Fields are tensors, other `Rows`, or plain values that all rows share (a map's size, say).
    """

    def __len__(self) -> int:
        first = next(v for v in vars(self).values() if isinstance(v, Tensor | Rows))
        return len(first)

    def to(self, device: torch.device) -> Self:
        """The same rows on another device."""
        return self._each(lambda value: value.to(device))

    def select(self, index: int | slice | Tensor) -> Self:
        """Some of the rows; an int keeps the batch axis, and counts from the end if negative."""
        chosen = slice(index, index + 1 or None) if isinstance(index, int) else index
        return self._each(
            lambda value: value.select(chosen) if isinstance(value, Rows) else value[chosen]
        )

    @classmethod
    def stack(cls, parts: Sequence[Self]) -> Self:
        """The rows of several batches as one.

        Raises:
            ValueError: a shared plain value differs between them.
        """
        joined: dict[str, Any] = {}
        for field in fields(cls):  # type: ignore[arg-type]  # its subclasses are dataclasses
            values = [getattr(part, field.name) for part in parts]
            if isinstance(values[0], Tensor):
                joined[field.name] = torch.cat(values)
            elif isinstance(values[0], Rows):
                joined[field.name] = type(values[0]).stack(values)
            elif all(value == values[0] for value in values):
                joined[field.name] = values[0]
            else:
                raise ValueError(f"{cls.__name__} of different {field.name} cannot be one batch")
        return cls(**joined)

    def _each(self, change: Callable[[Any], Any]) -> Self:
        """A copy whose rows went through ``change``; plain values stay."""
        return type(self)(
            **{n: change(v) if isinstance(v, Tensor | Rows) else v for n, v in vars(self).items()}
        )
