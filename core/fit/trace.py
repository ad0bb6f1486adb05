"""The trace of a fit: parameters, optimiser state and losses of every step, a few kB each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.body.params import BodyParams, check_params
from core.errors import UserError
from core.fit.parameters import BODY
from core.fit.state import BodyState, Chart
from core.nbv.volume import NeuralBodyVolume


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
    vector: Float[Tensor, "batch size"]
    moments: Float[Tensor, "2 batch size"]
    moment_steps: int
    terms: dict[str, Float[Tensor, " batch"]]
    total: Float[Tensor, " batch"]


@dataclass
class Trace:
    """All records of one fit of a batch of people.

    Attributes:
        start: the body at the origin of the coordinates.
        candidates: names of the starts that were tried.
        winner: index of the candidate that each row started from.
        scores: objective of each candidate, in the weights of the first stage.
    """

    start: BodyParams
    candidates: tuple[str, ...]
    winner: Int[Tensor, " batch"]
    scores: Float[Tensor, "candidates batch"]
    records: list[StepRecord] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.records)

    def upto(self, count: int) -> Trace:
        """The first ``count`` records: what a branch from there starts with."""
        return Trace(self.start, self.candidates, self.winner, self.scores, self.records[:count])

    @property
    def terms(self) -> tuple[str, ...]:
        """Names of the recorded terms, in the order of their sum."""
        return tuple(self.records[0].terms) if self.records else ()

    def losses(self, name: str) -> Float[np.ndarray, "steps batch"]:
        """One term (or ``"total"``) over all recorded steps."""
        values = [r.total if name == "total" else r.terms[name] for r in self.records]
        return _stacked(values, (0, len(self.winner)))

    def params(self, step: int, volume: NeuralBodyVolume) -> BodyParams:
        """The bodies of one recorded step."""
        chart = Chart.around(BodyState.of(self.start), volume)
        return chart.body(self.records[step].vector).params()

    def best_steps(self) -> Int[Tensor, " batch"]:
        """Per person, the step with the smallest total in the last stage that has a finite one.

        Totals of different stages have different weights, so they are not compared. Without any
        finite total it is step 0.

        Raises:
            UserError: there is no step yet.
        """
        if not self.records:
            raise UserError("the fit has no step yet")
        totals = torch.stack([r.total for r in self.records])
        stages = torch.tensor([[r.stage] for r in self.records])
        last = torch.where(totals.isfinite(), stages, -1).amax(0)
        counts = totals.isfinite() & (stages == last)
        return torch.where(counts, totals, torch.inf).argmin(0)

    def best(self, volume: NeuralBodyVolume) -> BodyParams:
        """The bodies of the best steps."""
        steps = self.best_steps()
        rows = [self.records[int(step)].vector[b] for b, step in enumerate(steps)]
        chart = Chart.around(BodyState.of(self.start), volume)
        return chart.body(torch.stack(rows)).params()

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything as arrays, which `of_arrays` reads back bit by bit."""
        rows = len(self.winner)
        size = self.records[0].vector.shape[1] if self.records else 0
        arrays = {f"start/{name}": value.numpy() for name, value in vars(self.start).items()}
        arrays |= {f"terms/{name}": self.losses(name) for name in self.terms}
        return arrays | {
            "winner": self.winner.numpy(),
            "scores": self.scores.numpy(),
            "total": self.losses("total"),
            "stage": np.array([r.stage for r in self.records], np.int64),
            "moment_steps": np.array([r.moment_steps for r in self.records], np.int64),
            "vector": _stacked([r.vector for r in self.records], (0, rows, size)),
            "moments": _stacked([r.moments for r in self.records], (0, 2, rows, size)),
        }

    @staticmethod
    def of_arrays(arrays: Mapping[str, np.ndarray], candidates: tuple[str, ...]) -> Trace:
        """A trace of the arrays of `arrays`.

        Raises:
            ValueError: an array is missing, of another type, or does not fit the others.
        """
        tensors = {name: torch.from_numpy(np.array(value)) for name, value in arrays.items()}
        if missing := _ARRAYS - set(tensors):
            raise ValueError(f"no array {min(missing)!r}")
        terms = {n.removeprefix("terms/"): t for n, t in tensors.items() if n.startswith("terms/")}
        _check_shapes(tensors, terms, len(candidates))
        start = BodyParams(*(tensors[f"start/{name}"] for name in BODY.names))
        try:
            start = check_params(start, "start/")
        except UserError as error:
            raise ValueError(str(error)) from error
        trace = Trace(start, candidates, tensors["winner"], tensors["scores"])
        for i in range(len(tensors["stage"])):
            trace.records.append(
                StepRecord(
                    step=i,
                    stage=int(tensors["stage"][i]),
                    vector=tensors["vector"][i],
                    moments=tensors["moments"][i],
                    moment_steps=int(tensors["moment_steps"][i]),
                    terms={name: values[i] for name, values in terms.items()},
                    total=tensors["total"][i],
                )
            )
        return trace


_ARRAYS = {"winner", "scores", "total", "stage", "moment_steps", "vector", "moments"} | {
    f"start/{name}" for name in BODY.names
}


def _stacked(values: list[Tensor], empty: tuple[int, ...]) -> np.ndarray:
    """The values of all steps as one array, ``empty`` where there is no step."""
    return torch.stack(values).numpy() if values else np.zeros(empty, np.float32)


def _check_shapes(tensors: Mapping[str, Tensor], terms: Mapping[str, Tensor], tried: int) -> None:
    """Refuse arrays that do not belong together."""
    steps, rows = len(tensors["stage"]), len(tensors["winner"])
    size = BODY.size if steps else 0
    shapes = {
        "winner": (rows,),
        "scores": (tried, rows),
        "total": (steps, rows),
        "stage": (steps,),
        "moment_steps": (steps,),
        "vector": (steps, rows, size),
        "moments": (steps, 2, rows, size),
        "start/global_orient": (rows, 3),
        "start/body_pose": (rows, 23, 3),
        "start/betas": (rows, 10),
        "start/transl": (rows, 3),
    }
    shapes |= {f"terms/{name}": (steps, rows) for name in terms}
    for name, shape in shapes.items():
        kind = torch.int64 if name in ("winner", "stage", "moment_steps") else torch.float32
        if tensors[name].shape != shape or tensors[name].dtype != kind:
            found = f"{tensors[name].dtype} of {tuple(tensors[name].shape)}"
            raise ValueError(f"array {name!r} is {found}, not {kind} of {shape}")
    winner = tensors["winner"]
    if rows == 0 or bool(((winner < 0) | (winner >= tried)).any()):
        raise ValueError("'winner' names a start that was not tried")
    if bool((tensors["moment_steps"] < 0).any()):
        raise ValueError("'moment_steps' has negative numbers")
    if not bool(tensors["vector"].isfinite().all()):
        raise ValueError("array 'vector' is not finite")
