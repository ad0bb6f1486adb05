"""Tables of a run are written, read again and cut."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from core.errors import UserError
from core.train.run.curves import Curves


def test_tables_come_back(tmp_path: Path) -> None:
    curves = Curves(tmp_path, "losses")
    curves.add(10, {"pose": 0.25})
    curves.add(20, {"pose": 0.5, "ranking": 2.0})
    curves.save()
    again = Curves(tmp_path, "losses")
    assert again.rows == curves.rows
    again.cut(10)
    assert again.rows == [{"step": 10, "pose": 0.25}]
    picture = cv2.imread(str(tmp_path / "losses.png"))
    assert picture.shape[1] == 4 * 320
    curve = picture[27:193, 27:293][(picture[27:193, 27:293] < 200).any(-1)].mean(0)
    assert curve[0] > curve[2] + 50  # OpenCV's blue channel: curves are blue


@pytest.mark.parametrize(
    "junk",
    ["junk\n1\n", "step,pose\n10,much\n", "step\n10,2\n", "step\nnan\n", "step\n\0\n", "\xff\n"],
)
def test_junk_is_one_line_that_names_the_file(tmp_path: Path, junk: str) -> None:
    (tmp_path / "losses.csv").write_bytes(junk.encode("latin1"))
    with pytest.raises(UserError, match=r"losses\.csv is not a readable table of a run"):
        Curves(tmp_path, "losses")
