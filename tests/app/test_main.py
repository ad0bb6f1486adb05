"""Options of the debugger that make no sense are refused before a window opens."""

import pytest

from app.main import Options, check_screenshot, run
from core.errors import UserError


def test_a_screenshot_needs_a_place(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder.png").mkdir()
    for name in ("file/window.png", "folder.png", "window.jpg", "window"):
        with pytest.raises(UserError, match=r"window|folder"):
            check_screenshot(tmp_path / name)
    check_screenshot(tmp_path / "new" / "window.png")
    assert not (tmp_path / "new").exists()
    check_screenshot(None)


def test_weights_are_refused_for_a_record():
    with pytest.raises(UserError, match="--weights are for photos"):
        run(Options(images=("photo.jpg", "out/fit.nbf"), weights=("prior=3",)))


def test_a_box_is_for_one_photo_and_a_folder_must_hold_one(tmp_path):
    with pytest.raises(UserError, match="--bbox is for one photo, and these are 2"):
        run(Options(images=("a.jpg", "b.jpg"), bbox="1,2,30,40"))
    with pytest.raises(UserError, match="holds nothing that can be opened"):
        run(Options(images=(str(tmp_path),)))
