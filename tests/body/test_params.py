"""Body parameters: rotations, batches, files."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest
import torch

from core.body.params import BodyParams
from core.errors import UserError


def random_params(batch: int = 3) -> BodyParams:
    generator = torch.Generator().manual_seed(0)
    shapes = ((batch, 3), (batch, 23, 3), (batch, 10), (batch, 3))
    return BodyParams(*(torch.randn(*shape, generator=generator) for shape in shapes))


def arrays(params: BodyParams) -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in vars(params).items()}


def same(a: BodyParams, b: BodyParams) -> None:
    for name, value in vars(a).items():
        assert torch.equal(value, getattr(b, name)), name


def test_round_trip(tmp_path):
    params = random_params()
    params.save(tmp_path / "p.npz")
    same(BodyParams.load(tmp_path / "p.npz"), params)
    assert [p.name for p in tmp_path.iterdir()] == ["p.npz"]


def test_one_body_flat_and_in_double(tmp_path):
    """As smplx and other tools write them: body_pose flat, no batch axis, float64."""
    params = random_params(1)
    flat = {k: v[0].astype(np.float64).ravel() for k, v in arrays(params).items()}
    np.savez(tmp_path / "p.npz", **flat, gender="neutral")
    same(BodyParams.load(tmp_path / "p.npz"), params)


def test_rotations_are_roots_first():
    params = random_params()
    rotations = params.rotations()
    assert rotations.shape == (3, 24, 3, 3)
    torch.testing.assert_close(rotations @ rotations.mT, torch.eye(3).expand_as(rotations))
    angle = params.global_orient.norm(dim=-1)
    trace = rotations[:, 0].diagonal(dim1=-2, dim2=-1).sum(-1)
    torch.testing.assert_close(trace, 1 + 2 * angle.cos())


def test_select_and_stack():
    params = random_params()
    assert len(params) == 3
    same(BodyParams.stack([params.select(i) for i in range(3)]), params)
    same(params.select(torch.tensor([2, 0])).select(0), params.select(2))
    assert len(params.select(slice(1, None))) == 2


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"transl": np.full((3, 3), np.nan)}, "transl"),
        ({"betas": np.full((3, 10), np.inf)}, "betas"),
        ({"betas": np.zeros((3, 9))}, "betas"),
        ({"betas": np.zeros((0, 10))}, "betas"),
        ({"body_pose": np.zeros((3, 63))}, "body_pose"),
        ({"body_pose": np.zeros((3, 60))}, "body_pose"),
        ({"betas": np.zeros((2, 10))}, "batch size"),
        ({"betas": None}, "lacks betas; it needs"),
        ({"betas": np.array("text")}, "npz"),
    ],
)
def test_bad_arrays(tmp_path, change, word):
    content = {k: v for k, v in (arrays(random_params()) | change).items() if v is not None}
    np.savez(tmp_path / "p.npz", **content)
    with pytest.raises(UserError, match=word) as error:
        BodyParams.load(tmp_path / "p.npz")
    assert "p.npz" in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("data", [b"", b"hello", b"PK\x03\x04 and nothing more"])
def test_bad_files(tmp_path, data):
    path = tmp_path / "p.npz"
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"p\.npz"):
        BodyParams.load(path)


def test_truncated_and_missing(tmp_path):
    path = tmp_path / "p.npz"
    random_params().save(path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(UserError, match=r"p\.npz"):
        BodyParams.load(path)
    with pytest.raises(UserError, match=r"absent\.npz"):
        BodyParams.load(tmp_path / "absent.npz")


def test_a_bare_array_and_a_bomb(tmp_path):
    path = tmp_path / "p.npz"
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(UserError, match="npz"):
        BodyParams.load(path)
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("betas.npy", "w", force_zip64=True) as file,
    ):
        for _ in range(257):
            file.write(bytes(2**20))
    with pytest.raises(UserError, match="256 MiB"):
        BodyParams.load(path)


def test_pickled_objects_are_refused(tmp_path):
    path = tmp_path / "p.npz"
    np.savez(path, **(arrays(random_params()) | {"betas": np.array([{}], dtype=object)}))
    with pytest.raises(UserError, match="npz"):
        BodyParams.load(path)
