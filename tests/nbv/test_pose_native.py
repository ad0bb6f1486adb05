"""Native posing against `NeuralBodyVolume.pose` in float64: within 1e-5 of the largest entry."""

import pytest
import torch

from core.native import load_native
from core.nbv.volume import NeuralBodyVolume
from tests.nbv.test_volume import random_pose
from tests.shapes import unchecked
from tests.toys import toy_body

pytestmark = pytest.mark.skipif(load_native() is None, reason="no native library is built")


@pytest.fixture(scope="module")
def volume():
    """Blend weights over several joints, as a real body has."""
    body = toy_body(torch.float64)
    made = NeuralBodyVolume.from_body(body, kernels=200)
    generator = torch.Generator().manual_seed(1)
    other = made.weights[torch.randperm(200, generator=generator)]
    made.weights.mul_(0.7).add_(0.3 * other)
    return made


def outputs(volume, rotations, betas, transl, native):
    posed = volume.pose(rotations, betas, transl, native)
    return posed.means, posed.precisions, posed.axes, posed.joints, posed.limb_directions


def inputs(batch=3, dtype=torch.float64):
    generator = torch.Generator().manual_seed(2)
    betas = torch.randn(batch, 10, generator=generator, dtype=torch.float64)
    transl = torch.randn(batch, 3, generator=generator, dtype=torch.float64)
    leaves = (random_pose(batch), betas, transl)
    return [leaf.to(dtype).requires_grad_() for leaf in leaves]


def assert_near(ours, exact):
    assert ours.dtype == torch.float32
    assert (ours.double() - exact).abs().max() <= 1e-5 * exact.abs().max().clamp_min(0.1)


def test_poses_are_the_twins(volume):
    exact = outputs(volume, *inputs(), native=False)
    ours = outputs(volume.to(torch.ones(1)), *inputs(dtype=torch.float32), native=True)
    for our, reference in zip(ours, exact, strict=True):
        assert_near(our, reference)


@pytest.mark.parametrize("chosen", [0, 1, 2, 3, 4, None])
def test_gradients_are_the_twins(volume, chosen):
    def gradients(volume, leaves, native):
        cost = 0
        for index, out in enumerate(outputs(volume, *leaves, native)):
            mix = torch.randn(out.shape, generator=torch.Generator().manual_seed(index)).to(out)
            if chosen in (None, index):
                cost = cost + (out * mix).sum()
        cost.backward()
        return [leaf.grad for leaf in leaves]

    exact = gradients(volume, inputs(), native=False)
    small = inputs(dtype=torch.float32)
    ours = gradients(volume.to(torch.ones(1)), small, native=True)
    for our, reference in zip(ours, exact, strict=True):
        if reference is None or reference.abs().max() < 1e-9:
            assert our is None or our.abs().max() < 1e-3
        else:
            assert_near(our, reference)


def test_threads_do_not_change_a_bit(volume):
    small, leaves = volume.to(torch.ones(1)), inputs(dtype=torch.float32)
    before, results = torch.get_num_threads(), []
    for threads in (1, 3):
        torch.set_num_threads(threads)
        results.append(outputs(small, *leaves, native=True))
    torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


def test_wrong_shapes_and_types_are_refused(volume):
    rotations, betas, transl = inputs(dtype=torch.float32)
    small = volume.to(torch.ones(1))
    with pytest.raises(ValueError, match="betas"), unchecked():
        small.pose(rotations, betas[:2], transl, native=True)
    with pytest.raises(ValueError, match="rotations"), unchecked():
        small.pose(rotations[:, :23], betas, transl, native=True)
    with pytest.raises(ValueError, match="float32"):
        volume.pose(rotations.double(), betas, transl, native=True)
