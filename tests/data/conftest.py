"""People small and procedural, made once."""

from __future__ import annotations

import pytest

from core.data.people import PeopleSampler
from core.data.sample import Sample


@pytest.fixture(scope="session")
def sampler() -> PeopleSampler:
    return PeopleSampler(seed=3, size=64)


@pytest.fixture(scope="session")
def people(sampler) -> list[Sample]:
    return [sampler.sample(index) for index in range(24)]
