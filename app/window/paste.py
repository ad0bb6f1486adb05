"""The clipboard: a picture, files, or the path of one as text."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlparse

from core.assets import cache_dir
from core.io.atomic import write_atomic


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
    """Look for a picture in the clipboard; ``found`` gets a path, or None.

    It is called from another thread: the clipboard's owner may take its time, or be this window.
    """
    threading.Thread(target=lambda: found(_picture_path()), daemon=True).start()


def _picture_path() -> str | None:
    """Path of the file in the clipboard, or of one made from the picture there."""
    from PIL import Image, ImageGrab

    try:
        content = ImageGrab.grabclipboard()
    except (NotImplementedError, OSError, ChildProcessError):
        return None  # no helper program (xclip, wl-paste), or nothing that is a picture
    if isinstance(content, list):
        return str(content[0]) if content else None
    if not isinstance(content, Image.Image):
        return None
    path = cache_dir() / "pasted" / time.strftime("pasted-%Y%m%d-%H%M%S.png")
    write_atomic(path, content.save)
    return str(path)
