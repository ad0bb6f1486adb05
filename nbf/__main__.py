"""The command ``nbf``, and ``python -m nbf``."""

from __future__ import annotations

import sys


def main() -> int:
    """Run a command; see ``nbf --help``."""
    from nbf import check_not_hidden

    window = sys.argv[1:2] in ([], ["app"])
    try:
        for package in ("core", "app") if window else ("core",):
            check_not_hidden(package)
    except ImportError as error:
        print(f"nbf: {error}", file=sys.stderr)
        return 2
    from core.cli import run_process

    return run_process()


if __name__ == "__main__":
    sys.exit(main())
