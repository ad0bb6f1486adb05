"""Bodies of other programs come where these saw them."""

import numpy as np
import pytest
import torch

from core.body.params import BodyParams
from core.body.regressed import load_start
from core.errors import UserError
from core.geometry.crop import Box
from core.geometry.rotations import rotation_from_axis_angle

SIZE, FOCAL = (640, 480), 800.0


@pytest.fixture
def bodies():
    generator = torch.Generator().manual_seed(0)
    return BodyParams(
        0.5 * torch.randn(2, 3, generator=generator),
        0.3 * torch.randn(2, 23, 3, generator=generator),
        torch.randn(2, 10, generator=generator),
        torch.tensor([[-0.8, 0.1, 4.0], [0.6, -0.2, 3.0]]),
    )


def saved(path, **arrays):
    np.savez(path, **{n: np.asarray(v) for n, v in arrays.items()})
    return path


def matrices(bodies):
    return bodies.rotations().numpy()


def crops(bodies):
    """What a regressor sees in square crops: weak perspective cameras, middles and sides."""
    pixels = FOCAL * bodies.transl[:, :2] / bodies.transl[:, 2:] + torch.tensor(SIZE) / 2
    middle, side = np.add(pixels.numpy(), [12.0, -7.0]), np.array([220.0, 300.0])
    scale = 2 * FOCAL / (side * bodies.transl[:, 2].numpy())
    offset = bodies.transl[:, :2].numpy() - 2 * (middle - np.array(SIZE) / 2) / (
        side * scale
    ).reshape(-1, 1)
    return np.concatenate([scale[:, None], offset], 1), middle, side


def same(one, bodies, row):
    theirs = bodies.select(row)
    for name, value in vars(one).items():
        turned = name in ("global_orient", "body_pose")
        a, b = (rotation_from_axis_angle(v) if turned else v for v in (value, vars(theirs)[name]))
        np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-4, err_msg=name)


FORMATS = {
    "ours": lambda b: {n: v.numpy() for n, v in vars(b).items()},
    "4D-Humans, whole photo": lambda b: {
        "pred_smpl_params/global_orient": matrices(b)[:, :1],
        "pred_smpl_params/body_pose": matrices(b)[:, 1:],
        "pred_smpl_params/betas": b.betas,
        "pred_cam_t_full": b.transl * torch.tensor([1, 1, 2.0]),
        "scaled_focal_length": np.array(2 * FOCAL),
    },
    "4D-Humans, crop": lambda b: {
        "global_orient": matrices(b)[:, :1],
        "body_pose": matrices(b)[:, 1:],
        "betas": b.betas,
        "pred_cam": crops(b)[0],
        "pred_cam_t": np.ones((2, 3)),
        "focal_length": np.full((2, 2), 5000.0),
        "box_center": crops(b)[1],
        "box_size": crops(b)[2],
    },
    "PARE": lambda b: {
        "pose": matrices(b),
        "betas": b.betas,
        "pred_cam": crops(b)[0],
        "bboxes": np.concatenate([crops(b)[1], crops(b)[2][:, None].repeat(2, 1)], 1),
    },
    "SPIN": lambda b: {
        "pred_rotmat": matrices(b),
        "pred_betas": b.betas,
        "pred_camera": crops(b)[0],
        "center": crops(b)[1],
        "scale": crops(b)[2] / 200,
    },
    "CameraHMR": lambda b: {
        "global_orient": b.global_orient,
        "body_pose": b.body_pose.flatten(1),
        "betas": np.concatenate([b.betas.numpy(), np.ones((2, 6))], 1),
        "cam_t": b.transl * torch.tensor([1, 1, 0.5]),
        "focal": np.full(2, FOCAL / 2),
    },
}


@pytest.mark.parametrize("name", FORMATS)
def test_a_body_is_read_as_it_was_seen(name, bodies, tmp_path):
    path = saved(tmp_path / "a.npz", **FORMATS[name](bodies))
    same(load_start(path, SIZE, FOCAL), bodies, 0)
    same(load_start(path, SIZE, FOCAL, Box(400, 100, 160, 200)), bodies, 1)


def test_one_body_needs_no_batch_and_no_shape(bodies, tmp_path):
    whole = torch.cat([bodies.global_orient[:, None], bodies.body_pose], 1)
    path = saved(tmp_path / "a.npz", pose=whole[0].flatten(), trans=bodies.transl[0])
    start = load_start(path, SIZE, FOCAL)
    assert torch.equal(start.body_pose, bodies.body_pose[:1]) and not start.betas.any()


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"betas": np.zeros((1, 10))}, "holds no pose"),
        ({"pose": np.zeros((1, 70)), "trans": np.zeros(3)}, "no 24 joints"),
        ({"pose": np.full((1, 24, 3, 3), 2.0), "trans": np.ones(3)}, "no rotations"),
        ({"pose": np.zeros((1, 72))}, "does not say where"),
        ({"pose": np.zeros((1, 72)), "cam": np.ones((1, 3))}, "does not say where"),
        ({"pose": np.zeros((2, 72)), "trans": np.zeros((3, 3))}, "different numbers of people"),
        ({"pose": np.zeros((1, 72)), "trans": np.full(3, np.nan)}, "finite"),
        ({"pose": np.zeros((1, 72)), "trans": np.zeros(3), "betas": np.zeros(4)}, "ten are needed"),
        (
            {"pose": np.zeros((1, 72)), "cam": -np.ones((1, 3)), "bboxes": np.ones((1, 4))},
            "do not fit",
        ),
    ],
)
def test_what_is_no_body_is_one_line(arrays, words, tmp_path):
    with pytest.raises(UserError, match=words):
        load_start(saved(tmp_path / "a.npz", **arrays), SIZE, FOCAL)
