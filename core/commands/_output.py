"""JSON output of the commands."""

from __future__ import annotations

import json
from typing import Any


def print_json(value: Any) -> None:
    """Print a JSON value on standard output; values such as paths become strings.

    Raises:
        ValueError: a number is not finite.
    """
    print(json.dumps(value, indent=2, default=str, allow_nan=False))
