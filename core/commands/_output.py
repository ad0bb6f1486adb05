"""What commands print for machines."""

from __future__ import annotations

import json
from typing import Any


def print_json(value: Any) -> None:
    """One JSON value on standard output; paths and the like become strings, NaN is refused."""
    print(json.dumps(value, indent=2, default=str, allow_nan=False))
