"""A data set of photographs, shared by the tests of this folder."""

import pytest

from tests.datasets.world import make_world
from tests.datasets.writers import write_photos


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    write_photos(folder, make_world())
    return folder
