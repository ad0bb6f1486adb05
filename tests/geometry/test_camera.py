"""Cameras: rays and projection agree, scaling is a change of unit."""

import torch

from core.geometry.camera import Camera, pixel_rays, project


def make_camera() -> Camera:
    return Camera(torch.tensor([300.0, 500.0]), torch.tensor([[128.0, 120.0], [130.0, 128.0]]))


def test_rays_project_back_to_cell_centres():
    camera = make_camera()
    rays = pixel_rays(camera, 4, 6, stride=8)
    pixels = project(camera, rays.flatten(1, 2) * 3.7).unflatten(1, (4, 6))
    assert torch.allclose(rays.norm(dim=-1), torch.ones(2, 4, 6))
    assert torch.allclose(pixels[0, 2, 5], torch.tensor([44.0, 20.0]), atol=1e-3)


def test_scaled_camera_projects_to_scaled_pixels():
    camera = make_camera()
    points = torch.tensor([[[0.1, -0.2, 3.0]], [[0.3, 0.4, 2.0]]])
    assert torch.allclose(project(camera.scaled(0.25), points), project(camera, points) / 4)


def test_centered_camera_sees_the_axis_in_the_middle():
    camera = Camera.centered(torch.tensor([200.0]), 256)
    assert torch.equal(
        project(camera, torch.tensor([[[0.0, 0, 5]]])), torch.tensor([[[128.0, 128]]])
    )
