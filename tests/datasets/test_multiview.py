"""Films of calibrated cameras: points fall onto the people whom the films show."""

import cv2
import numpy as np
import pytest

from core.datasets.registry import open_dataset
from core.errors import UserError
from core.io.video import save_video

WIDTH, HEIGHT, FRAMES = 320, 240, 6
NAMES = ("RHip", "LHip", "RKnee", "LKnee", "RShoulder", "LShoulder", "Neck")
REST = np.array(
    [
        *([-0.1, 0, 1.0], [0.1, 0, 1.0], [-0.1, 0, 0.5], [0.1, 0, 0.5]),
        *([-0.2, 0, 1.5], [0.2, 0, 1.5], [0, 0, 1.6]),
    ]
)
DOT = 1  # the point at which the films show a white dot
BARE = "[cam_01]\nmatrix = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]\n"
CAMERAS = {"cam_01": (0.3, 3.0), "cam_02": (-0.8, 4.0)}  # turn about the vertical, distance


def lens(turn, distance):
    """Matrix, rotation vector and translation of a camera that looks at the person's middle."""
    down = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0.0]])  # world z is up, camera y is down
    about = cv2.Rodrigues(np.array([0, 0, turn]))[0]
    rotation = down @ about
    move = np.array([0, 0, distance]) - rotation @ [0, 0, 1.0]
    matrix = np.array([[300, 0, 155], [0, 300, 118], [0, 0, 1.0]])
    return matrix, cv2.Rodrigues(rotation)[0][:, 0], move


def walk():
    """Points of all frames in the world: the person goes sideways."""
    return REST + np.linspace(-0.3, 0.3, FRAMES)[:, None, None] * [1, 0, 0]


def write_trc(path, points):
    names = "\t\t\t".join(NAMES)
    lines = [
        f"PathFileType\t4\t(X/Y/Z)\t{path.name}",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate",
        f"60\t60\t{FRAMES}\t{len(NAMES)}\tm\t60",
        f"Frame#\tTime\t{names}\t\t",
        "\t\t" + "\t".join(f"X{i}\tY{i}\tZ{i}" for i in range(1, len(NAMES) + 1)),
    ]
    for number, row in enumerate(points[..., [1, 2, 0]].reshape(FRAMES, -1), 1):
        lines.append("\t".join([str(number), f"{number / 60:.4f}", *(f"{v:.6f}" for v in row)]))
    path.write_text("\n".join(lines) + "\n")


def write_calibration(path):
    sections = []
    for name, place in CAMERAS.items():
        matrix, turn, move = lens(*place)
        sections.append(
            f'[{name}]\nname = "{name}"\nsize = [{WIDTH}.0, {HEIGHT}.0]\n'
            f"matrix = {matrix.tolist()}\ndistortions = [0.0, 0.0, 0.0, 0.0]\n"
            f"rotation = {turn.tolist()}\ntranslation = {move.tolist()}\n"
        )
    path.write_text("\n".join(sections) + "\n[metadata]\nadjusted = false\n")


def write_film(path, place):
    matrix, turn, move = lens(*place)
    frames = []
    for points in walk():
        pixels = cv2.projectPoints(points, turn, move, matrix, None)[0][:, 0]
        frame = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        cv2.circle(frame, tuple(np.round(pixels[DOT]).astype(int).tolist()), 4, (255,) * 3, -1)
        frames.append(frame)
    save_video(path, frames)


@pytest.fixture(scope="module")
def flat(tmp_path_factory):
    """All files in one folder."""
    folder = tmp_path_factory.mktemp("flat")
    write_calibration(folder / "Calib_test.toml")
    write_trc(folder / "T1_walk.trc", walk())
    for name, place in CAMERAS.items():
        write_film(folder / f"T1_{name.replace('_', '')}.mp4", place)
    return folder


@pytest.fixture(scope="module")
def nested(flat, tmp_path_factory):
    """The same as Pose2Sim lays it out."""
    root = tmp_path_factory.mktemp("nested")
    for part in ("calibration", "trial/videos", "trial/pose-3d"):
        (root / part).mkdir(parents=True)
    for name in CAMERAS:
        film = f"{name.replace('_', '')}.mp4"
        (root / "trial/videos" / film).write_bytes((flat / f"T1_{film}").read_bytes())
    (root / "trial/pose-3d/walk.trc").write_bytes((flat / "T1_walk.trc").read_bytes())
    (root / "calibration/Calib_test.toml").write_bytes((flat / "Calib_test.toml").read_bytes())
    return root


@pytest.mark.parametrize("layout", ["flat", "nested"])
def test_points_fall_onto_what_the_films_show(layout, request):
    people = open_dataset("multiview", request.getfixturevalue(layout))
    assert len(people) == FRAMES * len(CAMERAS)
    for index in range(len(people)):
        pixels = people.photo(index).pixels[..., 0] > 128
        seen = np.argwhere(pixels).mean(0)[::-1] + 0.5
        x, y, known = people[index].joints2d[1]  # the left hip
        assert known == 1 and np.hypot(*(seen - [x, y])) < 1.0


def test_points_are_in_the_cameras_frame(flat):
    people = open_dataset("multiview", flat)
    for person in people:
        fx, fy, cx, cy = person.intrinsics
        hip, (x, y, _) = person.joints3d[1, :3], person.joints2d[1]
        assert hip[0] / hip[2] * fx + cx == pytest.approx(x, abs=1e-3)
        assert hip[1] / hip[2] * fy + cy == pytest.approx(y, abs=1e-3)
        assert person.joints3d[12, 3] == 0  # Pose2Sim's neck is not SMPL's
        shoulders = person.joints3d[16, :3] - person.joints3d[17, :3]
        assert np.linalg.norm(shoulders) == pytest.approx(0.4, abs=1e-4)


def test_an_npz_holds_the_same_points(flat, tmp_path):
    for file in flat.iterdir():
        if file.suffix != ".trc":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    np.savez(tmp_path / "T1_walk.npz", points=walk(), names=np.array(NAMES))
    first, second = open_dataset("multiview", flat), open_dataset("multiview", tmp_path)
    np.testing.assert_allclose(first.joints3d, second.joints3d, atol=1e-5)


def test_frames_may_be_asked_for_in_any_order(flat):
    people = open_dataset("multiview", flat)
    forward = [people.photo(i).pixels for i in range(FRAMES)]
    for i in reversed(range(FRAMES)):
        np.testing.assert_array_equal(people.photo(i).pixels, forward[i])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "Calib_test.toml").unlink(), "no calibration"),
        (lambda f: (f / "Calib_test.toml").write_text("[cam_01]\nmatrix = 1\n"), "calibration"),
        (lambda f: (f / "Calib_test.toml").write_text(BARE), "cam_01.*'distortions'"),
        (lambda f: (f / "Calib_test.toml").write_text("[[["), "Calib_test.toml"),
        (lambda f: (f / "T1_cam01.mp4").rename(f / "T1_cam09.mp4"), "names no camera"),
        (lambda f: (f / "T1_cam01.mp4").write_bytes(b"no film"), "not a film"),
        (lambda f: (f / "T1_walk.trc").write_text("nothing"), "T1_walk.trc"),
        (lambda f: (f / "T1_walk.trc").unlink(), "no 3D points"),
    ],
)
def test_what_is_wrong_is_named(flat, tmp_path, damage, message):
    for file in flat.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    damage(tmp_path)
    with pytest.raises(UserError, match=message) as error:
        open_dataset("multiview", tmp_path)
    assert "\n" not in str(error.value)
