"""Measure how fast this machine renders and fits, and what share of its limit that is.

Backends take turns in one run, and times are medians, so a busy machine disturbs all alike. The
scenes need no weights: a standing person with random features, shipped body and prior.

Examples:
    nbf bench render --quick
    nbf bench render --json
    nbf bench render --threads 2 --backends cpu
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from core.commands._output import print_json

if TYPE_CHECKING:
    from core.bench.machine import Machine
    from core.bench.render import Case


@dataclass(frozen=True)
class Options:
    """Options of ``nbf bench``."""

    what: Annotated[Literal["render"], tyro.conf.Positional]
    """What to measure."""
    quick: bool = False
    """The case of 858 kernels on an 80 x 80 map with 64 dimensions alone; under a minute."""
    backends: tuple[Literal["torch", "cpu"], ...] = ()
    """Which backends; all that are built by default."""
    threads: int = 0
    """Threads of the arithmetic; 0 leaves it to PyTorch."""
    json: bool = False
    """Print JSON."""


def run(options: Options) -> int:
    """Measure and print, case by case."""
    import torch

    from core.bench.machine import Machine
    from core.bench.render import FULL, QUICK, measure, ratios
    from core.render.backends import choose_backend
    from core.render.volume import describe_backend

    if options.threads:
        torch.set_num_threads(options.threads)
    built = ("torch",) if choose_backend("auto") == "torch" else ("torch", "cpu")
    backends = tuple(choose_backend(name) for name in options.backends) or built
    machine = Machine.measure(describe_backend("auto"))
    if not options.json:
        _print_head(machine)
    cases: list[Case] = []
    layouts, budget = (QUICK, 5.0) if options.quick else (FULL, 4.0)
    for group in measure(layouts, backends, machine, budget):
        cases += group
        if not options.json:
            for case in group:
                _print_case(case)
    compared = ratios(cases)
    if options.json:
        listed = [asdict(case) for case in cases]
        print_json({"machine": asdict(machine), "cases": listed, "ratios": compared})
    elif compared["cpu_vs_torch"]:
        print(f"\ncpu against torch: rendering {compared['cpu_vs_torch']} times as fast, ", end="")
        print(f"a step {compared['cpu_vs_torch_step']} times")
    return 0


def _print_head(machine: Machine) -> None:
    """The machine, its ceiling, and the names of the columns."""
    print(f"{machine.processor}, {machine.threads} threads of {machine.cores}; {machine.renderer}")
    print(f"ceiling: {machine.gflops} GFLOP/s, {machine.gbytes} GB/s\n")
    print(
        "backend layout   kernels  map  dim batch   forward  backward      step    peak  of limit"
    )


def _print_case(case: Case) -> None:
    """One line."""
    size = f"{case.kernels:7} {case.map:4} {case.dim:4} {case.batch:5}"
    peak = "      ?" if case.peak_mb is None else f"{case.peak_mb:4.0f} MB"
    times = f"{case.forward_ms:7.2f}ms {case.backward_ms:7.2f}ms {case.step_ms:7.2f}ms"
    print(f"{case.backend:7} {case.layout:8} {size} {times} {peak} {case.limit_share:8.1%}")
