"""Check what works on this machine, and how to fix what does not.

"absent" is an optional feature that is missing; "broken" is a required one, with exit code 1.

Examples:
    nbf doctor
    nbf doctor --json
    nbf doctor --body SMPL_NEUTRAL.pkl
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.commands._output import print_json

if TYPE_CHECKING:
    from core.doctor.check import Check

_STYLE = {"ok": "green", "absent": "yellow", "broken": "bold red"}


@dataclass(frozen=True)
class Options:
    """Options of ``nbf doctor``."""

    body: Path | None = None
    """Your SMPL, SMPL-H or SMPL-X file, to see whether it can be read."""
    json: bool = False
    """Print JSON."""


def run(options: Options) -> int:
    """Run all checks; 1 if a required feature is broken."""
    from core.doctor.check import Status
    from core.doctor.checks import all_checks, versions

    checks = all_checks(options.body)
    broken = any(check.status is Status.BROKEN for check in checks)
    if options.json:
        listed = [asdict(check) for check in checks]
        print_json({"ok": not broken, "checks": listed, "versions": versions()})
    else:
        print_report(checks)
    return int(broken)


def print_report(checks: list[Check]) -> None:
    """Print one line for each check, and its fix below it if there is one."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True, markup=False)
    for check in checks:
        status = check.status.value
        console.print(f"{status:7}", style=_STYLE[status], end="")
        console.print(f" {check.name:17} {check.detail}")
        if check.fix:
            console.print(f"{'':25} -> {check.fix}", style="dim")
