"""The bench measures every backend on the same small case and prints the results."""

import json
import mmap
import sys
from dataclasses import fields

import torch

from core import cli
from core.bench import busy, command, machine, render
from core.bench.command import PARTS
from core.bench.machine import Ceiling, Machine
from core.bench.render import Layout, RenderTimes, ratios

SMALL = Layout(kernels=60, map=16, dim=3)
MACHINE = Machine("a processor", 2, 1, "2", "cpu", Ceiling(10.0, 10.0))


def test_report_as_json(monkeypatch, capsys):
    monkeypatch.setattr(render, "QUICK", (SMALL,))
    monkeypatch.setattr(machine.Machine, "measure", lambda renderer: MACHINE)
    monkeypatch.setattr(render, "alternate", lambda calls, *_: [call() and 0.001 for call in calls])
    assert cli.main(["bench", "render", "--quick", "--backends", "torch", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert set(report) == {"machine", "cases", "ratios"}
    (case,) = report["cases"]
    assert set(case) == {field.name for field in fields(RenderTimes)}
    assert case["backend"] == "torch" and case["kernels"] == 60 and case["step_ms"] == 1
    assert 0 < case["limit_share"] < 1
    assert report["ratios"]["cuda_vs_voge"] is None


def test_calls_take_turns():
    said = []
    first, second = machine.alternate([lambda: said.append("a"), lambda: said.append("b")], 4, 10)
    assert "".join(said) == "ab" * 5 and 0 <= first < 1 and 0 <= second < 1


def test_no_round_begins_after_the_budget():
    said = []
    machine.alternate([lambda: said.append("a")], 100, 0.0)
    assert len(said) == 4  # one to warm up, three to have a median


def test_the_limit_is_the_slower_of_arithmetic_and_memory():
    assert MACHINE.ceiling.least_seconds(20e9, 1e9) == 2
    assert MACHINE.ceiling.least_seconds(1e9, 30e9) == 3


def test_memory_at_the_peak():
    def grow():
        with mmap.mmap(-1, 2**25) as fresh:  # 32 MB that the allocator cannot have at hand
            fresh[::4096] = bytes(2**13)

    seen = machine.peak_megabytes(grow, torch.device("cpu"))
    assert seen is None or 30 < seen < 200


def test_a_fit_stays_with_the_person():
    scene = render.RenderCase(Layout(kernels=60, map=16, dim=8, batch=2))
    step = scene.step("torch")
    places = [step().vector for _ in range(10)]
    assert (places[-1] - places[0]).abs().max() < 0.3


def test_skeleton_kernels_lie_on_bones():
    assert render.SKELETON.volume().kernels == render.SKELETON.kernels


def test_ratios_are_those_of_the_base_case():
    def case(backend, time, kernels=858, layout="surface"):
        return RenderTimes(backend, layout, kernels, 80, 64, 1, time, 2 * time, 4 * time, None, 0.1)

    cases = [case("torch", 8), case("cpu", 2), case("torch", 1, 108), case("cpu", 1, 108)]
    found = ratios([*cases, case("cpu", 1.6, 439, "skeleton")])
    assert found["cpu_vs_torch"] == found["cpu_vs_torch_step"] == 4
    assert found["skeleton_vs_surface"] == found["skeleton_vs_surface_step"] == 1.25
    assert ratios(cases[1:])["cpu_vs_torch"] is None


def test_busy_times_are_told_beside_quiet_ones(monkeypatch, capsys):
    times = iter([2.0, 5.0, 1.0, 3.0])

    def fit(_photo, threads):
        seconds = next(times)
        assert threads in (0, 1)
        return dict.fromkeys(PARTS, seconds)

    monkeypatch.setattr(busy, "time_fit", fit)
    assert cli.main(["bench", "busy", "--quick", "--json"]) == 0
    cases = json.loads(capsys.readouterr().out)["cases"]
    assert [c["threads"] for c in cases] == [1] * 8 + [0] * 8
    assert cases[0]["ratio"] == 2.5 and cases[-1] == {
        "phase": "processor",
        "threads": 0,
        "quiet_s": 1.0,
        "busy_s": 3.0,
        "ratio": 3.0,
    }


def test_the_parts_of_a_fit_add_up(monkeypatch, capsys):
    """The process is what it is; its report says how long the phases took."""
    spent = {"start": 0.001, "load": 0.001, "look": 0.0, "fit": 0.002, "write": 0.001}
    script = f"import json; print(json.dumps([{{'seconds': {spent}}}])); sum(range(10**7))"
    run = command.subprocess.run
    monkeypatch.setattr(
        command.subprocess, "run", lambda _, **how: run([sys.executable, "-c", script], **how)
    )
    assert cli.main(["bench", "fit", "--quick", "--json"]) == 0
    parts = json.loads(capsys.readouterr().out)["seconds"]
    assert tuple(parts) == PARTS and parts["processor"] > 0
    total = sum(parts[name] for name in (*spent, "leave"))
    assert abs(total - parts["command"]) < 0.005 and parts["leave"] > 0


def test_loops_end_with_the_measurement():
    with busy._endless_loops(2) as loops:
        assert [loop.poll() for loop in loops] == [None, None]
    assert None not in [loop.poll() for loop in loops]
