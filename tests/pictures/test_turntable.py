"""A film around a body, drawn by pyrender in a process of its own."""

import subprocess
import sys
from functools import cache
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import pytest

from core.doctor.check import Status
from core.doctor.graphics import check_offscreen
from core.io.mesh import save_glb
from core.pictures import turntable
from core.pictures.turntable import SIZE, draw_turntable
from core.pictures.viewpoints import World, pitch
from core.pictures.viewpoints import turntable as viewpoints
from core.render.mesh.raster import rasterize
from core.render.shade.render import vertex_normals
from tests.pictures.scenes import toy_scene

HORIZON, FEET = 300, 400
"""Rows above which there is nothing but body and backdrop, and below which the ground is bright."""


@cache
def working_platforms():
    return [name for name in ("egl", "osmesa") if check_offscreen(name, "").status is Status.OK]


def save(scene, folder):
    normals = vertex_normals(scene.vertices, scene.faces)
    save_glb(folder / "body.glb", scene.vertices, normals, scene.faces)
    return folder / "body.glb", folder / "turntable.mp4"


def body_pixels(world, faces, view):
    """Pixels of the body, by our own rasteriser."""
    local = (world.vertices - view.position) @ view.rotation * [1, -1, -1]
    width, height = SIZE
    local = local.astype(np.float32)
    return rasterize(local, faces, view.focal, view.center, height, width, 0.05).mask


@pytest.mark.slow
@pytest.mark.parametrize("platform", ["egl", "osmesa"])
def test_the_upright_body_turns_and_throws_a_shadow(platform, tmp_path, monkeypatch):
    if platform not in working_platforms():
        pytest.skip(f"no {platform} here")
    monkeypatch.setattr(turntable, "PLATFORMS", {platform: platform})
    scene = toy_scene(pitch=20, heading=30, focal=320.0)
    body, film = save(scene, tmp_path)
    assert draw_turntable(body, film, pitch(scene), frames=4) is None
    frames = imageio.imread(film, plugin="FFMPEG").astype(int)
    assert frames.shape == (4, *SIZE[::-1], 3)
    world = World.of(scene)
    for frame, view in zip(
        frames, viewpoints(world.vertices, world.position, SIZE, 4), strict=True
    ):
        expected = body_pixels(world, scene.faces, view)
        bright = frame.mean(-1)
        above, seen = expected[:HORIZON], bright[:HORIZON] > 45
        assert (above & seen).sum() > 0.94 * (above | seen).sum() > 1000
        ground = bright[FEET:][~expected[FEET:]]
        assert 0.012 < (ground < 0.75 * np.median(ground)).mean() < 0.1


@pytest.mark.slow
def test_osmesa_stands_in_for_an_egl_that_fails(tmp_path, monkeypatch):
    if "osmesa" not in working_platforms():
        pytest.skip("no osmesa here")
    monkeypatch.setenv("EGL_DEVICE_ID", "99")
    body, film = save(toy_scene(), tmp_path)
    assert draw_turntable(body, film, frames=1) is None
    assert sorted(tmp_path.iterdir()) == [body, film]


@pytest.mark.parametrize(("chosen", "first"), [(None, "egl"), ("osmesa", "osmesa")])
def test_the_users_platform_comes_first(chosen, first, tmp_path, monkeypatch):
    tried = []

    def complain(command, seconds, **environment):
        tried.append(environment["PYOPENGL_PLATFORM"])
        return "no driver"

    monkeypatch.setattr(turntable, "complaint", complain)
    monkeypatch.delenv("PYOPENGL_PLATFORM", raising=False)
    if chosen:
        monkeypatch.setenv("PYOPENGL_PLATFORM", chosen)
    said = draw_turntable(tmp_path / "body.glb", tmp_path / "turntable.mp4")
    assert tried[0] == first and sorted(tried) == ["egl", "osmesa"]
    assert "EGL: no driver" in said and "OSMesa: no driver" in said


def test_where_nothing_can_be_drawn_one_line_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(turntable, "PLATFORMS", {"none": "None"})
    body, film = save(toy_scene(), tmp_path)
    film.write_text("of an earlier fit")
    warning = draw_turntable(body, film)
    assert warning.startswith("turntable.mp4 not drawn: None: ")
    assert "Unsupported PyOpenGL platform" in warning and "\n" not in warning
    assert list(tmp_path.iterdir()) == [body]


def test_nothing_is_left_of_a_process_that_is_ended(tmp_path, monkeypatch):
    def ended(command, seconds, **environment):
        Path(command[-1]).with_name(".half.mp4").write_text("half")
        return "no answer"

    monkeypatch.setattr(turntable, "complaint", ended)
    body, film = save(toy_scene(), tmp_path)
    assert "no answer" in draw_turntable(body, film)
    assert list(tmp_path.iterdir()) == [body]


def test_a_process_that_takes_too_long_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(turntable, "SECONDS", 0.1)
    body, film = save(toy_scene(), tmp_path)
    assert "EGL: no answer in 0.1 s; OSMesa: no answer in 0.1 s" in draw_turntable(body, film)
    assert list(tmp_path.iterdir()) == [body]


def test_it_ends_with_its_parent(tmp_path):
    files = [str(path) for path in save(toy_scene(), tmp_path)]
    command = [sys.executable, "-m", "core.pictures.turntable", *files, "--attended"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        process.stdin.close()  # what the system does when a parent dies
        assert process.wait(60) == 3
    assert not (tmp_path / "turntable.mp4").exists()
