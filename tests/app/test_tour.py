"""The tour."""

import re

from app.actions import BY_NAME, with_keys
from app.geometry.layout import PANELS, arrange
from app.tour import STEPS, Tour


def test_the_tour_has_six_steps_about_what_is_on_screen():
    assert len(STEPS) == 6
    places = set(arrange(1280, 800, why=True)) | set(PANELS)
    for step in STEPS:
        assert set(step.places) <= places
        assert set(re.findall("{(.*?)}", step.text)) <= set(BY_NAME)
        assert "{" not in with_keys(step.text)


def test_the_tour_goes_on_and_back_and_ends():
    tour = Tour()
    assert tour.step is None
    tour.go(1)
    assert tour.step is None
    tour.begin()
    tour.go(-1)
    assert tour.step is STEPS[0]
    for step in STEPS:
        assert tour.step is step
        tour.go(1)
    assert tour.step is None
