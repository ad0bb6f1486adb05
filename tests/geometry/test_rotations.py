"""Representations of rotations: round trips and properties."""

import torch

from core.geometry import rotations as rot


def random_rotations(count: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    vectors = torch.randn(count, 3, generator=generator, dtype=torch.float64)
    return rot.rotation_from_axis_angle(vectors)


def test_axis_angle_round_trip():
    rotation = random_rotations(50)
    again = rot.rotation_from_axis_angle(rot.axis_angle_from_rotation(rotation))
    assert torch.allclose(again, rotation, atol=1e-10)


def test_axis_angle_gradient_is_finite_at_zero():
    zero = torch.zeros(2, 3, requires_grad=True)
    rot.rotation_from_axis_angle(zero).sum().backward()
    assert zero.grad is not None and torch.isfinite(zero.grad).all()


def test_six_numbers_round_trip_and_orthogonality():
    rotation = random_rotations(20)
    columns = rotation[..., :2].transpose(-1, -2).flatten(-2)
    assert torch.allclose(rot.rotation_from_6d(columns), rotation)
    noisy = rot.rotation_from_6d(columns * 2 + 0.3)
    identity = torch.eye(3, dtype=torch.float64).expand(20, 3, 3)
    assert torch.allclose(noisy @ noisy.transpose(1, 2), identity)
    assert torch.allclose(torch.linalg.det(noisy), torch.ones(20, dtype=torch.float64))


def test_half_turn_keeps_up_and_reverses_front():
    rotation = random_rotations(5)
    turned = rot.rotate_180_about_y(rotation)
    assert torch.allclose(turned[..., 1], rotation[..., 1])
    assert torch.allclose(turned[..., 2], -rotation[..., 2])
    assert torch.allclose(rot.rotate_180_about_y(turned), rotation)
    assert torch.allclose(torch.linalg.det(turned), torch.ones(5, dtype=torch.float64))


def test_rotation_between_is_the_smallest_one():
    source = torch.nn.functional.normalize(random_rotations(8)[..., 0], dim=-1)
    target = torch.nn.functional.normalize(random_rotations(8, seed=1)[..., 1], dim=-1)
    rotation = rot.rotation_between(source, target)
    assert torch.allclose((rotation @ source[..., None])[..., 0], target)
    angle = torch.arccos((source * target).sum(-1))
    assert torch.allclose(rot.axis_angle_from_rotation(rotation).norm(dim=-1), angle)


def test_the_mean_of_two_rotations_is_halfway_between_them():
    first = random_rotations(6)
    step = 0.8 * torch.nn.functional.normalize(random_rotations(6, seed=1)[..., 0], dim=-1)
    second = first @ rot.rotation_from_axis_angle(step)
    halfway = first @ rot.rotation_from_axis_angle(step / 2)
    assert torch.allclose(rot.mean_rotation(torch.stack([first, second])), halfway)
    assert torch.allclose(rot.mean_rotation(torch.stack([first, first])), first)
