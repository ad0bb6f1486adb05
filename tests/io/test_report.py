import json
import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import UserError
from core.geometry.crop import Box
from core.io.records import from_plain, load_record, save_record, to_json
from core.io.report import SCHEMA, FitReport, JointReport, TermLoss


def report():
    return FitReport(
        image="photos/Jörg.jpg",
        image_size=(640, 480),
        box=Box(10.5, -3, 200, 400),
        focal_px=800.0,
        focal_source="diagonal",
        preset="lite",
        backend="torch",
        seed=0,
        steps=120,
        best_step=118,
        reason="the schedule is over",
        seconds={"load": 1.5, "fit": 12.0},
        loss={"nll": TermLoss(10.0, 2.0, 2.5), "total": TermLoss(12.0, 3.0, None)},
        initialisation="turned",
        start_objective={"regressed": 11.0, "turned": None},
        detectors=["fused"],
        occluded_share=0.25,
        warnings=["focal length unknown: the diagonal was taken"],
    )


def test_round_trip(tmp_path):
    report().save(tmp_path / "a" / "report.json")
    assert FitReport.load(tmp_path / "a" / "report.json") == report()
    document = json.loads((tmp_path / "a" / "report.json").read_text("utf-8"))
    assert document["schema"] == SCHEMA and document["image"] == "photos/Jörg.jpg"
    assert document["box"] == {"x": 10.5, "y": -3, "width": 200, "height": 400}
    assert document["versions"].keys() >= {"python", "torch", "numpy"}


def test_numbers_that_are_not_finite_become_null(tmp_path):
    odd = replace(report(), occluded_share=math.nan, start_objective={"regressed": math.inf})
    odd.save(tmp_path / "r.json")
    back = FitReport.load(tmp_path / "r.json")
    assert back.occluded_share is None and back.start_objective == {"regressed": None}


def test_things_that_are_no_json_are_refused_when_writing():
    with pytest.raises(TypeError, match="ndarray"):
        to_json(replace(report(), seconds={"fit": np.zeros(2)}))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seed": "zero"}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"seed": True}, "seed"),
        ({"focal_px": 10**400}, "focal_px"),
        ({"box": [1, 2, 3, 4]}, "box"),
        ({"box": {"x": 1, "y": 2, "width": 3}}, "height"),
        ({"image_size": [640]}, "image_size"),
        ({"loss": {"nll": {"start": "much", "best": 1, "end": 1}}}, r"loss\.nll: start"),
        ({"warnings": "none"}, "warnings"),
        ({"warnings": [3]}, r"warnings\[0\]"),
        ({"reason": None}, "reason"),
        ({"colour": "blue"}, "colour"),
        ({"joints": {"head": {"seen": 1, "inside": True, "spread_mm": 3}}}, r"joints\.head: seen"),
        ({"schema": 99}, "schema 99"),
    ],
)
def test_wrong_fields_are_named(tmp_path, change, words):
    document = json.loads(to_json(report())) | change
    (tmp_path / "r.json").write_text(json.dumps(document))
    with pytest.raises(UserError, match=words) as caught:
        FitReport.load(tmp_path / "r.json")
    assert "\n" not in str(caught.value)


def test_joints_round_trip_and_older_reports_have_none(tmp_path):
    seen = replace(report(), joints={"l_knee": JointReport(False, True, 155.0)})
    seen.save(tmp_path / "new.json")
    assert FitReport.load(tmp_path / "new.json") == seen
    document = json.loads((tmp_path / "new.json").read_text())
    assert document["joints"]["l_knee"] == {"seen": False, "inside": True, "spread_mm": 155.0}
    del document["joints"]
    (tmp_path / "old.json").write_text(json.dumps(document))
    assert FitReport.load(tmp_path / "old.json").joints == {}


@pytest.mark.parametrize("name", ["image", "loss", "start_objective", "occluded_share"])
def test_missing_fields_are_named(tmp_path, name):
    document = json.loads(to_json(report()))
    del document[name]
    (tmp_path / "r.json").write_text(json.dumps(document))
    with pytest.raises(UserError, match=name):
        FitReport.load(tmp_path / "r.json")


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"seed": NaN}', "[" * 100_000])
def test_no_report(tmp_path, text):
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(UserError, match=r"r\.json"):
        FitReport.load(tmp_path / "r.json")


def test_missing_file_and_not_finite_numbers(tmp_path):
    with pytest.raises(UserError, match="is missing"):
        FitReport.load(tmp_path / "none.json")
    text = to_json(report()).replace('"focal_px": 800.0', '"focal_px": Infinity')
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(UserError, match="focal_px is not finite"):
        FitReport.load(tmp_path / "r.json")


@dataclass(frozen=True)
class Sample:
    number: int
    share: float | None
    names: list[str]
    table: dict[str, tuple[float, float]]
    extra: int = 3


@settings(deadline=None, max_examples=40)
@given(
    st.integers(),
    st.none() | st.floats(allow_nan=False, allow_infinity=False),
    st.lists(st.text()),
    st.dictionaries(st.text(), st.tuples(*[st.floats(-1e9, 1e9)] * 2)),
)
def test_any_record_round_trips(number, share, names, table):
    sample = Sample(number, share, names, table)
    assert from_plain(Sample, json.loads(to_json(sample)), "sample") == sample


def test_fields_with_a_default_may_be_missing(tmp_path):
    save_record(tmp_path / "s.json", Sample(1, None, [], {}))
    text = (tmp_path / "s.json").read_text().replace(',\n  "extra": 3', "")
    (tmp_path / "s.json").write_text(text)
    assert load_record(Sample, tmp_path / "s.json") == Sample(1, None, [], {})


@dataclass(frozen=True)
class Cat:
    lives: int
    kind: Literal["cat"] = "cat"


@dataclass(frozen=True)
class Dog:
    name: str
    kind: Literal["dog"] = "dog"


@dataclass(frozen=True)
class Pets:
    pets: tuple[Cat | Dog, ...]


def test_one_of_several_dataclasses_is_told_by_its_kind():
    pets = Pets((Cat(9), Dog("Rex"), Cat(1)))
    assert from_plain(Pets, json.loads(to_json(pets)), "pets.json") == pets


@pytest.mark.parametrize(
    ("pet", "message"),
    [
        ({"kind": "cow", "lives": 1}, "has the kind 'cow'; there are cat, dog"),
        ({"lives": 1}, "has the kind None; there are"),
        (None, "has the kind None; there are"),
        ({"kind": ["cat"], "lives": 1}, "kind ['cat']"),
        ({"kind": "dog", "lives": 1}, "unknown fields: lives"),
    ],
)
def test_no_other_kind_is_read(pet, message):
    with pytest.raises(UserError) as caught:
        from_plain(Pets, {"pets": [pet]}, "pets.json")
    assert message in str(caught.value) and "pets.json: pets[0]" in str(caught.value)
