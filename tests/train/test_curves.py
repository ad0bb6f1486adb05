"""Tables of a run are written, read again and cut."""

from __future__ import annotations

from pathlib import Path

import cv2

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
