import json
import struct

import numpy as np
import pytest
import trimesh

from core.errors import UserError
from core.io.mesh import save_glb, save_mesh
from core.render.shade.render import vertex_normals


def tetrahedron():
    """In the camera frame: 2 m away, a corner above (y < 0) and one to the right (x > 0)."""
    vertices = np.array([[0, -0.3, 2], [0.2, 0, 2], [-0.1, 0, 1.8], [0, 0.1, 2.2]], np.float32)
    faces = np.array([[0, 1, 2], [0, 3, 1], [0, 2, 3], [1, 3, 2]])
    return vertices, faces


def save(path, vertices, faces, **options):
    save_glb(path, vertices, vertex_normals(vertices, faces), faces, **options)


def glb_json(path):
    data = path.read_bytes()
    magic, version, length, size, kind = struct.unpack("<4sIIII", data[:20])
    assert (magic, version, length, kind) == (b"glTF", 2, len(data), 0x4E4F534A)
    return json.loads(data[20 : 20 + size])


def test_glb_reads_back_in_its_frame(tmp_path):
    vertices, faces = tetrahedron()
    save(tmp_path / "body.glb", vertices, faces)
    scene = trimesh.load_scene(tmp_path / "body.glb", process=False)
    (mesh,) = scene.geometry.values()
    assert np.allclose(mesh.vertices, vertices * [1, -1, -1], atol=1e-6)
    assert (mesh.faces == faces).all()
    assert mesh.vertices[0, 1] > 0 and (mesh.vertices[:, 2] < 0).all()  # up, in front of the camera
    assert np.allclose(scene.graph.get("body")[0], np.eye(4))


def test_glb_faces_still_look_outwards(tmp_path):
    vertices, faces = tetrahedron()
    outwards = trimesh.Trimesh(vertices, faces, process=False).volume
    save(tmp_path / "body.glb", vertices, faces)
    (mesh,) = trimesh.load_scene(tmp_path / "body.glb", process=False).geometry.values()
    assert mesh.volume == pytest.approx(outwards) and abs(outwards) > 1e-3


def test_glb_material_names_and_normals(tmp_path):
    save(tmp_path / "body.glb", *tetrahedron(), color=(1.0, 0.5, 0.0))
    document = glb_json(tmp_path / "body.glb")
    (material,) = document["materials"]
    assert material["name"] == "body" and document["meshes"][0]["name"] == "body"
    surface = material["pbrMetallicRoughness"]
    assert surface["baseColorFactor"] == pytest.approx([1.0, 0.2140, 0.0, 1.0], abs=1 / 255)
    assert surface["metallicFactor"] == 0
    assert "NORMAL" in document["meshes"][0]["primitives"][0]["attributes"]


def test_glb_normals_are_in_its_frame(tmp_path):
    vertices, faces = tetrahedron()
    normals = np.float32([[0, 0, 1], [0, 1, 0], [1, 0, 0], [0.6, 0.8, 0]])
    save_glb(tmp_path / "body.glb", vertices, normals, faces)
    (mesh,) = trimesh.load_scene(tmp_path / "body.glb", process=False).geometry.values()
    assert np.allclose(mesh.vertex_normals, normals * [1, -1, -1])


def test_glb_is_the_same_every_time(tmp_path):
    for name in ("a.glb", "b.glb"):
        save(tmp_path / name, *tetrahedron())
    assert (tmp_path / "a.glb").read_bytes() == (tmp_path / "b.glb").read_bytes()


def test_doubled_vertices_are_kept(tmp_path):
    vertices, faces = tetrahedron()
    doubled = np.concatenate([vertices, vertices])
    save(tmp_path / "body.glb", doubled, faces)
    mesh = trimesh.load(tmp_path / "body.glb", process=False, maintain_order=True)
    assert len(next(iter(mesh.geometry.values())).vertices) == 8


def test_vertices_that_are_not_finite(tmp_path):
    vertices, faces = tetrahedron()
    vertices[0, 0] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        save(tmp_path / "body.glb", vertices, faces)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".glb", ".obj", ".ply", ".STL"])
def test_other_formats_hold_the_same_surface(suffix, tmp_path):
    vertices, faces = tetrahedron()
    normals = vertex_normals(vertices, faces)
    path = tmp_path / f"body{suffix}"
    save_mesh(path, vertices, normals, faces)
    (mesh,) = trimesh.load_scene(path, process=False).geometry.values()
    triangles = vertices[faces] * np.float32([1, -1, -1])
    np.testing.assert_allclose(mesh.triangles, triangles, atol=1e-6)
    if suffix != ".STL":
        np.testing.assert_array_equal(mesh.faces, faces)
        np.testing.assert_allclose(mesh.vertex_normals, normals * [1, -1, -1], atol=1e-6)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["body", "body.blend", "obj"])
def test_a_format_that_nobody_writes_is_refused(name, tmp_path):
    vertices, faces = tetrahedron()
    with pytest.raises(UserError, match=rf"{name}: no format of a mesh.*\.glb, \.obj"):
        save_mesh(tmp_path / name, vertices, vertices, faces)
    assert list(tmp_path.iterdir()) == []


def test_other_formats_refuse_what_is_not_finite(tmp_path):
    vertices, faces = tetrahedron()
    normals = vertex_normals(vertices, faces)
    vertices[0, 0] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        save_mesh(tmp_path / "body.ply", vertices, normals, faces)
    assert list(tmp_path.iterdir()) == []
