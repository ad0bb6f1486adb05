"""Lit pictures drawn by a process of its own; where nothing can be drawn, a line says so."""

import subprocess
import sys
import time
from functools import cache

import imageio.v3 as imageio
import numpy as np
import pytest

from core.doctor.check import Status
from core.doctor.graphics import check_offscreen
from core.pictures import presentation_process
from core.pictures.presentation_process import PresentationProcess
from core.render.mesh.raster import rasterize
from tests.pictures.scenes import toy_scene

DRAW = """
import sys
from pathlib import Path
import numpy as np
from core.pictures.fitted_scene import FittedScene
from core.pictures.lit_render import LitRenderer
from core.pictures.viewpoints import World, front_view, photo_view
scene = FittedScene.load(Path(sys.argv[1]))
world = World.of(scene)
renderer = LitRenderer(world, scene.faces, (320, 240))
seen = renderer.body(photo_view(world, scene, (320, 240)), ground=False)
view = front_view(world, (320, 240))
with_body, depth = renderer._draw(view, [renderer._body, renderer._ground])
alone, beneath = renderer._draw(view, [renderer._ground])
renderer.close()
ground = (depth > 0) & (depth == beneath)
np.savez(sys.argv[2], mask=seen.body, depth=seen.depth, shadow=(with_body / alone)[ground])
"""


@cache
def working_platforms():
    return [name for name in ("egl", "osmesa") if check_offscreen(name, "").status is Status.OK]


@pytest.fixture(params=["egl", "osmesa"])
def platform(request):
    if request.param not in working_platforms():
        pytest.skip(f"no {request.param} here")
    return request.param


@pytest.mark.slow
def test_the_body_is_where_the_photo_has_it_and_throws_a_shadow(platform, tmp_path, monkeypatch):
    scene = toy_scene(pitch=10, heading=30, focal=320.0)
    scene.save(tmp_path / "scene.npz")
    monkeypatch.setenv("PYOPENGL_PLATFORM", platform)
    arguments = [str(tmp_path / "scene.npz"), str(tmp_path / "drawn.npz")]
    subprocess.run([sys.executable, "-c", DRAW, *arguments], check=True, capture_output=True)
    with np.load(tmp_path / "drawn.npz") as drawn:
        arrays = dict(drawn)
    expected = rasterize(scene.vertices, scene.faces, 640.0, (320.0, 240.0), 480, 640, 0.05)
    both = expected.mask & arrays["mask"]
    # EGL takes several samples a pixel, so that its edges differ by half a pixel.
    assert both.sum() > 0.93 * (expected.mask | arrays["mask"]).sum()
    assert np.median(np.abs(arrays["depth"][both] - expected.depth[both])) < 2e-3
    assert 0.01 < (arrays["shadow"] < 0.8).mean() < 0.3


@pytest.mark.slow
def test_files_are_written(tmp_path, monkeypatch):
    if not working_platforms():
        pytest.skip("nothing draws without a window here")
    views = tmp_path / "views.png"
    views.write_text("of an earlier fit")
    with PresentationProcess(toy_scene(), views, title="--title=odd") as presentation:
        assert presentation.wait() is None
    sheet = imageio.imread(views)
    assert sheet.ndim == 3 and sheet.std() > 20
    assert list(tmp_path.iterdir()) == [views]


@pytest.mark.slow
def test_osmesa_stands_in_for_an_egl_that_fails(tmp_path, monkeypatch):
    if "osmesa" not in working_platforms():
        pytest.skip("no osmesa here")
    monkeypatch.setenv("EGL_DEVICE_ID", "99")
    with PresentationProcess(toy_scene(), tmp_path / "views.png") as presentation:
        assert presentation.wait() is None
    assert presentation._failures[0].startswith("EGL: ")
    assert (tmp_path / "views.png").exists()


def test_where_nothing_can_be_drawn_one_line_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(presentation_process, "PLATFORMS", {"none": "None", "neither": "Neither"})
    views = tmp_path / "views.png"
    views.write_text("of an earlier fit")
    with PresentationProcess(toy_scene(), views) as presentation:
        warning = presentation.wait()
    assert warning.startswith("views.png not drawn: None: ") and "Neither: " in warning
    assert "Unsupported PyOpenGL platform" in warning and "\n" not in warning
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_takes_too_long_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(presentation_process, "VIEWS_SECONDS", 0.1)
    with PresentationProcess(toy_scene(), tmp_path / "views.png") as presentation:
        assert "EGL: no picture in 0.1 s; OSMesa: no picture in 0.1 s" in presentation.wait()
    assert list(tmp_path.iterdir()) == []


def test_an_error_beside_it_ends_the_process(tmp_path):
    begin = time.monotonic()
    with (
        pytest.raises(RuntimeError, match="disk"),
        PresentationProcess(toy_scene(), tmp_path / "views.png", tmp_path / "turntable.mp4") as p,
    ):
        raise RuntimeError("the disk is full")
    assert not p._thread.is_alive() and time.monotonic() - begin < 30
    assert list(tmp_path.iterdir()) == []


def test_it_ends_with_its_parent(tmp_path):
    toy_scene().save(tmp_path / "scene.npz")
    files = [str(tmp_path / name) for name in ("scene.npz", "views.png")]
    command = [sys.executable, "-m", "core.pictures.presentation", *files, "--attended"]
    film = f"--turntable={tmp_path / 'turntable.mp4'}"
    with subprocess.Popen([*command, film], stdin=subprocess.PIPE) as process:
        process.stdin.close()  # what the system does when a parent dies
        assert process.wait(60) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["scene.npz"]


def test_its_scene_is_beside_the_pictures(tmp_path, monkeypatch):
    """So that nothing of a killed process is left anywhere else."""
    monkeypatch.setattr("core.pictures.presentation_process.PLATFORMS", {})
    presentation = PresentationProcess(toy_scene(), tmp_path / "new" / "views.png")
    (folder,) = (tmp_path / "new").iterdir()
    assert folder.name.startswith(".") and (folder / "scene.npz").is_file()
    with presentation:
        presentation.wait()
    assert list((tmp_path / "new").iterdir()) == []
