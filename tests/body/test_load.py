"""Bodies from files: official-style pickles and npz, and everything that is wrong with a file."""

from __future__ import annotations

import os
import pickle
import sys
import types

import numpy as np
import pytest
import scipy.sparse
import torch

from core.assets import asset_path
from core.body import load as load_module
from core.body.load import check_regressor, load_body
from core.errors import UserError
from tests.toys import body_tables


@pytest.fixture(scope="module")
def tables() -> dict[str, np.ndarray]:
    return body_tables(60)


def fake_chumpy() -> types.ModuleType:
    """A module that pickles like chumpy: a class `chumpy.ch.Ch` with its numbers under ``x``."""

    class Ch:
        def __init__(self, x):
            self.x = x
            self.dterms = ("x",)
            self._dirty_vars = {"x"}
            self._itr = None

    Ch.__module__, Ch.__qualname__ = "chumpy.ch", "Ch"
    module = types.ModuleType("chumpy.ch")
    module.Ch = Ch
    return module


def official(tables, tmp_path, protocol=2, sparse=scipy.sparse.csc_matrix):
    """Write an official-style pickle; chumpy exists only while it is written."""
    module = fake_chumpy()
    content = {
        **tables,
        "shapedirs": module.Ch(tables["shapedirs"]),
        "J_regressor": sparse(tables["J_regressor"]),
        "v_template": np.asfortranarray(tables["v_template"]),
        "bs_style": "lbs",
        "J_regressor_prior": scipy.sparse.csr_matrix((24, 60)),
        "scale": np.float64(2.0),
    }
    sys.modules |= {"chumpy": types.ModuleType("chumpy"), "chumpy.ch": module}
    try:
        data = pickle.dumps(content, protocol=protocol)
    finally:
        del sys.modules["chumpy"], sys.modules["chumpy.ch"]
    path = tmp_path / "model.pkl"
    path.write_bytes(data)
    return path


def write_pickle(content, path):
    path.write_bytes(pickle.dumps(content, protocol=2))
    return path


def same(body, tables):
    for name, key in (
        ("v_template", "v_template"),
        ("posedirs", "posedirs"),
        ("joint_regressor", "J_regressor"),
        ("weights", "weights"),
    ):
        np.testing.assert_array_equal(getattr(body, name), tables[key].astype(np.float32))
    np.testing.assert_array_equal(body.shapedirs, tables["shapedirs"][..., :10].astype(np.float32))
    np.testing.assert_array_equal(body.faces, tables["f"])
    assert body.topology == "toy" and body.uv is None and body.mirror is None


@pytest.mark.parametrize(
    ("protocol", "sparse"),
    [
        (2, scipy.sparse.csc_matrix),
        (2, scipy.sparse.csr_matrix),
        (4, scipy.sparse.csc_matrix),
        (5, scipy.sparse.csr_matrix),
    ],
)
def test_reads_an_official_pickle(tables, tmp_path, protocol, sparse):
    same(load_body(official(tables, tmp_path, protocol, sparse)), tables)
    assert "chumpy" not in sys.modules


def test_reads_what_python_2_wrote(tables, tmp_path):
    """Protocol 0 names old modules, keeps bytes as latin1 text, and rebuilds by copy_reg."""
    path = official(tables, tmp_path, protocol=0)
    data = path.read_bytes()
    for new, old in (
        (b"cbuiltins\n", b"c__builtin__\n"),
        (b"ccopyreg\n", b"ccopy_reg\n"),
        (b"numpy._core.", b"numpy.core."),
        (b"scipy.sparse._csc\n", b"scipy.sparse.csc\n"),
    ):
        data = data.replace(new, old)
    path.write_bytes(data)
    same(load_body(path), tables)


def test_raw_data_as_python_2_text(tables, tmp_path):
    """A Python-2 string of array bytes arrives as latin1 text; big-endian numbers too."""
    values = tables["v_template"].astype(">f8")
    state = (1, values.shape, values.dtype, False, values.tobytes())
    data = pickle.dumps(state[4], protocol=2)
    assert load_module.unwrap(_array(data, state)).tolist() == values.tolist()


def _array(data, state):
    from core.body.smpl_pickle import _Array, _DType

    dtype = _DType("f8")
    dtype.__setstate__((3, ">", None, None, None, -1, -1, 0))
    array = _Array()
    array.__setstate__((*state[:2], dtype, False, pickle.loads(data).decode("latin1")))
    return array


def test_npz_equals_pickle(tables, tmp_path):
    path = tmp_path / "model.npz"
    np.savez(path, **tables)
    same(load_body(path), tables)


def test_embedded_body():
    body = load_body()
    assert body.topology == "freebody-1"
    assert body.posedirs is None
    assert body.uv is not None and body.uv_faces.shape == body.faces.shape
    assert body.mirror is not None
    with np.load(asset_path("body/freebody.npz")) as file:
        np.testing.assert_array_equal(body.weights, file["weights"])
    check_regressor(body, "freebody-1")


def test_a_regressor_of_another_topology_is_refused():
    with pytest.raises(UserError, match=r"smpl.*freebody-1"):
        check_regressor(load_body(), "smpl")


class Evil:
    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_malicious_pickle_runs_nothing(tables, tmp_path, protocol):
    witness = tmp_path / "witness"
    content = {**tables, "extra": Evil(os.system, f"touch {witness}")}
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    with pytest.raises(UserError, match=r"model\.pkl names (posix|nt)\.system"):
        load_body(path)
    assert not witness.exists()


@pytest.mark.parametrize("function", [eval, getattr, np.load, np.zeros, scipy.sparse.coo_matrix])
def test_only_the_allowed_names(tmp_path, function):
    path = write_pickle({"v_template": Evil(function, "1")}, tmp_path / "model.pkl")
    with pytest.raises(UserError, match=function.__name__):
        load_body(path)


def test_stand_ins_refuse_other_objects(tmp_path):
    """`copy_reg._reconstructor` may build a stand-in, nothing else."""
    path = tmp_path / "model.pkl"
    path.write_bytes(b"ccopy_reg\n_reconstructor\n(c__builtin__\nset\nc__builtin__\nobject\nNtR.")
    with pytest.raises(UserError, match="set"):
        load_body(path)


def test_huge_shapes_take_no_memory(tables, tmp_path):
    sparse = scipy.sparse.csc_matrix((24, 60))
    sparse._shape = (2**20, 2**20)
    path = write_pickle({**tables, "J_regressor": sparse}, tmp_path / "model.pkl")
    with pytest.raises(UserError, match=r"J_regressor.*sparse matrix of shape"):
        load_body(path)


def one_line(error) -> str:
    text = str(error.value)
    assert "\n" not in text and "model" in text
    return text


@pytest.mark.parametrize("kind", ["pkl", "npz"])
@pytest.mark.parametrize(
    ("key", "change", "word"),
    [
        ("v_template", lambda a: a[:, :2], "v_template"),
        ("v_template", lambda a: np.where(np.arange(3) == 1, np.nan, a), "finite"),
        ("v_template", lambda a: np.full(a.shape, "a"), "v_template"),
        ("shapedirs", lambda a: a[..., :9], "9 components"),
        ("shapedirs", lambda a: a[:-1], "shapedirs"),
        ("weights", lambda a: a[:, :23], "weights"),
        ("weights", lambda a: a + np.inf, "finite"),
        ("posedirs", lambda a: a[..., :9], "posedirs"),
        ("J_regressor", lambda a: np.zeros((55, 60)), "J_regressor"),
        ("f", lambda a: a + 60, "0 to 59"),
        ("f", lambda a: a.astype(float), "integers"),
        ("kintree_table", lambda a: a[:, ::-1], "kintree_table"),
        ("f", None, "f is missing"),
        ("v_template", None, "v_template is missing"),
    ],
)
def test_bad_tables(tables, tmp_path, kind, key, change, word):
    content = {k: v for k, v in tables.items() if k != key}
    if change is not None:
        content[key] = change(tables[key])
    path = tmp_path / f"model.{kind}"
    if kind == "npz":
        np.savez(path, **content)
    else:
        write_pickle(content, path)
    with pytest.raises(UserError, match=word) as error:
        load_body(path)
    one_line(error)


def test_without_a_tag_it_is_smpl(tables, tmp_path):
    path = tmp_path / "model.npz"
    untagged = {k: v for k, v in tables.items() if k not in ("topology", "posedirs")}
    np.savez(path, **untagged)
    with pytest.raises(UserError, match=r"60 vertices.*6890"):
        load_body(path)
    rows = np.arange(6890) % 60
    for key in ("v_template", "shapedirs", "weights"):
        untagged[key] = untagged[key][rows]
    untagged["J_regressor"] = untagged["J_regressor"][:, rows]
    np.savez(path, **untagged)
    body = load_body(path)
    assert body.topology == "smpl" and body.posedirs is None


@pytest.mark.parametrize("part", [0.0, 0.001, 0.5, 0.999])
@pytest.mark.parametrize("kind", ["pkl", "npz"])
def test_truncated(tables, tmp_path, kind, part):
    path = tmp_path / "model.npz"
    if kind == "npz":
        np.savez_compressed(path, **tables)
    else:
        write_pickle(tables, path)
    data = path.read_bytes()
    path.write_bytes(data[: int(part * len(data))])
    with pytest.raises(UserError) as error:
        load_body(path)
    one_line(error)


def test_damaged_bytes_inside_an_npz(tables, tmp_path):
    path = tmp_path / "model.npz"
    np.savez_compressed(path, **tables)
    data = bytearray(path.read_bytes())
    data[400:500] = bytes(100)
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"v_template\.npy cannot be read") as error:
        load_body(path)
    one_line(error)


@pytest.mark.parametrize("content", [[1, 2], "text", None, {"v_template": torch.nn.Module}])
def test_other_pickles(tmp_path, content):
    path = write_pickle(content, tmp_path / "model.pkl")
    with pytest.raises(UserError) as error:
        load_body(path)
    one_line(error)


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"hello", b"\x80\x02}.", b"\x80\x04\x95" + b"\xff" * 8),
        b"Nr\xff\xff\xff\x1f.",  # a memo of half a billion entries
        b"Np536870911\n.",
    ],
)
def test_other_files(tmp_path, data):
    path = tmp_path / "model.pkl"
    path.write_bytes(data)
    with pytest.raises(UserError) as error:
        load_body(path)
    one_line(error)


def test_missing_file_and_folder(tmp_path):
    for path in (tmp_path / "model.pkl", tmp_path / "model"):
        (tmp_path / "model").mkdir(exist_ok=True)
        with pytest.raises(UserError, match=r"is missing|directory") as error:
            load_body(path)
        one_line(error)


def test_size_is_limited_before_reading(tmp_path, monkeypatch):
    path = tmp_path / "model.pkl"
    with path.open("wb") as file:
        file.truncate(load_module.MAX_BYTES + 1)  # a sparse file takes no room
    with pytest.raises(UserError, match="400 MiB allowed"):
        load_body(path)
    bomb = tmp_path / "model.npz"
    np.savez_compressed(bomb, weights=np.zeros((10_000, 3)))
    monkeypatch.setattr(load_module, "MAX_BYTES", 100_000)
    with pytest.raises(UserError, match="unpacks to more"):
        load_body(bomb)
