"""Files of a result folder."""

from __future__ import annotations

RECORD = "fit.nbf"
"""Name of the record, see `core.fit.record`."""
RESULTS = (
    "params.npz",
    "body.glb",
    "panels.png",
    "views.png",
    "occlusion.png",
    "fit.mp4",
    "turntable.mp4",
    "animation.glb",
    "report.json",
)
"""What `core.fit.result.save_result` writes beside it when the fit is finished."""
