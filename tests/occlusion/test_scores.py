"""Occlusion maps against known occluders."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.geometry.crop import Box, crop_view
from core.occlusion.occluder import drawn
from core.occlusion.scores import auroc, hidden_in_crop, iou, judge, occlusion_scores
from core.pictures.colors import FALSE_ALARM, HIT, MISS
from core.pictures.palette import NOWHERE, SEEN


class TestAuroc:
    def test_by_hand(self):
        """Positives 3, 1; negatives 2, 0: of four pairs three are in order."""
        assert auroc(np.array([3.0, 1, 2, 0]), np.array([True, True, False, False])) == 0.75

    def test_ties_count_half(self):
        assert auroc(np.zeros(10), np.arange(10) < 4) == 0.5
        assert auroc(np.array([1.0, 1, 0]), np.array([True, False, False])) == 0.75

    def test_one_kind_only(self):
        assert math.isnan(auroc(np.arange(3.0), np.ones(3, bool)))

    def test_nan_is_an_error(self):
        with pytest.raises(ValueError, match="NaN"):
            auroc(np.array([0.0, np.nan]), np.array([True, False]))

    @settings(deadline=None, max_examples=30)
    @given(st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=2, max_size=30))
    def test_equals_counting_pairs(self, pairs):
        scores = np.array([p[0] for p in pairs], float)
        labels = np.array([p[1] for p in pairs])
        if labels.all() or not labels.any():
            return
        difference = scores[labels][:, None] - scores[~labels][None]
        assert auroc(scores, labels) == pytest.approx(
            ((difference > 0) + 0.5 * (difference == 0)).mean()
        )

    def test_shape_and_monotone_maps_do_not_matter(self):
        scores = np.random.default_rng(0).random((8, 8))
        labels = np.random.default_rng(1).random((8, 8)) > 0.6
        assert auroc(np.exp(3 * scores), labels) == auroc(scores.ravel(), labels.ravel())
        assert auroc(-scores, labels) == pytest.approx(1 - auroc(scores, labels))


def test_iou():
    a, b = np.array([1, 1, 0, 0], bool), np.array([0, 1, 1, 0], bool)
    assert iou(a, b) == pytest.approx(1 / 3) and iou(a, a) == 1
    assert iou(a, ~a) == 0 and math.isnan(iou(a & ~a, a & ~a))


class TestOcclusion:
    def maps(self):
        occluder = np.zeros((64, 64), bool)
        occluder[:32] = True
        person = np.zeros((64, 64), bool)
        person[8:56, 16:48] = True
        posterior = np.full((16, 16), 0.9)
        posterior[:8] = 0.1
        return posterior, occluder, person

    def test_perfect(self):
        assert occlusion_scores(*self.maps()) == (1.0, 1.0)

    def test_upside_down(self):
        posterior, occluder, person = self.maps()
        assert occlusion_scores(1 - posterior, occluder, person) == (0.0, 0.0)

    def test_only_cells_of_both_bodies_count(self):
        posterior, occluder, person = self.maps()
        wrong = posterior.copy()
        wrong[:2] = 1.0  # outside the true body
        wrong[2:4] = np.nan  # where nothing was fitted
        assert occlusion_scores(wrong, occluder, person) == (1.0, 1.0)

    def test_a_cell_is_hidden_from_half_its_area(self):
        posterior, occluder, person = self.maps()
        occluder[:34] = True  # half of the row of cells 8
        wrong = occlusion_scores(posterior, occluder, person)
        assert wrong[0] < 1 and wrong[1] == pytest.approx(6 / 7)

    def test_nothing_hidden(self):
        posterior, occluder, person = self.maps()
        values = occlusion_scores(posterior, np.zeros_like(occluder), person)
        assert math.isnan(values[0]) and values[1] == 0

    def test_no_body(self):
        posterior, occluder, person = self.maps()
        assert all(math.isnan(v) for v in occlusion_scores(posterior * np.nan, occluder, person))


def test_hits_and_misses_have_their_colours_and_the_figures_count_them():
    occluder = np.zeros((16, 16), bool)
    occluder[:, :8] = True
    posterior = np.array([[0.1, 0.9, 0.1, 0.9]] * 3 + [[np.nan] * 4])
    found = judge(posterior, occluder)
    assert [tuple(c) for c in found.hits[0].tolist()] == [HIT, MISS, FALSE_ALARM, SEEN]
    assert (found.hits[3] == NOWHERE).all()
    assert found.iou == pytest.approx(1 / 3) and found.auroc == pytest.approx(0.5)


def test_a_crop_sees_what_covers_its_part_of_the_photo():
    view = crop_view(400, 300, Box(100, 50, 100, 200), 500.0, 64)
    low, high = view.to_photo(np.array([[16.0, 32.0], [48.0, 64.0]]))
    over = drawn("rectangle", [tuple(low.tolist()), tuple(high.tolist())])
    hidden = hidden_in_crop((400, 300), (over,), view)
    expected = np.zeros((64, 64), bool)
    expected[32:, 16:48] = True
    assert iou(hidden, expected) > 0.93  # the crop is turned a little
    assert not hidden_in_crop((400, 300), (over.moved(200, 0),), view).any()
