"""Say why a pixel, a joint or a parameter of a recorded fit is as it is.

--pixel: observed and rendered feature, likelihoods, the posterior of z, the kernels that make the
pixel, and those of the bank that fit it best. --joint: what its limb explains, and where each term
of the objective pulls it (core/fit/pull.py has the equation). --sweep: the objective, term by term,
along a parameter: JOINT.x, .y, .z (degrees about the joint's own axes), JOINT.lateral, JOINT.depth
(degrees; the limb in the image plane, or towards and away from the camera), x, y, depth (metres),
shape0 to shape9. --landscape: the objective over two parameters, its minima and the run's path.

Examples:
    nbf why out/photo/fit.nbf --pixel 240,180
    nbf why out/photo/fit.nbf --joint l_wrist --step 40
    nbf why out/photo/fit.nbf --sweep l_elbow.depth
    nbf why out/photo/fit.nbf --sweep depth:2:6 --count 41 --json
    nbf why out/photo/fit.nbf --landscape l_shoulder.depth l_elbow.depth
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from core.commands._output import print_json
from core.commands._threads import Threads
from core.io.files import printable

if TYPE_CHECKING:
    from core.fit.joint_probe import JointProbe
    from core.fit.landscape import Landscape
    from core.fit.probe import PixelProbe
    from core.fit.step_probe import StepProbe
    from core.fit.sweep import Parameter, Sweep
    from core.fit.trace import Trace

    Asked = PixelProbe | JointProbe | Sweep | Landscape


@dataclass(frozen=True)
class Options:
    """Options of ``nbf why``."""

    record: Annotated[Path, tyro.conf.Positional]
    """Record of a fit (fit.nbf)."""
    pixel: str | None = None
    """A pixel x,y of the photo."""
    joint: str | None = None
    """A joint, such as l_wrist."""
    sweep: str | None = None
    """A parameter, or PARAMETER:LOW:HIGH."""
    landscape: tuple[str, str] | None = None
    """Two parameters, each as for --sweep."""
    count: int | None = None
    """Values of the sweep (37), and of each parameter of the landscape (33)."""
    run: int | None = None
    """Number of the run; the newest by default."""
    step: int | None = None
    """Recorded step; the best by default."""
    threads: Threads = 0
    json: bool = False
    """Print JSON."""


def run(options: Options) -> int:
    """Answer all that is asked about one step."""
    from core.commands._checks import check_range
    from core.errors import UserError
    from core.io.boxes import parse_place

    asked = options.pixel, options.joint, options.sweep, options.landscape
    if all(one is None for one in asked):
        raise UserError(
            "nothing asked; give --pixel X,Y, --joint NAME, --sweep PARAMETER or --landscape A B"
        )
    place = None if options.pixel is None else parse_place(options.pixel)
    joint = None if options.joint is None else _joint(options.joint)
    parameter = None if options.sweep is None else _parameter(options.sweep)
    pair = None if options.landscape is None else [_parameter(a) for a in options.landscape]
    if options.count is not None:
        check_range("--count", options.count, 3, 10_000 if pair is None else 257)
    probe, step, trace = _step(options)
    answers: dict[str, Asked] = {}
    if place is not None:
        answers["pixel"] = _pixel(probe, place)
    if joint is not None:
        answers["joint"] = probe.joints[joint]
    if parameter is not None:
        from core.fit.sweep import sweep

        answers["sweep"] = sweep(probe.visit, *parameter, options.count or 37)
    if pair is not None:
        answers["landscape"] = _landscape(trace, probe, pair, options.count or 33)
    _show(options, step, answers)
    return 0


def _landscape(
    trace: Trace,
    probe: StepProbe,
    pair: list[tuple[Parameter, float | None, float | None]],
    side: int,
) -> Landscape:
    """The objective over two parameters."""
    from core.fit.landscape import Survey

    parameters = pair[0][0], pair[1][0]
    spans = [None if low is None or high is None else (low, high) for _, low, high in pair]
    survey = Survey.of(probe.visit, trace, parameters, (spans[0], spans[1]), side)
    while survey.waiting:
        survey.advance()
    return survey.seen


def _joint(name: str) -> int:
    """The number of a joint."""
    from core.body.names import JOINT_NAMES
    from core.errors import UserError

    if name not in JOINT_NAMES:
        raise UserError(f"no joint {name!r}; there are {', '.join(JOINT_NAMES)}")
    return JOINT_NAMES.index(name)


def _parameter(text: str) -> tuple[Parameter, float | None, float | None]:
    """A parameter and its range, None for the usual one."""
    from core.errors import UserError
    from core.fit.sweep import Parameter

    name, *ends = text.split(":")
    parameter = Parameter.parse(name)
    try:
        if len(ends) not in (0, 2):
            raise ValueError(text)
        low, high = (float(end) for end in ends) if ends else (None, None)
    except ValueError:
        raise UserError(f"--sweep {text!r}: write PARAMETER or PARAMETER:LOW:HIGH") from None
    return parameter, low, high


def _step(options: Options) -> tuple[StepProbe, int, Trace]:
    """The step that is asked about; standard error says what differs from its record."""
    from core.errors import UserError
    from core.fit.by_hand import with_wishes
    from core.fit.record import FitRecord
    from core.fit.recording import engine_of, observe_again, on_this_machine, replay_notes
    from core.fit.step_probe import StepProbe
    from core.fit.visit import Visit

    record = FitRecord.load(options.record)
    run = on_this_machine(record.runs[-1] if options.run is None else record.run(options.run))
    trace, schedule = run.trace, run.info.schedule
    if options.step is not None and not 0 <= options.step < len(trace):
        raise UserError(f"no step {options.step}; the run has steps 0 to {len(trace) - 1}")
    step = int(trace.best_steps()[0]) if options.step is None else options.step
    engine = engine_of(record)
    for note in replay_notes(engine, record, schedule.render.backend):
        print(f"nbf: {printable(options.record)}: {note}", file=sys.stderr)
    observation = observe_again(engine, record, run.info.occluders)
    observation = with_wishes(observation, run.info.wishes)
    visit = Visit.of(observation.problem, engine.model, schedule, trace, step)
    return StepProbe(visit, observation), step, trace


def _pixel(probe: StepProbe, place: tuple[float, float]) -> PixelProbe:
    """The map's pixel at a place of the photo."""
    from core.fit.probe import map_pixel
    from core.io.boxes import check_place

    height, width = probe.observation.photo.shape[:2]
    return probe.pixel(*map_pixel(probe.observation, *check_place(place, width, height)))


def _show(options: Options, step: int, answers: dict[str, Asked]) -> None:
    """Print the answers as tables, or as JSON."""
    from rich.console import Console

    from core.eval.tables import empty_table, print_table
    from core.fit.explain import explain_joint, explain_landscape, explain_pixel, explain_sweep
    from core.fit.joint_probe import JointProbe
    from core.fit.landscape import Landscape
    from core.fit.probe import PixelProbe
    from core.io.records import plain

    if options.json:
        listed = {name: plain(_columns(answer)) for name, answer in answers.items()}
        print_json({"record": options.record, "step": step, **listed})
        return
    console = Console(highlight=False)
    console.print(f"{printable(options.record)}, step {step}", style="bold", markup=False)
    for answer in answers.values():
        if isinstance(answer, PixelProbe):
            explanation = explain_pixel(answer)
        elif isinstance(answer, JointProbe):
            explanation = explain_joint(answer)
        elif isinstance(answer, Landscape):
            explanation = explain_landscape(answer)
        else:
            explanation = explain_sweep(answer)
        for line in ("", *explanation.lines):
            console.print(line, soft_wrap=True, markup=False)
        for table in explanation.tables:
            shown = empty_table(table.title, table.labels, table.figures)
            for row in table.rows:
                shown.add_row(*row)
            print_table(console, shown)


def _columns(answer: Asked) -> object:
    """An answer without arrays."""
    from core.fit.landscape import Landscape
    from core.fit.sweep import Sweep

    if isinstance(answer, Landscape):
        first, second = (values.tolist() for values in answer.values)
        return {
            "parameters": [parameter.name for parameter in answer.parameters],
            "units": [parameter.unit for parameter in answer.parameters],
            "here": answer.here,
            "values": [first, second],
            "total": answer.total.tolist(),
            "minima": [(first[i], second[k]) for i, k in answer.minima],
            "path": answer.path,
        }
    if not isinstance(answer, Sweep):
        return answer
    return {
        "parameter": answer.parameter.name,
        "unit": answer.parameter.unit,
        "here": answer.here,
        "values": answer.values.tolist(),
        "total": answer.total.tolist(),
        "terms": {name: values.tolist() for name, values in answer.terms.items()},
        "minima": [float(answer.values[i]) for i in answer.minima],
        "falls_at": answer.falls_at,
        "mirror": answer.mirror,
    }
