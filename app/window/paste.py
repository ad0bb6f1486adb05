"""What comes from the clipboard: a picture, a file or a path."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlparse

from app.session import Session
from app.state import Level, Message
from app.window.selection import Selection, open_selection
from core.assets import cache_dir
from core.io.atomic import write_atomic

FILES = "text/uri-list"
PICTURES = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
    "image/tiff": ".tif",
    "image/bmp": ".bmp",
}
"""Formats of pictures, the wanted first, and how their files end."""


def path_in_text(text: str) -> str | None:
    """The file that a pasted text names, by path or file:// address; None if there is none."""
    line = text.strip().splitlines()[0].strip().strip("'\"") if text.strip() else ""
    if line.startswith("file://"):
        line = unquote(urlparse(line).path)
    path = Path(line).expanduser()
    try:
        return str(path) if line and path.is_file() else None
    except OSError:  # a text too long for a path
        return None


def fetch_picture(found: Callable[[str | None], None]) -> None:
    """Look for a picture or a file in the clipboard; ``found`` gets a path, or None.

    It is called from another thread: the clipboard's owner may take its time, or be this window.
    """
    threading.Thread(target=lambda: found(_picture_path()), daemon=True).start()


def open_pasted(session: Session, open_: Callable[[str], None], path: str | None) -> None:
    """Open what the clipboard had."""
    if path is not None:
        open_(path)
        return
    text = "The clipboard holds neither a picture nor the path of one."
    session.message = Message(text, Level.WARNING)


def _picture_path() -> str | None:
    """Path of the file in the clipboard, or of one made from the picture there."""
    if not sys.platform.startswith("linux"):
        return _grabbed()
    with open_selection() as selection:
        return None if selection is None else _selected(selection)


def _selected(selection: Selection) -> str | None:
    """The first file that is there, else a picture, which is saved as it is."""
    formats = selection.formats()
    listed = selection.read(FILES) if FILES in formats else None
    for line in (listed or b"").decode("utf-8", "replace").splitlines():
        file = path_in_text(line)
        if file is not None:
            return file
    kind = next((kind for kind in PICTURES if kind in formats), None)
    content = selection.read(kind) if kind else None
    if not kind or not content:
        return None
    path = _place(PICTURES[kind])
    write_atomic(path, lambda temporary: temporary.write_bytes(content))
    return str(path)


def _grabbed() -> str | None:
    """The same on Windows and macOS, where Pillow can do it."""
    from PIL import Image, ImageGrab

    try:
        content = ImageGrab.grabclipboard()
    except (NotImplementedError, OSError):
        return None
    if isinstance(content, list):
        return str(content[0]) if content else None
    if not isinstance(content, Image.Image):
        return None
    path = _place(".png")
    write_atomic(path, content.save)
    return str(path)


def _place(suffix: str) -> Path:
    """Where a picture from the clipboard is saved."""
    return cache_dir() / "pasted" / time.strftime(f"pasted-%Y%m%d-%H%M%S{suffix}")
