"""Measure the regressor and the fit on people they were not trained on.

The data set synth-occ is made on the fly from seeds apart from all training seeds: with --data from
held-out garments, skins, textures, panoramas and motions, without it wholly procedural.

Examples:
    nbf eval --count 20
    nbf eval --count 200 --data DIR --protocols clean occ80 --out eval.json
    nbf eval --count 200 --weights runs/lite/lite.safetensors --json
    nbf eval --count 100 --ranking
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from core.commands._output import print_json
from core.eval.summary import Estimate

if TYPE_CHECKING:
    from core.eval.ranking import RankReport, RankRow
    from core.eval.tables import EvalReport, Row


@dataclass(frozen=True)
class Options:
    """Options of ``nbf eval``."""

    dataset: Literal["synth-occ"] = "synth-occ"
    """Data set."""
    count: int = 200
    """Number of people."""
    data: Path | None = None
    """Folder of material for synthetic people (or $NBF_DATA); without it, procedural people."""
    protocols: tuple[Literal["clean", "occ40", "occ80"], ...] = ("clean", "occ80")
    """Without a patch, or with one of 40 or 80 pixels (of 224) over the body."""
    methods: tuple[Literal["init", "nbf"], ...] = ("init", "nbf")
    """The regressor's guess, the fit."""
    ranking: bool = False
    """Ask instead whether the likelihood puts the truth before the fit and poses near it."""
    mesh: bool = False
    """Render a mesh in place of the Gaussian ellipsoids (an ablation of the paper's)."""
    weights: Path | None = None
    """A model of your own training instead of the shipped one."""
    batch: int = 8
    """People fitted at once."""
    threads: int = 0
    """Threads of the arithmetic; 0 leaves it to PyTorch."""
    out: Path | None = None
    """Write the table as JSON, with protocols and intervals."""
    json: bool = False
    """Print JSON."""


def run(options: Options) -> int:
    """Make the people, run both methods, print the table."""
    import torch
    from rich.console import Console
    from rich.progress import Progress

    from core.assets import data_dir
    from core.data.people import PeopleSampler
    from core.errors import UserError
    from core.eval import ranking, synthetic
    from core.fit.engine import Engine

    if options.count < 1 or options.batch < 1:
        raise UserError("--count and --batch must be at least 1")
    if options.threads:
        torch.set_num_threads(options.threads)
    data = data_dir(options.data)
    engine = Engine.load(weights=options.weights, mesh=options.mesh)
    sampler = PeopleSampler(synthetic.SEED, data, "test", engine.size)
    console = Console(stderr=True, quiet=options.json)
    with Progress(console=console) as progress:
        making = progress.add_task("making people", total=options.count)
        samples = []
        for index in range(options.count):
            samples.append(sampler.sample(index))
            progress.advance(making)
        total = options.count * len(options.protocols)
        fitting = progress.add_task("fitting", total=total)
        common: dict[str, Any] = {
            "people": _people(data is not None),
            "texture": sampler.looks.patch,
            "protocols": options.protocols,
            "batch": options.batch,
            "progress": lambda done: progress.update(fitting, completed=done),
        }
        report: EvalReport | RankReport
        if options.ranking:
            report = ranking.rank_people(engine, samples, **common)
        else:
            report = synthetic.evaluate(engine, samples, methods=options.methods, **common)
    if options.out:
        report.save(options.out)
    if options.json:
        print_json({"rows": [_flat(row) for row in report.rows]})
    else:
        report.print(Console())
    return 0


def _flat(row: Row | RankRow) -> dict[str, object]:
    """A row of means alone; --out keeps the intervals."""
    flat = {}
    for field in fields(row):
        value = getattr(row, field.name)
        flat[field.name] = value.value if isinstance(value, Estimate) else value
    return flat


def _people(dressed: bool) -> str:
    """What the synthetic people are made of."""
    if dressed:
        return "synthetic people of held-out seeds, garments, skins, textures and motions"
    return "procedural synthetic people of held-out seeds"
