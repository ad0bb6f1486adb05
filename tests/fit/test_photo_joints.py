"""Joints in the photo: read ones and a body's meet where both are the same."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.fit.photo_joints import body_joints, read_joints
from core.geometry.crop import Box
from core.nets.joint_estimate import JointEstimate
from core.train.batches.truth import BodyTruth
from core.train.losses.joint_estimate import joint_truth


@pytest.fixture(scope="module")
def observation(engine):
    """A person at the edge of a photo, whose crop is turned and shrunk."""
    photo = np.full((900, 1400, 3), 90, np.uint8)
    return engine.observe(photo, Box(900, 100, 350, 700))


def perfect(engine, observation, sigma):
    """The same observation, in which the regressed body's joints were read without error."""
    body = observation.regressed
    truth = BodyTruth(
        size=observation.view.size,
        focal=torch.tensor([observation.view.focal]),
        rotations=body.rotations(),
        betas=body.betas,
        transl=body.transl,
    )
    exact = joint_truth(truth, engine.volume)
    sigmas = torch.full_like(exact.foreshortening, sigma).log()
    estimate = JointEstimate(exact.xy, sigmas, exact.foreshortening, sigmas)
    return replace(observation, problem=observation.problem.having(estimate))


def test_a_perfect_reading_lies_on_the_body(engine, observation):
    read = read_joints(perfect(engine, observation, 0.05))
    body = body_joints(engine, observation, observation.regressed)
    np.testing.assert_allclose(read.xy, body.xy, atol=0.05)
    np.testing.assert_allclose(read.foreshortening, body.foreshortening, atol=1e-4)
    assert not body.sigma.any() and body.foreshortening[0] == 0


def test_doubt_is_told_in_pixels_of_the_photo(engine, observation):
    read = read_joints(perfect(engine, observation, 0.05))
    # the crop's side is 1.25 times the box's longer one, and half of it is the unit
    middle = 0.05 * 1.25 * 700 / 2
    assert np.abs(read.sigma / middle - 1).max() < 0.15
    np.testing.assert_allclose(read.sigma_foreshortening, 0.05, rtol=1e-5)
