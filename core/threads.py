"""How many threads a process computes with."""

from __future__ import annotations

import os

MOST = 1024


def use_threads(count: int) -> None:
    """Let this process compute with ``count`` threads, at most `MOST`; 0 changes nothing.

    Processes that it starts find the number in the environment, but PyTorch takes no more from
    there than there are cores.
    """
    if count == 0:
        return
    for name in ("OMP_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"):
        os.environ[name] = str(count)
    import cv2
    import torch

    torch.set_num_threads(count)
    cv2.setNumThreads(count)
