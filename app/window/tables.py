"""Opening whatever is named or dropped: photos, records, and tables of people (nbf eval --each)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from app.album import Listed
from app.geometry.plane import Rect
from app.protocol.commands import Commands
from app.session import Session
from app.state import Level, Message
from core.errors import UserError
from core.eval.person_rows import address, is_table, load_rows, worst_first


def open_files(
    session: Session, paths: Sequence[str], box: Rect | None = None, note: str = ""
) -> Commands:
    """Open the first photo, or the worst person of the tables if there are any; the others wait.

    Args:
        box: the person's, for a single photo.
        note: the message once it is there.
    """
    tables = [path for path in paths if is_table(path)]
    others = [path for path in paths if not is_table(path)]
    if not tables:
        return session.open_all(others, box, note)
    try:
        people = people_of(tables)
    except UserError as error:
        session.message = Message(str(error), Level.ERROR)
        return session.open_all(others) if others else []
    commands = session.open_people(people)
    session.album.add(others, session.document.new_image)
    return commands


def people_of(tables: Sequence[str]) -> list[Listed]:
    """The people of tables, worst first.

    Raises:
        UserError: a table cannot be read, or does not say who its people are.
    """
    people = []
    for table in tables:
        for row, badness in worst_first(load_rows(Path(table))):
            error, words = (badness.value, badness.words) if badness else (None, "")
            people.append(Listed(address(table, row), row.title, error, words))
    return sorted(people, key=lambda person: (person.error is None, -(person.error or 0.0)))
