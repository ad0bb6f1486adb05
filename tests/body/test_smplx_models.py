"""SMPL-H and SMPL-X files: the same bodies as smplx's, and everything wrong with a file."""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import torch

from core import cli
from core.body.load import load_body
from core.body.smplx_models import folded_joints
from core.errors import UserError
from core.geometry.rotations import rotation_from_axis_angle
from core.nbv.layout import corresponding_vertices, even_vertices
from core.nbv.volume import NeuralBodyVolume
from tests.body.smplx_files import official_tables, parents_of

smplx = pytest.importorskip("smplx")
NAMES = {52: "SMPL-H", 55: "SMPL-X"}
MIDDLE = {52: (25, 40), 55: (28, 43)}


@pytest.fixture(scope="module", params=[52, 55], ids=["smplh", "smplx"])
def joints(request):
    return request.param


@pytest.fixture(scope="module")
def tables(joints):
    return official_tables(joints)


@pytest.fixture(scope="module")
def path(tables, tmp_path_factory):
    path = tmp_path_factory.mktemp("official") / "model.npz"
    np.savez(path, **tables)
    return path


@pytest.fixture(scope="module")
def body(path):
    return load_body(path)


def random_pose(batch=2):
    generator = torch.Generator().manual_seed(1)
    pose = 0.5 * torch.randn(batch, 24, 3, generator=generator)
    pose[:, 22:] = 0  # hands at rest
    betas = torch.randn(batch, 10, generator=generator)
    return pose, betas, torch.randn(batch, 3, generator=generator)


def theirs(path, joints, pose, betas, transl):
    """What smplx itself says of the file, hands, jaw, eyes and expression at zero."""
    kind = {52: smplx.SMPLH, 55: smplx.SMPLX}[joints]
    model = kind(
        str(path), ext="npz", use_pca=False, flat_hand_mean=True, batch_size=len(pose), num_betas=10
    )
    with torch.no_grad():
        return model(
            betas=betas,
            global_orient=pose[:, 0],
            body_pose=pose[:, 1:22].flatten(1),
            transl=transl,
        )


def test_posed_bodies_equal_those_of_smplx(body, path, joints):
    pose, betas, transl = random_pose()
    expected = theirs(path, joints, pose, betas, transl)
    posed = body.pose(rotation_from_axis_angle(pose), betas, transl)
    torch.testing.assert_close(posed.vertices, expected.vertices, atol=1e-5, rtol=0)
    kept = [*range(22), *MIDDLE[joints]]
    torch.testing.assert_close(posed.joints, expected.joints[:, kept], atol=1e-5, rtol=0)


def test_tables(body, tables, joints):
    assert body.topology == {52: "smpl", 55: "smplx"}[joints]
    assert body.v_template.shape == (len(tables["v_template"]), 3)
    assert body.shapedirs.shape[-1] == 10 and body.posedirs.shape[-1] == 207
    torch.testing.assert_close(body.weights.sum(1), torch.ones(len(body.weights)))
    np.testing.assert_array_equal(body.faces, tables["f"])
    np.testing.assert_array_equal(body.uv_faces, tables["ft"])
    dtypes = {v.dtype for v in vars(body).values() if isinstance(v, torch.Tensor)}
    assert dtypes == {torch.float32, torch.int64}
    assert not any(v.requires_grad for v in vars(body).values() if isinstance(v, torch.Tensor))


def test_a_turned_hand_joint_moves_that_hand_alone(body):
    pose = torch.zeros(1, 24, 3)
    pose[0, 22, 2] = 0.4
    zero = torch.zeros(1, 10), torch.zeros(1, 3)
    rest = body.pose(rotation_from_axis_angle(torch.zeros(1, 24, 3)), *zero)
    bent = body.pose(rotation_from_axis_angle(pose), *zero)
    moved = (bent.vertices - rest.vertices).norm(dim=-1)[0] > 1e-4
    assert moved.any()
    distance = (rest.vertices[0] - rest.joints[0, 22]).norm(dim=-1)
    assert distance[moved].max() < 0.25


def test_kernels_go_to_the_same_places(body):
    """The embedded body's kernels on this one: it has the same shape here."""
    embedded = load_body()
    chosen = even_vertices(embedded, 858)
    other = corresponding_vertices(embedded, chosen, body)
    apart = (embedded.v_template[chosen] - body.v_template[other]).norm(dim=-1)
    assert apart.median() < 0.003 and apart.max() < 0.06
    volume = NeuralBodyVolume.from_body(body, other)
    assert torch.isfinite(volume.isotropic).all() and (volume.isotropic > 0).all()


def test_pickles_give_the_same_body(body, tables, tmp_path):
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps({**tables, "dynamic": {"a": [1]}}, protocol=2))
    other = load_body(path)
    for name, value in vars(body).items():
        if isinstance(value, torch.Tensor):
            torch.testing.assert_close(getattr(other, name), value, atol=0, rtol=0)


def test_few_shapes_are_filled_up_with_one_line(joints, tmp_path, capsys):
    tables = official_tables(joints, components=6)
    np.savez(tmp_path / "model.npz", **tables)
    body = load_body(tmp_path / "model.npz")
    assert (body.shapedirs[..., 6:] == 0).all() and (body.shapedirs[..., 5] != 0).any()
    said = capsys.readouterr()
    assert said.err == f"nbf: the {NAMES[joints]} file has 6 shape components; " + (
        "betas 7 to 10 move nothing\n"
    )
    assert said.out == ""


def test_a_malicious_pickle_runs_nothing(tables, tmp_path):
    class Evil:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'witness'}",)

    path = tmp_path / "model.pkl"
    small = {name: array for name, array in tables.items() if name not in ("posedirs", "shapedirs")}
    path.write_bytes(pickle.dumps({**small, "extra": Evil()}, protocol=2))
    with pytest.raises(UserError, match=r"model\.pkl names (posix|nt)\.system"):
        load_body(path)
    assert not (tmp_path / "witness").exists()


def objects(array):
    boxed = np.empty(2, object)
    boxed[:] = [array, print]
    return boxed


@pytest.mark.parametrize(
    ("key", "change", "word"),
    [
        ("weights", lambda a: a[:, :-1], r"weights are for \d+ joints: SMPL has 24, SMPL-H 52"),
        ("weights", lambda a: a[:-1], "weights has the shape"),
        ("J_regressor", lambda a: a[:-1], "J_regressor"),
        ("posedirs", lambda a: a[..., :207], "posedirs"),
        ("posedirs", objects, "posedirs"),
        ("v_template", objects, "v_template"),
        ("v_template", lambda a: a[:-1], r"has \d+ vertices, SMPL-. has \d+"),
        ("shapedirs", lambda a: a * np.nan, "finite"),
        ("kintree_table", lambda a: a[:, ::-1].copy(), "kintree_table"),
        ("kintree_table", lambda a: np.where(a == 20, 18, a), "hangs joint"),
        ("posedirs", None, "posedirs is missing"),
        ("f", lambda a: a + 10475, "f must hold integers"),
    ],
)
def test_bad_tables_are_one_line(tables, tmp_path, key, change, word, capsys):
    content = {name: value for name, value in tables.items() if name != key}
    if change is not None:
        content[key] = change(tables[key])
    path = tmp_path / "model.npz"
    np.savez(path, **content)
    with pytest.raises(UserError, match=word) as error:
        load_body(path)
    assert "\n" not in str(error.value) and "model.npz" in str(error.value)


@pytest.mark.parametrize("part", [0.1, 0.6, 0.999])
def test_truncated(path, tmp_path, part):
    data = path.read_bytes()
    (tmp_path / "model.npz").write_bytes(data[: int(part * len(data))])
    with pytest.raises(UserError, match=r"model\.npz") as error:
        load_body(tmp_path / "model.npz")
    assert "\n" not in str(error.value)


def test_fit_refuses_a_bad_file_with_code_2(path, tmp_path, capsys):
    (tmp_path / "model.npz").write_bytes(path.read_bytes()[:100_000])
    arguments = ["fit", "skimage:camera", "--body", str(tmp_path / "model.npz")]
    assert cli.main([*arguments, "--out", str(tmp_path / "out")]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_doctor_reads_it(path, joints, monkeypatch):
    from core.doctor.checks import check_body

    check = check_body(path)
    assert check.status.value == "ok" and "24 joints" not in check.fix
    assert f"{len(load_body(path).v_template)} vertices" in check.detail


def test_without_smplx_one_line_names_the_command(path, joints, monkeypatch):
    monkeypatch.setitem(sys.modules, "smplx", None)
    with pytest.raises(UserError, match=rf"{NAMES[joints]} .*pip install smplx"):
        load_body(path)


def test_nothing_else_imports_it():
    code = (
        "import sys; sys.modules['smplx'] = None\n"
        "from core.body.load import load_body; from core.fit.engine import Engine\n"
        "load_body(); Engine.load()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("total", [52, 55])
def test_fingers_fold_into_hands_and_the_face_into_the_head(total):
    owner = folded_joints(torch.tensor(parents_of(total))).tolist()
    assert owner[:22] == list(range(22))
    assert owner[22 : total - 30] == [15] * (total - 52)
    assert owner[-30:] == [22] * 15 + [23] * 15


def test_a_header_that_promises_terabytes_takes_no_memory(tables, tmp_path):
    path = tmp_path / "model.npz"
    np.savez(path, **{name: value for name, value in tables.items() if name != "posedirs"})
    header = io.BytesIO()
    claim = {"descr": "<f8", "fortran_order": False, "shape": (10475, 3, 2**40)}
    np.lib.format.write_array_header_1_0(header, claim)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("posedirs.npy", header.getvalue() + bytes(1000))
    with pytest.raises(UserError, match=r"posedirs .*its header claims") as error:
        load_body(path)
    assert "\n" not in str(error.value)
