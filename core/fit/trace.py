"""The record of a fit: every step's parameters, optimiser state and losses, a few kB each."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.body.params import BodyParams
from core.errors import UserError
from core.fit.schedule import TERMS
from core.fit.state import BodyState, Chart
from core.io.atomic import write_atomic
from core.nbv.volume import NeuralBodyVolume

VERSION = 2
_UNREADABLE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True)
class StepRecord:
    """One evaluation of the objective, before Adam moves on.

    Attributes:
        step: 0 is the start; a fit of n Adam steps has records 0..n.
        stage: index of the stage whose weights were used.
        vector: coordinates around the start (see `core.fit.state.Chart`).
        moments: Adam's first and second moments before the step.
        moment_steps: Adam steps behind these moments.
        terms: unweighted losses by name.
        total: weighted sum.
    """

    step: int
    stage: int
    vector: Float[Tensor, "batch 85"]
    moments: Float[Tensor, "2 batch 85"]
    moment_steps: int
    terms: dict[str, Float[Tensor, " batch"]]
    total: Float[Tensor, " batch"]


@dataclass
class Trace:
    """All records of one fit of a batch of people.

    Attributes:
        start: the body at the origin of the coordinates.
        winner: per person, which initialisation won (0 as given, 1 turned by 180 degrees).
        start_nll: negative log-likelihood of both initialisations, NaN if one was not tried.
    """

    start: BodyParams
    winner: Int[Tensor, " batch"]
    start_nll: Float[Tensor, "2 batch"]
    records: list[StepRecord] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.records)

    def losses(self, name: str) -> Float[np.ndarray, "steps batch"]:
        """One term (or ``"total"``) over all recorded steps."""
        values = [r.total if name == "total" else r.terms[name] for r in self.records]
        return torch.stack(values).numpy()

    def params(self, step: int, volume: NeuralBodyVolume) -> BodyParams:
        """The bodies of one recorded step."""
        chart = Chart.around(BodyState.of(self.start), volume)
        return chart.body(self.records[step].vector).params()

    def best_steps(self) -> Int[Tensor, " batch"]:
        """Per person, the step with the smallest total among those of the last stage reached."""
        last = self.records[-1].stage
        first = next(i for i, r in enumerate(self.records) if r.stage == last)
        totals = torch.stack([r.total for r in self.records[first:]])
        return first + torch.where(totals.isfinite(), totals, torch.inf).argmin(0)

    def best(self, volume: NeuralBodyVolume) -> BodyParams:
        """The bodies of the best steps."""
        steps = self.best_steps()
        rows = [self.records[int(step)].vector[b] for b, step in enumerate(steps)]
        chart = Chart.around(BodyState.of(self.start), volume)
        return chart.body(torch.stack(rows)).params()

    def save(self, path: Path) -> None:
        """Write an npz that `load` reads back bit by bit."""
        arrays = {f"start_{name}": value.numpy() for name, value in vars(self.start).items()}
        arrays |= {f"term_{name}": self.losses(name) for name in TERMS}
        arrays |= {
            "winner": self.winner.numpy(),
            "start_nll": self.start_nll.numpy(),
            "total": self.losses("total"),
            "stage": np.array([r.stage for r in self.records]),
            "moment_steps": np.array([r.moment_steps for r in self.records]),
            "vector": torch.stack([r.vector for r in self.records]).numpy(),
            "moments": torch.stack([r.moments for r in self.records]).numpy(),
            "version": np.array(VERSION),
        }

        def write(temporary: Path) -> None:
            with temporary.open("wb") as file:
                np.savez_compressed(file, **arrays)

        write_atomic(path, write)

    @staticmethod
    def load(path: Path) -> Trace:
        """Read a trace.

        Raises:
            UserError: the file is missing, damaged, or of another version.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            if int(arrays["version"]) != VERSION:
                raise UserError(f"{path} is a trace of version {arrays['version']}, not {VERSION}")
            return _from_arrays({k: torch.from_numpy(np.asarray(v)) for k, v in arrays.items()})
        except _UNREADABLE as error:
            raise UserError(f"{path} is not a readable trace ({error}); fit again") from error


def _from_arrays(arrays: dict[str, Tensor]) -> Trace:
    """Rebuild a trace from the arrays of `Trace.save`."""
    names = ("global_orient", "body_pose", "betas", "transl")
    start = BodyParams(*(arrays[f"start_{name}"] for name in names))
    trace = Trace(start, arrays["winner"], arrays["start_nll"])
    for i in range(len(arrays["stage"])):
        terms = {name: arrays[f"term_{name}"][i] for name in TERMS}
        trace.records.append(
            StepRecord(
                i,
                int(arrays["stage"][i]),
                arrays["vector"][i],
                arrays["moments"][i],
                int(arrays["moment_steps"][i]),
                terms,
                arrays["total"][i],
            )
        )
    return trace
