"""The CUDA sources on the CPU under AddressSanitizer and UndefinedBehaviorSanitizer."""

import os
import subprocess

import pytest

from tests.native.conftest import ON_CPU, compile_on_cpu


@pytest.mark.slow
def test_random_scenes_have_no_bad_memory_access(tmp_path):
    sanitize = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    scenes = ON_CPU.parent / "random_scenes.cpp"
    flags = ["-O1", "-g1", *sanitize]
    program = compile_on_cpu(tmp_path / "scenes", *flags, ops="volume", more=[scenes])
    environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
    done = subprocess.run([program, "12"], capture_output=True, text=True, env=environment)
    assert done.returncode == 0 and done.stdout == "fine\n", done.stdout + done.stderr[-4000:]
