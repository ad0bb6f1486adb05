import imageio_ffmpeg
import numpy as np
import pytest

from core.errors import UserError
from core.io.video import save_video


def frames(count=6, height=48, width=64):
    """Uniform frames, each of another colour."""
    for i in range(count):
        yield np.full((height, width, 3), (200 - 20 * i, 40 + 20 * i, 90), np.uint8)


def read(path):
    reader = imageio_ffmpeg.read_frames(str(path))
    meta = next(reader)
    width, height = meta["size"]
    return meta, [np.frombuffer(data, np.uint8).reshape(height, width, 3) for data in reader]


def test_frames_come_back(tmp_path):
    save_video(tmp_path / "fit film.mp4", frames(), fps=10)
    meta, back = read(tmp_path / "fit film.mp4")
    assert meta["codec"] == "h264" and meta["pix_fmt"].startswith("yuv420p")
    assert meta["size"] == (64, 48) and meta["fps"] == 10 and len(back) == 6
    for original, decoded in zip(frames(), back, strict=True):
        assert np.abs(decoded.astype(int) - original).max() <= 8
    assert [p.name for p in tmp_path.iterdir()] == ["fit film.mp4"]


def test_index_lies_in_front_for_streaming(tmp_path):
    save_video(tmp_path / "fit.mp4", frames())
    data = (tmp_path / "fit.mp4").read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")


def test_odd_sizes_are_padded(tmp_path):
    save_video(tmp_path / "odd.mp4", frames(height=47, width=63))
    assert read(tmp_path / "odd.mp4")[0]["size"] == (64, 48)


def test_views_are_accepted(tmp_path):
    save_video(tmp_path / "view.mp4", (frame[:, ::-1] for frame in frames()))
    assert len(read(tmp_path / "view.mp4")[1]) == 6


def test_no_frames_and_changing_sizes_leave_nothing(tmp_path):
    with pytest.raises(ValueError, match="at least one"):
        save_video(tmp_path / "none.mp4", [])
    with pytest.raises(ValueError, match="in one video"):
        save_video(tmp_path / "mixed.mp4", [*frames(2), *frames(1, height=50)])
    assert list(tmp_path.iterdir()) == []


def test_failure_while_drawing_keeps_the_old_video(tmp_path):
    save_video(tmp_path / "fit.mp4", frames())
    before = (tmp_path / "fit.mp4").read_bytes()

    def broken():
        yield from frames(2)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        save_video(tmp_path / "fit.mp4", broken())
    assert (tmp_path / "fit.mp4").read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_without_ffmpeg(tmp_path, monkeypatch):
    def missing():
        raise RuntimeError("No ffmpeg exe could be found")

    monkeypatch.setattr("imageio_ffmpeg.get_ffmpeg_exe", missing)
    with pytest.raises(UserError, match="imageio-ffmpeg"):
        save_video(tmp_path / "fit.mp4", frames())


def test_errors_of_the_drawing_are_not_taken_for_ffmpegs(tmp_path):
    def broken():
        yield from frames(1)
        raise RuntimeError("drawing failed")

    with pytest.raises(RuntimeError, match="drawing failed"):
        save_video(tmp_path / "fit.mp4", broken())
