"""Measure the speed of the renderer on this machine, and its accuracy.

``render``: times of rendering and of fitting steps, and the share of the machine's limit that they
reach. Backends take turns and times are medians, so other load on the machine affects all alike.
The case is a standing person with random features, with the shipped body and prior.
``fit``: where the time of ``nbf fit`` goes, from the start of the process to its end.
``busy``: the same alone, and beside programs that keep all cores busy.
``accuracy``: errors of the closed forms against float64 quadrature of 3DNBF's equation 4.

Examples:
    nbf bench render --quick
    nbf bench render --json
    nbf bench render --threads 2 --backends cpu
    nbf bench accuracy
    nbf bench fit
    nbf bench busy
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from core.commands._output import print_json
from core.commands._threads import Threads

if TYPE_CHECKING:
    from core.bench.machine import Machine
    from core.bench.render import RenderTimes


PHOTO = "skimage:camera"


@dataclass(frozen=True)
class Options:
    """Options of ``nbf bench``."""

    what: Annotated[Literal["render", "accuracy", "fit", "busy"], tyro.conf.Positional]
    """What to measure."""
    quick: bool = False
    """Render: 858 kernels, 80 x 80, 64 dimensions alone, under a minute. Accuracy: fewer scenes.
    Fit and busy: one round."""
    backends: tuple[Literal["torch", "cpu", "cuda"], ...] = ()
    """Backends to measure; by default all that are built."""
    threads: Threads = 0
    json: bool = False
    """Print JSON."""


def run(options: Options) -> int:
    """Measure, and print case by case."""
    measures = {"render": _render, "accuracy": _accuracy, "fit": _fit, "busy": _busy}
    return measures[options.what](options)


def _render(options: Options) -> int:
    """Measure the times of the backends."""
    from core.bench.machine import Machine
    from core.bench.render import FULL, QUICK, measure, ratios
    from core.render.backends import built_backends, choose_backend
    from core.render.volume.render import describe_backend

    backends = tuple(choose_backend(name) for name in options.backends) or built_backends()
    machine = Machine.measure(describe_backend("auto"))
    if not options.json:
        _print_head(machine)
    cases: list[RenderTimes] = []
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


def _accuracy(options: Options) -> int:
    """Measure the errors of the closed forms."""
    from core.bench.accuracy import measure_accuracy

    count, pixels = (2, 20) if options.quick else (16, 100)
    rows = []
    if not options.json:
        print("share of a pixel's light that is attributed to a wrong kernel or to none\n")
        print(
            "scenes                      form    kernels  pixels    mean     p99   worst  opacity"
        )
    for row in measure_accuracy(count, pixels):
        rows.append(row)
        if not options.json:
            kept = "nearest" if row.cut else "all"
            errors = f"{row.mean:7.4f} {row.p99:7.4f} {row.worst:7.4f} {row.opacity:8.4f}"
            print(f"{row.scenes:27} {row.form:7} {kept:8} {row.pixels:6} {errors}")
    if options.json:
        print_json({"cases": [asdict(row) for row in rows]})
    return 0


def _fit(options: Options) -> int:
    """Measure where the time of ``nbf fit`` goes."""
    from core.bench.command import measure_fit

    rounds = 1 if options.quick else 5
    if not options.json:
        print(f"nbf fit {PHOTO}, median of {rounds}, seconds\n")
    parts = {}
    for part, seconds in measure_fit(PHOTO, rounds, options.threads):
        parts[part] = seconds
        if not options.json:
            print(f"{part:9} {seconds:7.2f}")
    if options.json:
        print_json({"photo": PHOTO, "rounds": rounds, "seconds": parts})
    return 0


def _busy(options: Options) -> int:
    """Measure ``nbf fit`` alone and beside programs that keep all cores busy."""
    from core.bench.busy import measure_busy

    rounds = 1 if options.quick else 3
    threads = (options.threads,) if options.threads else (1, 0)
    rows = []
    if not options.json:
        print(f"nbf fit {PHOTO}, median of {rounds}, seconds\n")
        print("threads  phase       quiet    busy   ratio")
    for group in measure_busy(PHOTO, rounds, threads):
        rows += group
        if not options.json:
            for row in group:
                times = f"{row.quiet_s:7.2f} {row.busy_s:7.2f} {row.ratio:7.1f}"
                print(f"{row.threads or 'default':<8} {row.phase:9} {times}")
    if options.json:
        print_json({"cases": [asdict(row) | {"ratio": row.ratio} for row in rows]})
    return 0


def _print_head(machine: Machine) -> None:
    """Print the machine, its peak rates, and the names of the columns."""
    print(f"{machine.processor}, {machine.threads} threads of {machine.cores}; {machine.renderer}")
    print(f"ceiling: {machine.ceiling.gflops} GFLOP/s, {machine.ceiling.gbytes} GB/s")
    if machine.gpu_ceiling is not None:
        ceiling = machine.gpu_ceiling
        print(f"{machine.gpu}: {ceiling.gflops} GFLOP/s, {ceiling.gbytes} GB/s")
    print()
    print(
        "backend layout   kernels  map  dim batch   forward  backward      step    peak  of limit"
    )


def _print_case(case: RenderTimes) -> None:
    """Print the line of one case."""
    size = f"{case.kernels:7} {case.map:4} {case.dim:4} {case.batch:5}"
    peak = "      ?" if case.peak_mb is None else f"{case.peak_mb:4.0f} MB"
    times = f"{case.forward_ms:7.2f}ms {case.backward_ms:7.2f}ms {case.step_ms:7.2f}ms"
    print(f"{case.backend:7} {case.layout:8} {size} {times} {peak} {case.limit_share:8.1%}")
