"""Statistics of synthetic people."""

from __future__ import annotations

from core.synth.survey import distributions, material_counts, shares


def test_material_is_counted(sampler):
    found = material_counts(sampler)
    assert found["poses"] > 1000
    assert found["low_poses"] > 2000
    assert found["skins"] == 0


def test_distributions_are_of_adults_and_views(sampler):
    found = distributions(sampler)
    assert 1.4 < found["height_m"][0] < found["height_m"][-1] < 2.05
    assert 16.5 < found["mass_index"][0] < found["mass_index"][-1] < 38.5
    assert -41 < found["pitch_degrees"][0] < found["pitch_degrees"][2] < found["pitch_degrees"][4]
    assert found["pitch_degrees"][4] < 61
    assert 0 < found["pitch_degrees"][2] < 20  # most cameras look slightly down


def test_shares_are_what_the_samples_show(people):
    found = shares(people)
    hidden = [((s.parts > 0) & s.occluder).sum() > 0.01 * (s.parts > 0).sum() for s in people]
    assert found["occluded"] == round(sum(map(bool, hidden)) / len(people), 3)
    assert 0 <= found["half_occluded"] <= found["occluded"] <= 1
