"""The posterior of z with a detector's mask."""

import pytest
import torch

from core.fit.comparison import compare
from core.fit.evidence import FeatureMap, PersonMask
from core.fit.likelihood import LikelihoodSettings, PixelEvidence
from core.fit.state import BodyState
from core.fit.visibility import believed
from tests.fit.toy_problem import SIZE, quick_schedule, toy_model, toy_problem, true_body


def evidence(ratios):
    ratio = torch.tensor(ratios)
    return PixelEvidence(ratio, ratio, torch.sigmoid(ratio))


def test_both_count_the_likelihood_more_and_neither_is_certain():
    seen = evidence([3.0, 3.0, -3.0, 30.0])
    mask = torch.tensor([4.0, -4.0, 4.0, 0.0])
    p = believed(seen, mask, LikelihoodSettings()).posterior
    assert p[0] > p[1] + 0.05 and p[1] > p[2] + 0.05 and p[2] < 0.5 < p[0]
    assert p[0] < torch.sigmoid(torch.tensor(3.0))  # less sure than the likelihood alone
    assert p[3] > 0.99


def test_without_occlusion_all_is_seen():
    seen = PixelEvidence(torch.zeros(2), torch.zeros(2), torch.ones(2))
    settings = LikelihoodSettings(use_occlusion=False)
    assert believed(seen, torch.tensor([-9.0, 9.0]), settings).posterior.tolist() == [1, 1]


def test_the_mask_moves_the_posterior_and_not_the_likelihood():
    model, schedule = toy_model(), quick_schedule()
    problem, body = toy_problem(model, true_body()), BodyState.of(true_body())
    nothing, left_hidden = torch.zeros(1, SIZE, SIZE), torch.zeros(1, SIZE, SIZE)
    left_hidden[:, :, : SIZE // 2] = -6.0
    with torch.no_grad():
        before, after = (
            compare(problem.having(PersonMask(logits)), model, body, schedule)
            for logits in (nothing, left_hidden)
        )
    assert torch.equal(before.evidence.log_likelihood, after.evidence.log_likelihood)
    width = problem.get(FeatureMap).size[1]
    left = after.render.assignment.pixel % width < width // 2
    assert left.any() and not left.all()
    change = after.evidence.posterior - before.evidence.posterior
    assert (change[left] < 0).all() and change[~left].abs().max() == pytest.approx(0)
