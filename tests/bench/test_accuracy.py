"""The accuracy bench: its reference, its error measure, and its results."""

import json

import pytest
import torch

from core import cli
from core.bench import accuracy
from core.bench.accuracy import cluster, measure_accuracy, reference, rendered
from core.render.volume.sparse import OCCLUSION_FORMS

FEW = {"crowd": accuracy.SCENES["crowd"]}


def test_one_kernel_alone_has_no_error(monkeypatch):
    monkeypatch.setattr(accuracy, "SCENES", {"one": lambda g: cluster(g, count=1)})
    rows = {(row.form, row.cut): row for row in measure_accuracy(2, 10)}
    assert rows["gauss2", False].worst < 1e-6 and rows["gauss3", True].worst < 1e-6
    # VoGE's transmittance at the peak is that of half the kernel: e exp(-e / 2), not 1 - exp(-e).
    assert 0.01 < rows["voge", False].worst == rows["voge", False].opacity


def test_forms_differ_as_they_should(monkeypatch):
    monkeypatch.setattr(accuracy, "SCENES", FEW)
    rows = {(row.form, row.cut): row for row in measure_accuracy(2, 20)}
    assert {form for form, _ in rows} == set(OCCLUSION_FORMS)
    voge, two, three = (rows[form, False] for form in ("voge", "gauss2", "gauss3"))
    assert three.mean < two.mean < 0.5 * voge.mean
    assert three.opacity < 1e-3 < voge.opacity
    assert all(row.mean <= row.p99 <= row.worst <= 2 for row in rows.values())
    assert rows["gauss3", True].mean > three.mean  # what is cut off is missed


@pytest.mark.parametrize("make", accuracy.SCENES.values(), ids=accuracy.SCENES)
def test_every_scene_is_seen_and_its_light_adds_up(make):
    scene = make(torch.Generator().manual_seed(3))
    chosen, exact = reference(scene, 5, torch.Generator().manual_seed(0))
    assert len(chosen) == 5
    assert (exact >= 0).all() and (exact.sum(1) <= 1 + 1e-6).all() and exact.sum() > 0
    assert torch.allclose(rendered(scene, "gauss3", False)[chosen].sum(1), exact.sum(1), atol=1e-3)


def test_report_as_json(monkeypatch, capsys):
    monkeypatch.setattr(accuracy, "SCENES", FEW)
    assert cli.main(["bench", "accuracy", "--quick", "--json"]) == 0
    cases = json.loads(capsys.readouterr().out)["cases"]
    assert len(cases) == 2 * len(OCCLUSION_FORMS)
    assert {case["scenes"] for case in cases} == {"crowd"}
