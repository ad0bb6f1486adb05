"""Descent on a loss: AdamW, a linear warm-up, half a cosine to zero, gradients clipped."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Descent:
    """How long and how hard.

    Attributes:
        warmup: steps over which the rate rises.
        clip: largest norm of the gradient.
    """

    steps: int
    rate: float
    weight_decay: float
    warmup: int
    clip: float

    def factor(self, step: int) -> float:
        """The rate of a step, as a share of the largest."""
        cosine = 0.5 * (1 + math.cos(math.pi * step / self.steps))
        return min(1.0, (step + 1) / self.warmup) * cosine

    def run(
        self,
        parameters: Iterable[Tensor],
        loss: Callable[[], Tensor],
        report: Callable[[int, float], None] | None = None,
    ) -> None:
        """Move the parameters in place.

        Args:
            loss: draws a batch and returns its loss.
            report: is told the number and the loss of every step.
        """
        moved = list(parameters)
        optimizer = torch.optim.AdamW(moved, self.rate, weight_decay=self.weight_decay)
        for step in range(self.steps):
            optimizer.param_groups[0]["lr"] = self.rate * self.factor(step)
            value = loss()
            optimizer.zero_grad()
            value.backward()
            nn.utils.clip_grad_norm_(moved, self.clip)
            optimizer.step()
            if report is not None:
                report(step, float(value.detach()))
