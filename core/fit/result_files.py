"""Files of a result folder."""

from __future__ import annotations

from pathlib import Path

from core.errors import UserError

RECORD = "fit.nbf"
"""Name of the record, see `core.fit.record`."""
RESULTS = (
    "params.npz",
    "body.glb",
    "panels.png",
    "views.png",
    "fit.mp4",
    "turntable.mp4",
    "report.json",
)
"""What `core.fit.result.save_result` writes beside it when the fit is finished."""


def remove_results(folder: Path) -> None:
    """Remove the results of an earlier fit, which must not pass for those of the next one.

    Raises:
        UserError: the folder cannot be written to.
    """
    try:
        for name in RESULTS:
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"cannot remove {error.filename} of an earlier fit: {reason}") from error
