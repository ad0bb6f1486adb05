"""What the window writes itself, and the names that it proposes."""

import csv

import pytest

from app.geometry.plane import Rect
from app.panels.export import KINDS, proposed
from app.protocol.commands import Exported
from app.window.exporting import BY_WORKER, PanelShot, save_curves
from core.errors import UserError
from tests.app.sessions import fitting_session, ready_session


def test_curves_are_written_with_every_digit(tmp_path):
    session = fitting_session(6)
    session.curves.total[3] = 1 / 3
    session.curves.terms["nll"][4] = float("nan")
    save_curves(session, tmp_path / "a.csv")
    rows = list(csv.DictReader((tmp_path / "a.csv").open()))
    assert [row["step"] for row in rows] == list("012345")
    assert [row["stage"] for row in rows] == [*["root"] * 4, *["pose"] * 2]
    assert float(rows[3]["total"]) == 1 / 3 and rows[4]["nll"] == "nan"
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]


@pytest.mark.parametrize("name", ["a.txt", "file/a.csv"])
def test_curves_that_cannot_be_written_leave_nothing(tmp_path, name):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"\.csv"):
        save_curves(fitting_session(3), tmp_path / name)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("name", ["a.jpg", "file/a.png"])
def test_a_picture_that_cannot_be_written_is_refused_before_it_is_taken(tmp_path, name):
    (tmp_path / "file").touch()
    with pytest.raises(UserError):
        PanelShot.of(tmp_path / name, Rect(0, 0, 9, 9))


def test_everything_on_the_dialog_is_written_by_somebody():
    assert {kind.name for kind in KINDS} == {*BY_WORKER, "curves", "panel"}
    assert set(BY_WORKER.values()) == set(Exported)


@pytest.mark.parametrize(
    ("path", "stem"),
    [("/x/a.b.jpg", "a.b"), ("skimage:astronaut", "astronaut"), (".jpg", ".jpg")],
)
def test_a_name_says_photo_run_and_step(path, stem):
    session = fitting_session(5)
    session.image.path = path
    session.scrub(3)
    assert proposed(session, "body", ".obj") == f"{stem}-run-1-step-3.obj"
    assert proposed(session, "film", ".gif") == f"{stem}-run-1-film.gif"
    assert proposed(ready_session(), "curves", ".csv") == "fit-run-0-curves.csv"
