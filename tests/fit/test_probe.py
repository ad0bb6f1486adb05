"""A probed pixel says what the comparison and the likelihood say of it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.body.names import JOINT_NAMES
from core.errors import UserError
from core.fit.comparison import compare, likelihood_cost, pose_volume
from core.fit.evidence import FeatureMap
from core.fit.likelihood import LikelihoodSettings
from core.fit.limb_shares import LIMBS, limb_shares, limb_weights
from core.fit.probe import map_pixel, probe_compared
from core.fit.state import BodyState
from core.geometry.camera import project
from core.geometry.crop import Box
from core.io.images import load_image
from tests.fit.toy_problem import (
    STRIDE,
    perturbed,
    quick_schedule,
    toy_model,
    toy_problem,
    true_body,
)


def probe_pixel(problem, model, body, settings, row, column):
    """The probe of a body that is compared for this one pixel."""
    with torch.no_grad():
        seen = compare(problem, model, body, settings)
    return probe_compared(problem, model, seen, settings, row, column)


@pytest.fixture(scope="module")
def model():
    return toy_model()


@pytest.fixture(scope="module", params=[True, False], ids=["z", "no z"])
def case(request, model):
    """A problem, a body near its truth, settings, and what `compare` says."""
    likelihood = LikelihoodSettings(use_occlusion=request.param, equal_variance=False)
    settings = replace(quick_schedule(), likelihood=likelihood)
    problem, body = toy_problem(model, true_body()), BodyState.of(perturbed(true_body()))
    return problem, body, settings, compare(problem, model, body, settings)


def test_all_pixels_together_are_the_likelihood_of_the_fit(model, case):
    problem, body, settings, seen = case
    height, width = problem.get(FeatureMap).size
    probes = [
        probe_compared(problem, model, seen, settings, row, column)
        for row in range(height)
        for column in range(width)
    ]
    reached = [probe for probe in probes if probe.rendered is not None]
    pixels = [probe.row * width + probe.column for probe in reached]
    assert pixels == seen.render.assignment.pixel.tolist()
    for name, values in vars(seen.evidence).items():
        assert [getattr(probe, name) for probe in reached] == values.tolist()
    assert [probe.opacity for probe in reached] == seen.render.opacity.tolist()
    posed = pose_volume(model.volume, body, settings.render)
    cost = likelihood_cost(problem, model, body, posed, settings)
    assert -sum(p.inside * p.log_likelihood for p in probes) == pytest.approx(cost.item(), rel=1e-4)


def test_foreground_and_background_differ_by_the_ratio(model, case):
    problem, body, settings, seen = case
    for index in (0, len(seen.evidence.ratio) // 2):
        row, column = divmod(int(seen.render.assignment.pixel[index]), 32)
        probe = probe_pixel(problem, model, body, settings, row, column)
        assert probe.foreground_log - probe.background_log == pytest.approx(probe.ratio, abs=1e-4)
        likeness = torch.distributions.Normal(
            torch.tensor(probe.rendered), (model.bank.variance_foreground / 16).sqrt()
        )
        expected = settings.likelihood.temper * likeness.log_prob(torch.tensor(probe.observed))
        assert probe.foreground_log == pytest.approx(expected.sum().item(), rel=1e-4)


def test_kernels_make_the_pixel(model, case):
    problem, body, settings, seen = case
    pixel = int(seen.render.assignment.pixel[seen.render.opacity.argmax()])
    probe = probe_pixel(problem, model, body, settings, *divmod(pixel, 32))
    weights = np.array([kernel.weight for kernel in probe.kernels])
    ids = [kernel.kernel for kernel in probe.kernels]
    assert weights.sum() == pytest.approx(probe.opacity, rel=1e-5)
    assert (np.diff(weights) <= 0).all() and len(set(ids)) == len(ids) > 1
    mixed = weights @ seen.emitted[0, ids].double().numpy() / probe.opacity
    np.testing.assert_allclose(mixed, probe.rendered, atol=1e-5)
    for kernel in probe.kernels:
        assert kernel.limb == list(LIMBS)[model.volume.limb[kernel.kernel]]
        assert sum(kernel.orientation) == pytest.approx(1, abs=1e-5)
        assert 3.5 < kernel.depth < 4.5
        assert kernel.position == pytest.approx(seen.posed.means[0, kernel.kernel].tolist())


def test_the_bank_knows_whose_feature_it_is(model):
    """At the truth, the best match is a kernel that makes the pixel; elsewhere it still is."""
    problem, settings = toy_problem(model, true_body()), quick_schedule()
    wrist = JOINT_NAMES.index("l_elbow")
    body = BodyState.of(true_body())
    joints = model.volume.joints(body.rotations, body.betas, body.transl)
    x, y = (project(problem.camera, joints)[0, wrist] / STRIDE).int().tolist()
    probe = probe_pixel(problem, model, body, settings, y, x)
    assert probe.matches[0].kernel in {kernel.kernel for kernel in probe.kernels[:4]}
    assert probe.matches[0].limb in ("l_upper_arm", "l_lower_arm")
    ratios = [match.ratio for match in probe.matches]
    assert ratios == sorted(ratios, reverse=True) and probe.posterior > settings.likelihood.visible
    away = replace(body, transl=body.transl + torch.tensor([0.0, 3.0, 0.0]))
    gone = probe_pixel(problem, model, away, settings, y, x)
    assert gone.rendered is None and gone.ratio is None and gone.kernels == ()
    assert gone.log_likelihood == 0 and gone.matches == probe.matches


def test_the_ratio_with_a_match_is_that_of_rendering_it(model, case):
    problem, body, settings, seen = case
    pixel = int(seen.render.assignment.pixel[seen.render.opacity.argmax()])
    probe = probe_pixel(problem, model, body, settings, *divmod(pixel, 32))
    best = probe.matches[0]
    phi = model.bank.phi.clone()
    phi[:] = model.bank.phi[best.kernel, best.orientation]
    only = replace(model, bank=replace(model.bank, phi=phi))
    as_if = probe_pixel(problem, only, body, settings, *divmod(pixel, 32))
    assert as_if.ratio == pytest.approx(best.ratio, abs=1e-3)
    assert as_if.posterior == pytest.approx(best.posterior, abs=1e-3)


def test_pixels_beyond_the_map_are_refused(model, case):
    problem, _, settings, seen = case
    for row, column in ((-1, 0), (0, 32), (32, 0)):
        with pytest.raises(UserError, match="no pixel"):
            probe_compared(problem, model, seen, settings, row, column)


def test_limbs_share_opacity_and_evidence(model, case):
    problem, body, settings, seen = case
    torch.testing.assert_close(limb_weights(seen, model.volume).sum(1), seen.render.opacity)
    shares = limb_shares(problem, seen, model.volume)
    assert [share.limb for share in shares] == list(LIMBS)
    assert sum(s.pixels for s in shares) == pytest.approx(seen.render.opacity.sum().item())
    assert all(0 <= share.seen <= 1 for share in shares)
    cells = {(row, column): w for row, column, w in shares[-1].cells}
    probe = probe_compared(problem, model, seen, settings, *next(iter(cells)))
    torso = sum(kernel.weight for kernel in probe.kernels if kernel.limb == "torso")
    assert cells[probe.row, probe.column] == pytest.approx(torso) and len(cells) > 20
    posed = pose_volume(model.volume, body, settings.render)
    cost = likelihood_cost(problem, model, body, posed, settings)
    assert -sum(share.evidence for share in shares) == pytest.approx(cost.item(), rel=1e-4)


def test_photo_pixels_are_found_on_the_map(engine):
    observation = engine.observe(load_image("skimage:camera").pixels, Box(100, 60, 200, 400))
    height, width = observation.problem.get(FeatureMap).size
    assert map_pixel(observation, 200.0, 260.0) == (height // 2, width // 2)
    row, column = map_pixel(observation, 200.0, 100.0)
    assert row < height // 4 and abs(column - width // 2) <= 1
    with pytest.raises(UserError, match="outside the person's crop"):
        map_pixel(observation, 511.0, 511.0)
