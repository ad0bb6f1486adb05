"""The option --threads of all commands that compute."""

from __future__ import annotations

from typing import Annotated

import tyro

Threads = Annotated[
    int,
    tyro.conf.arg(
        help="Number of threads; 0 leaves it to PyTorch. The same bits need the same number."
    ),
]
