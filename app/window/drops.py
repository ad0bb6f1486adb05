"""What is dropped on the window: photos, records, tables, folders, and what belongs to a photo."""

from __future__ import annotations

import re

from app.panels.folder import to_open
from app.protocol.commands import Commands
from app.session import Session
from app.state import Level, Message
from app.window.beside import is_beside, put_beside
from app.window.tables import open_files

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def open_dropped(session: Session, items: list[str]) -> Commands:
    """Open the first of the dropped files, and let the other photos wait."""
    paths, note = dropped_files(items)
    if not paths:
        session.message = Message(note, Level.WARNING)
        return []
    if is_beside(paths[0]):
        return put_beside(session, paths[0])
    return open_files(session, [path for path in paths if not is_beside(path)], note=note)


def dropped_files(items: list[str]) -> tuple[list[str], str]:
    """The files to open of what was dropped, those of folders too, and a line about the rest."""
    files, empty = to_open([item for item in items if not _ADDRESS.match(item)])
    addresses = [item for item in items if _ADDRESS.match(item)]
    if addresses or not items:
        address = addresses[0] if addresses else "nothing"
        note = f"{address} is no file on this computer: save the picture and drop its file."
    else:
        note = f"{empty[0]} holds nothing that can be opened." if empty else ""
    return files, note
