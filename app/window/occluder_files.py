"""Files of occluders: pictures that fill them, and sets that are saved and put before an image."""

from __future__ import annotations

from pathlib import Path

from app.protocol.commands import Commands
from app.session import Session, free_path
from app.state import Level, Message
from core.errors import UserError
from core.occlusion.files import load_occluders, load_picture, save_occluders

SUFFIX = ".occluders.json"
"""Ends the names of sets that are saved here."""


def fill(session: Session, path: str) -> Commands:
    """Fill the chosen occluder, and later ones, with a picture."""
    try:
        return session.set_fill(load_picture(Path(path)))
    except UserError as error:
        return _refuse(session, error)


def put_set(session: Session, path: str) -> Commands:
    """Put a set before the image on screen."""
    try:
        session.view.carried = load_occluders(Path(path))
    except UserError as error:
        return _refuse(session, error)
    commands = session.put()
    if not commands:
        session.message = Message("Open a photo first: {put occluders} then puts the set before it")
    return commands


def save_set(session: Session) -> Commands:
    """Save the occluders on screen as a set, in the current folder."""
    if session.image is None or not session.occluders:
        return []
    path = free_path(session.image.path, suffix=SUFFIX)
    try:
        save_occluders(Path(path), session.occluders)
        session.message = Message(f"Saved the occluders to {path}")
    except UserError as error:
        return _refuse(session, error)
    return []


def _refuse(session: Session, error: UserError) -> Commands:
    session.message = Message(str(error), Level.ERROR)
    return []
