"""Minimisation of a loss: AdamW with a linear warm-up, a cosine decay and clipped gradients."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn


def warmup_cosine(step: int, warmup: int, angle: float) -> float:
    """Learning rate of a step over the highest one: linear warm-up times half a cosine.

    Args:
        warmup: number of steps over which the rate rises.
        angle: pi times the share of the run that is done.
    """
    return min(1.0, (step + 1) / warmup) * (0.5 * (1 + math.cos(angle)))


@dataclass(frozen=True)
class Descent:
    """Settings of a minimisation.

    Attributes:
        steps: number of optimiser steps.
        rate: highest learning rate.
        warmup: number of steps over which the rate rises.
        clip: largest norm of the gradient.
    """

    steps: int
    rate: float
    weight_decay: float
    warmup: int
    clip: float

    def run(
        self,
        parameters: Iterable[Tensor],
        loss: Callable[[], Tensor],
        report: Callable[[int, float], None] | None = None,
    ) -> None:
        """Update the parameters in place.

        Args:
            loss: draws a batch and returns its loss.
            report: called with the index and the loss of each step.
        """
        trained = list(parameters)
        optimizer = torch.optim.AdamW(trained, self.rate, weight_decay=self.weight_decay)
        for step in range(self.steps):
            factor = warmup_cosine(step, self.warmup, math.pi * step / self.steps)
            optimizer.param_groups[0]["lr"] = self.rate * factor
            value = loss()
            optimizer.zero_grad()
            value.backward()
            nn.utils.clip_grad_norm_(trained, self.clip)
            optimizer.step()
            if report is not None:
                report(step, float(value.detach()))
