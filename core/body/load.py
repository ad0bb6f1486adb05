"""Bodies from files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from core.assets import asset_path
from core.body.model import Body


def load_body(path: Path | None = None) -> Body:
    """The embedded body."""
    with np.load(path or asset_path("body/freebody.npz"), allow_pickle=False) as f:
        d = {k: f[k] for k in f.files}
    t = lambda k: torch.from_numpy(d[k].astype(np.float32))  # noqa: E731
    i = lambda k: torch.from_numpy(d[k].astype(np.int64))  # noqa: E731
    return Body(
        t("v_template"),
        t("shapedirs")[..., :10],
        None,
        t("J_regressor"),
        t("weights"),
        i("f"),
        t("vt"),
        i("ft"),
        i("mirror"),
        "freebody-1",
    )
