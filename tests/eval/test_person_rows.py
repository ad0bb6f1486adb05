"""Tables of people say who a line is about; they are read again and sorted, worst first."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from core.errors import UserError
from core.eval.people import save_people
from core.eval.person_rows import PersonPlace, address, load_rows, split_address, worst_first
from core.eval.photo_scores import PhotoScores

BOX = {"x": 10.5, "y": -3.25, "width": 100.0, "height": 200.0}
PLACES = [
    PersonPlace("photos", "/data/my photos", "all", 4, "a, b.jpg", **BOX),
    PersonPlace("multiview", "/data/films", "all", 7, "P00.mp4", 120, **BOX),
    PersonPlace("synth-occ", "", "test", 2, seed=9, drawing=2, occluded=1),
]


def table(path, pa, pck=(0.9, 0.2, 0.5)):
    """Three people by two methods; the first one's figures are not those to sort by."""
    rows = {field.name: np.full(3, 0.5) for field in fields(PhotoScores)}
    figures = PhotoScores(**rows | {"pa_mpjpe": np.array(pa), "pck10": np.array(pck)})
    start = PhotoScores(**rows | {"pa_mpjpe": np.array([1.0, 2.0, 999.0])})
    save_people(path, {("all", "init"): start, ("all", "nbf"): figures}, {"all": PLACES})
    return path


def test_places_survive_the_file(tmp_path):
    rows = load_rows(table(tmp_path / "each.csv", (50.0, 70.0, 60.0)))
    assert [row.place for row in rows] == PLACES
    assert [(row.protocol, row.person, row.method) for row in rows] == [
        ("all", number, "nbf") for number in range(3)
    ]
    assert rows[1].figures["pa_mpjpe"] == 70
    assert [row.title for row in rows] == ["a, b #0", "P00 120", "all #2"]


def test_the_worst_come_first_and_those_without_an_error_last(tmp_path):
    found = worst_first(load_rows(table(tmp_path / "each.csv", (50.0, np.nan, 60.0))))
    assert [row.person for row, _ in found] == [2, 0, 1]
    assert [None if bad is None else bad.words for _, bad in found] == [
        "PA 60 mm",
        "PA 50 mm",
        None,
    ]


def test_where_no_joint_is_known_in_3d_the_share_of_wrong_joints_sorts(tmp_path):
    found = worst_first(load_rows(table(tmp_path / "each.csv", (np.nan,) * 3)))
    assert [(row.person, bad.words) for row, bad in found] == [
        (1, "80 % wrong"),
        (2, "50 % wrong"),
        (0, "10 % wrong"),
    ]


def test_an_address_leads_to_a_line(tmp_path):
    row = load_rows(table(tmp_path / "my #1.csv", (1.0, 2.0, 3.0)))[1]
    text = address(str(tmp_path / "my #1.csv"), row)
    assert split_address(text) == (tmp_path / "my #1.csv", "all", 1)
    assert split_address("photo #1.png") is split_address("a.csv") is None
    assert split_address("mine.CSV#occ80/12") == (Path("mine.CSV"), "occ80", 12)


def test_a_table_from_before_says_what_to_do(tmp_path):
    path = table(tmp_path / "each.csv", (1.0, 2.0, 3.0))
    path.write_text(path.read_text().replace("dataset,", "data set,"))
    with pytest.raises(UserError, match=r"not say which people .* nbf eval --each FILE.csv again"):
        load_rows(path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("protocol", "x"),
        ("all,nbf,2", "all,nbf,-2"),
        ("all,nbf,2", "a/b,nbf,2"),
        ("all,4", "all,four"),
        ("all,4", "all,"),
        ("-3.25", "nan"),
        ("-3.25", "1,2,3"),
    ],
)
def test_damage_is_one_line(tmp_path, old, new):
    path = table(tmp_path / "each.csv", (1.0, 2.0, 3.0))
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(UserError, match=r"each.csv is not a readable table of people"):
        load_rows(path)
