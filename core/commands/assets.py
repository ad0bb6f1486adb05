"""List the shipped assets (body, weights, prior), and check them against their cards.

Exit code 1 if a file is damaged or has no card.

Examples:
    nbf assets
    nbf assets --json
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from core.cards import shipped_assets
from core.commands._output import print_json


@dataclass(frozen=True)
class Options:
    """Options of ``nbf assets``."""

    json: bool = False
    """Print JSON."""


def run(options: Options) -> int:
    """Print the list; 1 if an asset is damaged or has no card."""
    assets = shipped_assets()
    if options.json:
        print_json([asdict(asset) | {"status": asset.status} for asset in assets])
    else:
        for asset in assets:
            size = f"{asset.size / 2**20:7.2f} MiB"
            print(f"{asset.status:8} {size}  {asset.sha256[:16]}  {asset.name}  ({asset.card})")
    return int(any(asset.status != "ok" for asset in assets))
