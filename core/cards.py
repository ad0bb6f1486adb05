"""Shipped assets and their cards.

Every asset has a card: a Markdown file in its folder that tells how it was made, from what, and
under which licence. One line of the card names the file (in backticks) together with its sha256.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from core.assets import ASSETS
from core.io.files import digest_file

_SHA256 = re.compile(r"\b[0-9a-f]{64}\b")


@dataclass(frozen=True)
class Asset:
    """A file that ships with the project.

    Attributes:
        name: path below the assets folder.
        size: bytes.
        sha256: of the file as it is.
        card: the card's path below the assets folder, None if no card names the file.
        stated_sha256: what the card says.
    """

    name: str
    size: int
    sha256: str
    card: str | None
    stated_sha256: str | None

    @property
    def status(self) -> str:
        """``"ok"``, ``"damaged"`` (not what its card says) or ``"no card"``."""
        if self.stated_sha256 is None:
            return "no card"
        return "ok" if self.sha256 == self.stated_sha256 else "damaged"


def shipped_assets(folder: Path = ASSETS) -> list[Asset]:
    """Every asset below ``folder``, sorted by name."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [_describe(path, folder) for path in files if path.suffix != ".md"]


def _describe(path: Path, folder: Path) -> Asset:
    card, stated = _stated(path)
    return Asset(
        name=path.relative_to(folder).as_posix(),
        size=path.stat().st_size,
        sha256=digest_file(path),
        card=card.relative_to(folder).as_posix() if card else None,
        stated_sha256=stated,
    )


def _stated(path: Path) -> tuple[Path | None, str | None]:
    """The card that names this file, and the first digest on the line that does."""
    for card in sorted(path.parent.glob("*.md")):
        for line in card.read_text(encoding="utf-8").splitlines():
            _, named, after = line.partition(f"`{path.name}`")
            digest = _SHA256.search(after)
            if named and digest:
                return card, digest[0]
    return None, None
