"""z against annotated masks: which pixels count, and the figures."""

import numpy as np
import pytest

from core.datasets.crop import crop_person
from core.datasets.registry import open_dataset
from core.eval.photo_masks import MaskPixels, MaskReport
from core.geometry.crop import PADDING
from tests.datasets.world import make_world
from tests.datasets.writers import write_photos


def test_the_outline_of_a_box_is_a_box_in_the_crop(tmp_path):
    write_photos(tmp_path, make_world())
    crop = crop_person(open_dataset("photos", tmp_path), 0, 256)
    column, row = np.flatnonzero(crop.mask.any(0)), np.flatnonzero(crop.mask.any(1))
    assert crop.mask[np.ix_(row, column)].mean() > 0.97  # the crop's camera turns a little
    assert max(len(column), len(row)) == pytest.approx(256 / PADDING, abs=6)


def test_only_pixels_of_the_body_and_the_photo_count():
    posterior = np.array([[0.9, np.nan], [0.2, 0.7]])
    inside, mask = np.ones((4, 4), bool), np.zeros((4, 4), bool)
    inside[2:, 2:] = False
    mask[:2, :1] = mask[2:, :] = True  # half of the first pixel, all of the lower ones
    pixels = MaskPixels.of(posterior, mask, inside)
    assert pixels.posterior.tolist() == [0.9, 0.2] and pixels.seen.tolist() == [True, True]


def test_figures_of_two_people():
    sure = MaskPixels(np.array([0.95, 0.95, 0.05, 0.6]), np.array([True, True, False, False]))
    whole = MaskPixels(np.array([0.95, 0.3]), np.array([True, True]))
    report = MaskReport.of([sure, whole])
    assert report.auroc.value == 1  # of the second nothing is hidden
    assert report.auroc_pooled == pytest.approx(7 / 8)
    assert report.iou == pytest.approx(1 / 3)
    assert (report.hidden, report.said_hidden) == (pytest.approx(2 / 6), pytest.approx(2 / 6))
    assert [belief.true for belief in report.beliefs] == [0, 1, 0, 1]
    assert [6 * belief.share for belief in report.beliefs] == pytest.approx([1, 1, 1, 3])


def test_without_a_covered_pixel_there_is_no_report():
    assert MaskReport.of([]) is None
