"""Small procedural people, sampled once."""

from __future__ import annotations

import pytest

from core.synth.people import PeopleSampler
from core.synth.sample import Sample


@pytest.fixture(scope="session")
def sampler() -> PeopleSampler:
    return PeopleSampler(seed=3, size=64)


@pytest.fixture(scope="session")
def people(sampler) -> list[Sample]:
    return [sampler.sample(index) for index in range(24)]
