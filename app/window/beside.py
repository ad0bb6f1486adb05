"""Files that belong to the photo on screen: occluders, keypoints, a body to start from."""

from __future__ import annotations

from pathlib import Path

from app.panels.folder import BESIDE
from app.protocol.commands import Commands
from app.session import Session
from app.window.occluder_files import put_set
from core.io.files import read_json
from core.occlusion.files import FORMAT

LARGEST = 64 << 20  # bytes of a JSON file that is looked into


def is_beside(path: str) -> bool:
    """Whether a file belongs to a photo, by its name."""
    return path.lower().endswith(BESIDE)


def put_beside(session: Session, path: str) -> Commands:
    """Use a file for the photo on screen, as what is in it says."""
    if path.lower().endswith(".npz"):
        return session.start_from(path)
    return session.use_keypoints(path) if _holds_keypoints(path) else put_set(session, path)


def _holds_keypoints(path: str) -> bool:
    """Whether a JSON file is one of OpenPose or COCO; what cannot be read is told by its reader."""
    try:
        document = read_json(Path(path), LARGEST)
    except (OSError, ValueError, RecursionError):
        return False
    if isinstance(document, list):
        return True
    return (
        isinstance(document, dict)
        and document.get("format") != FORMAT
        and ("people" in document or "annotations" in document)
    )
