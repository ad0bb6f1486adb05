"""Garments: reading MakeHuman's files, hanging them on a body, splits, damage."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import UserError
from core.render.shade.render import Material
from core.synth.dressing.dressable_body import Outfit, pose_person
from core.synth.dressing.wardrobe import Garment, load_wardrobe
from tools.wardrobe.fit import BaseMesh, fit, hidden_faces, push_out_of_skin, rotations_to_tpose
from tools.wardrobe.mhclo import diffuse_texture, read_binding, read_obj
from tools.wardrobe.opacity import keep_opaque

MHCLO = """# a comment
name shirt
obj_file shirt.obj
x_scale 0 1 2.0
z_scale 0 2 1.0
y_scale 0 3 1.0
material shirt.mhmat
verts 0
0 1 2 0.5 0.25 0.25 1 0 0
3
delete_verts
0 2 - 3 7-8
"""
OBJ = """v 0 0 0
v 1 0 0
v 1 1 0
v 0 1 0
vt 0 0
vt 1 0
vt 1 1
vt 0 1
f 1/1 2/2 3/3 4/4
"""


@pytest.fixture
def shirt(tmp_path):
    (tmp_path / "shirt.mhclo").write_text(MHCLO)
    (tmp_path / "shirt.obj").write_text(OBJ)
    (tmp_path / "shirt.mhmat").write_text("name x\ndiffuseTexture shirt.png\n")
    return tmp_path


def base_mesh(angle: float = 0.0) -> BaseMesh:
    """Sixteen points on joint 0; the T-pose is the A-pose rotated about z."""
    apose = np.random.default_rng(0).normal(size=(16, 3))
    apose[:4] = [[0, 0, 0], [2, 0, 0], [0, 0, 1], [0, 1, 0]]
    cosine, sine = np.cos(angle), np.sin(angle)
    turn = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
    shapedirs = np.random.default_rng(1).normal(size=(16, 3, 10))
    weights = np.eye(24)[np.zeros(16, int)]
    return BaseMesh(apose @ turn.T, shapedirs, weights, apose)


def test_binding_is_read(shirt):
    binding = read_binding(shirt / "shirt.mhclo")
    np.testing.assert_array_equal(binding.corners, [[0, 1, 2], [3, 3, 3]])
    np.testing.assert_allclose(binding.barycentric, [[0.5, 0.25, 0.25], [1, 0, 0]])
    np.testing.assert_array_equal(binding.deleted, [0, 2, 3, 7, 8])
    assert binding.scales["x"] == (0, 1, 2.0)
    assert (binding.obj_file, binding.material) == ("shirt.obj", "shirt.mhmat")


def test_polygons_become_triangles(shirt):
    faces, uv = read_obj(shirt / "shirt.obj")
    np.testing.assert_array_equal(faces, [[0, 1, 2], [0, 2, 3]])
    np.testing.assert_array_equal(uv[1], [[0, 0], [1, 1], [0, 1]])


def test_texture_that_is_not_there_is_none(shirt):
    assert diffuse_texture(shirt / "shirt.mhmat") is None
    (shirt / "shirt.png").write_bytes(b"x")
    assert diffuse_texture(shirt / "shirt.mhmat") == shirt / "shirt.png"
    assert diffuse_texture(shirt / "no.mhmat") is None


@pytest.mark.parametrize("angle", [0.0, 0.9])
def test_garment_follows_the_body_into_the_tpose(shirt, angle):
    base, straight = base_mesh(angle), base_mesh()
    binding = read_binding(shirt / "shirt.mhclo")
    fitted = fit(binding, base)
    rotation = rotations_to_tpose(base)[0]
    expected = fit(binding, straight).vertices @ rotation.T
    np.testing.assert_allclose(fitted.vertices, expected, atol=1e-5)
    np.testing.assert_allclose(fit(binding, straight).vertices[0], [1.5, 0, 0.25], atol=1e-6)
    shape = 0.5 * base.shapedirs[0] + 0.25 * base.shapedirs[1] + 0.25 * base.shapedirs[2]
    np.testing.assert_allclose(fitted.shapedirs[0], shape, atol=1e-6)
    np.testing.assert_allclose(fitted.weights.sum(1), 1)


def test_cloth_is_lifted_off_the_skin():
    from tools.wardrobe.fit import CLEARANCE, Fitted

    skin = np.stack([*np.meshgrid(np.arange(5.0), np.arange(5.0)), np.zeros((5, 5))], -1)
    skin = skin.reshape(-1, 3) * 0.01
    normals = np.tile([0.0, 0, 1], (25, 1))
    cloth = np.array([[0.02, 0.02, -0.003], [0.02, 0.02, 0.05]])
    fitted = Fitted(cloth, np.zeros((2, 3, 10)), np.zeros((2, 24)))
    lifted = push_out_of_skin(fitted, skin, normals).vertices
    np.testing.assert_allclose(lifted[:, 2], [CLEARANCE, 0.05], atol=1e-6)


def test_faces_are_hidden_when_all_corners_are():
    base = base_mesh()
    faces = np.array([[0, 1, 2], [0, 2, 3], [1, 2, 3]])
    hidden = hidden_faces(np.array([0, 2, 3]), base.vertices[:4], faces, base)
    np.testing.assert_array_equal(hidden, [1])


def test_transparent_part_of_a_hair_card_is_cut_off():
    square = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], float)
    faces = np.array([[0, 1, 2], [0, 2, 3]])
    uv = square[:, :2].astype(np.float32)[faces]
    alpha = np.zeros((8, 8), np.float32)
    alpha[:, :4] = 1  # the left half is solid
    columns, kept, kept_uv = keep_opaque(square, faces, uv, alpha)
    assert kept.max() < len(columns)
    assert kept_uv.shape == (len(kept), 3, 2)
    middles = columns[kept].mean(1)
    assert middles[:, 0].max() < 0.6
    edges = columns[kept][:, 1:] - columns[kept][:, :1]
    area = np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1).sum() / 2
    assert 0.4 < area < 0.62
    np.testing.assert_allclose(columns[kept][..., :2], kept_uv, atol=1e-6)


def write_garment(path, kind="suit", **changes):
    arrays = {
        "vertices": np.zeros((3, 3), np.float32),
        "shapedirs": np.zeros((3, 3, 10), np.float32),
        "weights": np.eye(24, dtype=np.float32)[[2, 2, 5]],
        "faces": np.array([[0, 1, 2]], np.int32),
        "corner_uv": np.zeros((1, 3, 2), np.float32),
        "texture": np.zeros((4, 4, 3), np.uint8),
        "hidden": np.array([1], np.int32),
        "kind": np.array(kind),
    } | changes
    np.savez(path, **arrays)


def test_garment_is_loaded(tmp_path):
    write_garment(tmp_path / "shirt.npz")
    garment = Garment.load(tmp_path / "shirt.npz")
    assert (garment.name, garment.kind) == ("shirt", "suit")
    assert garment.face_part.tolist() == [2]


def test_worn_garment_moves_with_the_body_and_hides_it(tmp_path, sampler):
    """A garment that copies one face of the body lies on it in any pose, and that face is gone."""
    dressable = sampler.dressable
    corners = dressable.faces[4000]
    garment = Garment(
        name="patch",
        kind="suit",
        vertices=dressable.body.v_template.numpy()[corners],
        shapedirs=dressable.body.shapedirs.numpy()[corners],
        weights=dressable.body.weights.numpy()[corners],
        faces=np.array([[0, 1, 2]], np.int32),
        corner_uv=np.zeros((1, 3, 2), np.float32),
        texture=np.zeros((4, 4, 3), np.uint8),
        hidden=np.array([4000], np.int32),
    )
    material = Material(garment.texture)
    bare = np.zeros(len(dressable.normals), np.float32)
    pose = np.random.default_rng(0).normal(0, 0.3, (24, 3)).astype(np.float32)
    betas = np.ones(10, np.float32)
    person = pose_person(dressable, Outfit(material, bare, [(garment, material)]), pose, betas)
    np.testing.assert_allclose(person.mesh.vertices[-3:], person.body_vertices[corners], atol=1e-5)
    assert len(person.mesh.faces) == len(dressable.faces)  # one face less, one face more
    assert not (person.mesh.faces == corners).all(1).any()
    assert person.mesh.face_material.tolist()[-2:] == [0, 1]
    assert person.face_part[-1] == dressable.face_part[4000]


def test_damaged_garment_is_named(tmp_path):
    (tmp_path / "shirt.npz").write_bytes(b"PK")
    with pytest.raises(UserError, match=r"shirt\.npz is not a readable garment"):
        load_wardrobe(tmp_path, "train")
    write_garment(tmp_path / "shirt.npz", more=np.zeros(1))
    with pytest.raises(UserError, match=r"shirt\.npz has other fields"):
        load_wardrobe(tmp_path, "train")


def test_splits_share_no_garment(tmp_path):
    for number in range(10):
        write_garment(tmp_path / f"suit{number}.npz")
    train, test = (load_wardrobe(tmp_path, split)["suit"] for split in ("train", "test"))
    names = {g.name for g in train}, {g.name for g in test}
    assert not names[0] & names[1]
    assert len(names[0] | names[1]) == 10
    assert len(names[1]) == 2
