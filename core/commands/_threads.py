"""The option --threads of all commands that compute."""

from __future__ import annotations

import os
from typing import Annotated

import tyro

from core.commands._checks import check_range

Threads = Annotated[
    int,
    tyro.conf.arg(
        help="Number of threads; 0 leaves it to PyTorch. The same bits need the same number."
    ),
]
MOST = 1024


def use_threads(count: int) -> None:
    """Let this process compute with ``count`` threads; 0 changes nothing.

    Processes that it starts find the number in the environment, but PyTorch takes no more from
    there than there are cores.

    Raises:
        UserError: the number makes no sense.
    """
    check_range("--threads", count, 0, MOST)
    if count == 0:
        return
    for name in ("OMP_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"):
        os.environ[name] = str(count)
    import cv2
    import torch

    torch.set_num_threads(count)
    cv2.setNumThreads(count)
