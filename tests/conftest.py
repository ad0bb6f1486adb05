"""What every test runs in: a machine without the user's caches, settings and display."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests import shapes
from tests.display import start_xvfb

shapes.install(("core", "app"))  # before anything imports them

# The same examples in every run; HYPOTHESIS_PROFILE=default looks for new ones.
settings.register_profile("same", derandomize=True, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

if TYPE_CHECKING:
    from core.fit.engine import Engine


@pytest.fixture(scope="session", autouse=True)
def _bare_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Caches go to a temporary folder, and no variable of the user's shell changes a result."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        for name in ("NBF_DATA", "NBF_NATIVE", "DISPLAY", "WAYLAND_DISPLAY"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="session")
def display(_bare_machine: None) -> Iterator[str]:
    """A private X server; ``$DISPLAY`` names it only in tests marked ``gui``."""
    if shutil.which("Xvfb") is None:
        message = "Xvfb is missing: sudo apt-get install -y xvfb"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    server, name = start_xvfb()
    yield name
    server.terminate()
    server.wait(10)


@pytest.fixture(autouse=True)
def _display_for_gui(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests marked ``gui`` find an X server without asking for it; the others find none."""
    if request.node.get_closest_marker("gui"):
        monkeypatch.setenv("DISPLAY", request.getfixturevalue("display"))


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def engine() -> Engine:
    """The real engine with untrained weights."""
    from tests.untrained import untrained_engine

    return untrained_engine()
