"""``python -m app``: the same as ``nbf app``."""

from __future__ import annotations

from app.main import cli

if __name__ == "__main__":
    raise SystemExit(cli())
