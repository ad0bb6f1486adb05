"""A debugger on the private display, that tests drive like a person."""

import os
import shutil

import pytest
from PIL import Image

from tests.app.blob import blob_photo
from tests.app.driver import Debugger, start_program
from tests.app.preloaded import start_window


@pytest.fixture
def photo(tmp_path):
    """A photo whose name needs quoting wherever quoting can be forgotten."""
    path = tmp_path / "ein Foto ümläut #1.png"
    Image.fromarray(blob_photo()).save(path)
    return path


@pytest.fixture
def debugger(display, tmp_path):
    """Starts debuggers, or the program itself; all are closed at the end."""
    if shutil.which("xdotool") is None:
        message = "xdotool is missing: sudo apt-get install -y xdotool"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    running = []

    def start(*arguments, engine="load", folder=None, program=False, window=start_window):
        state = tmp_path / f"state{len(running)}.json"
        how = start_program if program else window
        app = Debugger(display, state, engine, arguments, folder, how)
        running.append(app)
        return app

    yield start
    for app in running:
        app.close()
