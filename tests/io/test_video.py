import imageio.v3 as imageio
import numpy as np
import pytest

from core.errors import UserError
from core.io import video
from core.io.video import save_video


def frames(count=6, height=48, width=64):
    """Uniform frames, each of another colour."""
    for i in range(count):
        yield np.full((height, width, 3), (200 - 20 * i, 40 + 20 * i, 90), np.uint8)


def test_frames_come_back(tmp_path):
    save_video(tmp_path / "fit film.mp4", frames(), fps=10)
    meta = imageio.immeta(tmp_path / "fit film.mp4", plugin="FFMPEG")
    assert meta["codec"] == "h264" and meta["pix_fmt"].startswith("yuv420p")
    assert meta["size"] == (64, 48) and meta["fps"] == 10
    back = imageio.imread(tmp_path / "fit film.mp4", plugin="FFMPEG")
    for original, decoded in zip(frames(), back, strict=True):
        assert np.abs(decoded.astype(int) - original).max() <= 8
    assert [p.name for p in tmp_path.iterdir()] == ["fit film.mp4"]


def test_index_lies_in_front_for_streaming(tmp_path):
    save_video(tmp_path / "fit.mp4", frames())
    data = (tmp_path / "fit.mp4").read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")


def test_odd_sizes_are_padded(tmp_path):
    save_video(tmp_path / "odd.mp4", frames(height=47, width=63))
    assert imageio.immeta(tmp_path / "odd.mp4", plugin="FFMPEG")["size"] == (64, 48)


def test_views_are_accepted(tmp_path):
    save_video(tmp_path / "view.mp4", (frame[:, ::-1] for frame in frames()))
    assert len(imageio.imread(tmp_path / "view.mp4", plugin="FFMPEG")) == 6


def test_gif_comes_back_and_repeats(tmp_path):
    save_video(tmp_path / "fit.GIF", frames(height=47, width=63), fps=10)
    back = imageio.imread(tmp_path / "fit.GIF")
    assert back.shape == (6, 47, 63, 3)
    for original, decoded in zip(frames(height=47, width=63), back, strict=True):
        assert np.abs(decoded.astype(int) - original).max() <= 8
    meta = imageio.immeta(tmp_path / "fit.GIF")
    assert meta["duration"] == 100 and meta["loop"] == 0


def test_equal_frames_of_a_gif_keep_their_time(tmp_path):
    save_video(tmp_path / "still.gif", [next(frames())] * 5, fps=10)
    meta = imageio.immeta(tmp_path / "still.gif")
    assert meta.get("duration") in (100, 500)  # Pillow may join equal frames


@pytest.mark.parametrize("suffix", ["mp4", "gif"])
def test_no_frames_and_changing_sizes_leave_nothing(tmp_path, suffix):
    with pytest.raises(ValueError, match="at least one"):
        save_video(tmp_path / f"none.{suffix}", [])
    with pytest.raises(ValueError, match="in one video"):
        save_video(tmp_path / f"mixed.{suffix}", [*frames(2), *frames(1, height=50)])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", ["mp4", "gif"])
def test_failure_while_drawing_keeps_the_old_video(tmp_path, suffix):
    path = tmp_path / f"fit.{suffix}"
    save_video(path, frames())
    before = path.read_bytes()

    def broken():
        yield from frames(2)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        save_video(path, broken())
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("name", ["fit.avi", "fit", "fit.png"])
def test_other_suffixes_are_refused(tmp_path, name):
    with pytest.raises(UserError, match=r"ends in \.mp4 or \.gif"):
        save_video(tmp_path / name, frames())
    assert list(tmp_path.iterdir()) == []


def test_without_ffmpeg(tmp_path, monkeypatch):
    def missing():
        raise RuntimeError("No ffmpeg exe could be found")

    monkeypatch.setattr("imageio_ffmpeg._io.get_ffmpeg_exe", missing)
    with pytest.raises(UserError, match="imageio-ffmpeg"):
        save_video(tmp_path / "fit.mp4", frames())
    assert list(tmp_path.iterdir()) == []
    save_video(tmp_path / "fit.gif", frames())  # needs none


def test_an_ffmpeg_that_dies_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr("imageio_ffmpeg._io.get_ffmpeg_exe", lambda: "/bin/false")
    with pytest.raises(UserError, match="ffmpeg") as error:
        save_video(tmp_path / "fit.mp4", frames(height=1080, width=1920))
    assert "\n" not in str(error.value) and list(tmp_path.iterdir()) == []


def test_errors_of_the_drawing_are_not_taken_for_ffmpegs(tmp_path):
    def broken():
        yield from frames(1)
        raise RuntimeError("drawing failed")

    with pytest.raises(RuntimeError, match="drawing failed"):
        save_video(tmp_path / "fit.mp4", broken())


def test_a_film_that_ffmpeg_could_not_finish_is_not_kept(tmp_path, monkeypatch):
    path, whole = tmp_path / "a.mp4", tmp_path / "whole.mp4"
    save_video(whole, frames())
    content = whole.read_bytes()
    close = video._is_whole_mp4
    for kept in (0, 20, len(content) // 2, len(content) - 1):

        def cut(file, kept=kept):
            file.write_bytes(content[:kept])
            return close(file)

        monkeypatch.setattr(video, "_is_whole_mp4", cut)
        with pytest.raises(UserError, match="is the disk full"):
            save_video(path, frames())
        assert not path.exists()
