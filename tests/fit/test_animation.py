"""A fit as an animated glTF binary: what other programs read of it is what the fit did."""

import json
import struct
from dataclasses import replace

import numpy as np
import pytest
import torch
import trimesh

from core.body.load import load_body
from core.body.params import BodyParams
from core.errors import UserError
from core.fit import animation
from core.fit.animation import animated, save_animation
from core.fit.course import bodies_at, joints_at
from core.fit.export import save_body
from core.fit.trace import Trace
from core.geometry.crop import Box
from core.io.skinned import save_skinned
from tests.untrained import short_schedule, untrained_engine

SHAPES = {"SCALAR": (), "VEC3": (3,), "VEC4": (4,), "MAT4": (4, 4)}
TYPES = {5126: "<f4", 5125: "<u4", 5121: "u1"}


class Reader:
    """A small glTF reader that shares nothing with the writer: skin, morph targets, animation."""

    def __init__(self, path):
        data = path.read_bytes()
        magic, version, length, size, kind = struct.unpack_from("<4sII I4s", data)
        assert (magic, version, length, kind) == (b"glTF", 2, len(data), b"JSON")
        self.json = json.loads(data[20 : 20 + size])
        size_of_rest, kind = struct.unpack_from("<I4s", data, 20 + size)
        assert kind == b"BIN\0" and size % 4 == 0
        self.buffer = data[28 + size : 28 + size + size_of_rest]

    def array(self, number):
        about = self.json["accessors"][number]
        view = self.json["bufferViews"][about["bufferView"]]
        assert view["byteOffset"] % 4 == 0
        shape = (about["count"], *SHAPES[about["type"]])
        dtype = np.dtype(TYPES[about["componentType"]])
        count = int(np.prod(shape))
        assert view["byteLength"] == count * dtype.itemsize
        values = np.frombuffer(self.buffer, dtype, count, view["byteOffset"]).reshape(shape)
        if "min" in about:
            rows = values.reshape(about["count"], -1)
            assert rows.min(0).tolist() == about["min"] and rows.max(0).tolist() == about["max"]
        return values

    @property
    def times(self):
        return self.array(self.json["animations"][0]["samplers"][0]["input"])

    def keyed(self, key):
        """The nodes with the values of one key of the animation; of none for ``key=None``."""
        nodes = [dict(node) for node in self.json["nodes"]]
        for node in nodes:
            if "mesh" in node and "weights" in self.json["meshes"][node["mesh"]]:
                node.setdefault("weights", self.json["meshes"][node["mesh"]]["weights"])
        if key is None:
            return nodes
        (animation,) = self.json["animations"]
        for channel in animation["channels"]:
            sampler = animation["samplers"][channel["sampler"]]
            values = self.array(sampler["output"]).reshape(len(self.times), -1)
            nodes[channel["target"]["node"]][channel["target"]["path"]] = values[key].tolist()
        return nodes

    def vertices(self, key=None):
        """The skinned surface, in glTF's world."""
        nodes = self.keyed(key)
        worlds = {}

        def visit(number, above):
            worlds[number] = above @ local(nodes[number])
            for child in nodes[number].get("children", ()):
                visit(child, worlds[number])

        for number in self.json["scenes"][0]["nodes"]:
            visit(number, np.eye(4))
        (node,) = [node for node in nodes if "mesh" in node]
        (primitive,) = self.json["meshes"][node["mesh"]]["primitives"]
        attributes = {name: self.array(n) for name, n in primitive["attributes"].items()}
        places = attributes["POSITION"].astype(np.float64)
        for share, target in zip(
            node.get("weights", ()), primitive.get("targets", ()), strict=True
        ):
            places = places + share * self.array(target["POSITION"])
        skin = self.json["skins"][node["skin"]]
        binds = self.array(skin["inverseBindMatrices"]).transpose(0, 2, 1)  # written by columns
        moves = np.stack([worlds[j] for j in skin["joints"]]) @ binds
        mixed = 0
        for group in range(sum(name.startswith("JOINTS") for name in attributes)):
            weights = attributes[f"WEIGHTS_{group}"].astype(np.float64)
            mixed = mixed + (weights[..., None, None] * moves[attributes[f"JOINTS_{group}"]]).sum(1)
        return np.einsum("vij,vj->vi", mixed[:, :3, :3], places) + mixed[:, :3, 3]


def local(node):
    matrix = np.eye(4)
    x, y, z, w = node.get("rotation", (0, 0, 0, 1))
    assert x * x + y * y + z * z + w * w == pytest.approx(1, abs=1e-5)
    matrix[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    matrix[:3, 3] = node.get("translation", (0, 0, 0))
    return matrix


@pytest.fixture(scope="module")
def fitted():
    engine = untrained_engine()
    photo = np.random.default_rng(0).integers(0, 255, (120, 100, 3), np.uint8)
    observation = engine.observe(photo, Box(60, 10, 38, 100))  # off the middle: a turned crop
    fit = engine.begin(observation, short_schedule())
    while not fit.done:
        fit.step()
    return engine, observation, fit.trace


def expected(engine, observation, trace, step):
    """core's own surface in glTF's frame."""
    params = bodies_at(trace, [step], observation.view, engine.volume)
    return engine.vertices(params)[0].numpy() * [1, -1, -1]


def test_the_animation_gives_the_body_of_every_step(fitted, tmp_path):
    engine, observation, trace = fitted
    path = tmp_path / "run.glb"
    save_animation(path, engine, observation, trace, shown=5)
    reader = Reader(path)
    assert len(reader.times) == len(trace) == 7 and (np.diff(reader.times) > 0).all()
    bodies = [expected(*fitted, step) for step in range(7)]
    assert np.abs(bodies[6] - bodies[0]).max() > 0.02  # it moves
    for step, body in enumerate(bodies):
        assert np.abs(reader.vertices(step) - body).max() < 1e-4, step
    assert np.abs(reader.vertices() - bodies[5]).max() < 1e-4  # where nobody plays it
    assert list(tmp_path.iterdir()) == [path]


def test_trimesh_reads_the_rest_pose(fitted, tmp_path):
    engine, observation, trace = fitted
    save_animation(tmp_path / "run.glb", engine, observation, trace, shown=0)
    (mesh,) = trimesh.load_scene(tmp_path / "run.glb", process=False).geometry.values()
    rows = bodies_at(trace, range(7), observation.view, engine.volume)
    rest = engine.body.rest_vertices(rows.betas).mean(0).numpy()
    assert np.abs(mesh.vertices - rest).max() < 1e-4
    np.testing.assert_array_equal(mesh.faces, engine.body.faces.numpy())


def test_shapes_and_pose_correctives_become_morph_targets(tmp_path):
    torch.manual_seed(1)
    body = replace(load_body(), posedirs=1e-3 * torch.randn(6890, 3, 207))
    params = BodyParams(
        torch.randn(4, 3), 0.4 * torch.randn(4, 23, 3), torch.randn(4, 10), torch.randn(4, 3)
    )
    mesh, motion = animated(body, params, np.arange(4.0))
    save_skinned(tmp_path / "run.glb", mesh, motion, 0)
    reader = Reader(tmp_path / "run.glb")
    posed = body.pose(params.rotations(), params.betas, params.transl).vertices.numpy()
    assert 0 < len(mesh.morphs) <= 4
    for key in range(4):
        assert np.abs(reader.vertices(key) - posed[key] * [1, -1, -1]).max() < 1e-4


def test_a_body_that_keeps_its_shape_needs_no_morph_target(tmp_path):
    still = BodyParams(*(torch.zeros(2, *shape) for shape in ((3,), (23, 3), (10,), (3,))))
    mesh, motion = animated(load_body(), still, np.arange(2.0))
    assert len(mesh.morphs) == 0
    save_skinned(tmp_path / "run.glb", mesh, motion, 0)
    assert "targets" not in Reader(tmp_path / "run.glb").json["meshes"][0]["primitives"][0]


def test_turns_take_the_short_way_between_steps(tmp_path):
    angles = torch.tensor([-1.4, -1.5, -1.6, -1.7])  # another number becomes the largest
    turns = torch.zeros(4, 3)
    turns[:, 1] = angles
    zero = torch.zeros(4, 23, 3), torch.zeros(4, 10), torch.zeros(4, 3)
    save_skinned(
        tmp_path / "run.glb",
        *animated(load_body(), BodyParams(turns, *zero), np.arange(4.0)),
        shown=0,
    )
    reader = Reader(tmp_path / "run.glb")
    names = [node["name"] for node in reader.json["nodes"]]
    root = names.index("pelvis")
    quaternions = np.array([reader.keyed(key)[root]["rotation"] for key in range(4)])
    assert ((quaternions[1:] * quaternions[:-1]).sum(-1) > 0.99).all()


def test_long_fits_are_thinned_out_and_the_shown_step_stays(fitted, tmp_path, monkeypatch):
    monkeypatch.setattr(animation, "RECORDS", 3)
    engine, observation, trace = fitted
    save_animation(tmp_path / "run.glb", engine, observation, trace, shown=5)
    reader = Reader(tmp_path / "run.glb")
    assert (reader.times * animation.RATE).round().astype(int).tolist() == [0, 3, 5, 6]


def test_a_body_is_written_in_each_format(fitted, tmp_path):
    engine, observation, trace = fitted
    for name in ("body.obj", "body.npz"):
        save_body(tmp_path / name, engine, observation, trace, 4)
    mesh = trimesh.load(tmp_path / "body.obj", process=False)
    np.testing.assert_allclose(mesh.vertices, expected(*fitted, 4), atol=1e-5)
    params = BodyParams.load(tmp_path / "body.npz")
    vertices = engine.vertices(params)[0].numpy() * [1, -1, -1]
    np.testing.assert_allclose(vertices, expected(*fitted, 4), atol=1e-6)
    with pytest.raises(UserError, match="no step 7; there are 0 to 6"):
        save_body(tmp_path / "more.obj", engine, observation, trace, 7)
    assert not (tmp_path / "more.obj").exists()


def test_a_fit_without_steps_is_refused(fitted, tmp_path):
    engine, observation, trace = fitted
    empty = Trace(trace.start, trace.candidates, trace.winner, trace.scores)
    with pytest.raises(UserError, match="no step yet"):
        save_animation(tmp_path / "run.glb", engine, observation, empty, shown=0)
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_finite_leaves_no_file(fitted, tmp_path):
    mesh, motion = animated(load_body(), bodies_at_of(fitted), np.arange(7.0))
    motion.places[3, 2, 1] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        save_skinned(tmp_path / "run.glb", mesh, motion, 0)
    assert list(tmp_path.iterdir()) == []


def bodies_at_of(fitted):
    engine, observation, trace = fitted
    return bodies_at(trace, range(7), observation.view, engine.volume)


def test_joints_at_many_steps_are_those_of_each(fitted):
    engine, observation, trace = fitted
    joints = joints_at(trace, [0, 3, 6], observation.view, engine.volume)
    for row, step in enumerate((0, 3, 6)):
        in_crop = trace.params(step, engine.volume)
        posed = engine.figures(in_crop).joints[0].numpy()
        turned = posed @ observation.view.rotation.T
        np.testing.assert_allclose(joints[row], turned, atol=1e-5)
