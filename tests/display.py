"""A private X server."""

import os
import subprocess

SCREEN = "1600x1000x24"


def start_xvfb() -> tuple[subprocess.Popen, str]:
    """Start Xvfb on a display that it picks itself; the process and the display's name."""
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", SCREEN, "-nolisten", "tcp"]
    command += ["-noreset"]  # else it refuses clients for a moment after the last one has left
    server = subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        number = pipe.readline().strip()
    assert number, "Xvfb did not start"
    return server, f":{number}"
