"""The native renderer under AddressSanitizer and UndefinedBehaviorSanitizer, on random scenes.

`make sanitize` renders ten thousand.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PROBE = "int main() { return 0; }"


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    """The program that renders scenes FIRST, COUNT."""
    compiler, folder = shutil.which("c++"), tmp_path_factory.mktemp("sanitize")
    probe = [compiler, "-fsanitize=address,undefined", "-x", "c++", "-", "-o", folder / "probe"]
    if compiler is None or subprocess.run(probe, input=PROBE, text=True).returncode:
        pytest.skip("no compiler with sanitizers")
    subprocess.run(["sh", HERE / "build.sh", folder], check=True)
    return folder / "volume_scenes"


@pytest.mark.slow
def test_random_scenes_are_clean(scenes):
    done = subprocess.run([scenes, "0", "300"], capture_output=True, text=True, timeout=150)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout == "300 scenes\n"
