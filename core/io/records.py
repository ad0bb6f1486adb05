"""Saving dataclasses as JSON, and loading them with every field checked."""

from __future__ import annotations

import dataclasses
import json
import math
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from core.errors import UserError
from core.io.atomic import write_atomic
from core.io.files import read_json, readable

MAX_BYTES = 64 * 2**20
Record = TypeVar("Record")
_EXACT = 2**53  # float64 represents integers below this exactly


def save_record(path: Path, record: object) -> None:
    """Write a dataclass as indented JSON; numbers that are not finite become null."""
    text = to_json(record) + "\n"
    write_atomic(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def to_json(record: object) -> str:
    """A dataclass (or a list or dict of them) as indented JSON, keys in the order of the fields."""
    return json.dumps(plain(record), indent=2, ensure_ascii=False, allow_nan=False)


def load_record(kind: type[Record], path: Path) -> Record:
    """Read a dataclass written by `save_record`.

    Raises:
        UserError: the file is missing, not JSON, or does not fit the dataclass.
    """
    with readable(path, f"JSON {kind.__name__}", "it may be truncated"):
        document = read_json(path, MAX_BYTES)
    return from_plain(kind, document, str(path))


def from_plain(kind: type[Record], document: object, where: str) -> Record:
    """Build a dataclass from parsed JSON.

    Raises:
        UserError: a field is missing, unknown or of the wrong type, or the dataclass refuses its
            value; the line names it.
    """
    if not isinstance(document, dict):
        raise UserError(f"{where} is not a {kind.__name__}: an object with named fields is needed")
    hints = get_type_hints(kind)
    fields = {f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type]  # a dataclass
    unknown = sorted(set(document) - set(fields))
    if unknown:
        raise UserError(f"{where} has unknown fields: {', '.join(unknown)}")
    values: dict[str, Any] = {}
    for name, field in fields.items():
        if name in document:
            values[name] = _parse(hints[name], document[name], f"{where}: {name}")
        elif field.default is field.default_factory is dataclasses.MISSING:
            raise UserError(f"{where} lacks {name!r}; it may be of another version")
    try:
        return kind(**values)
    except UserError as error:
        raise UserError(f"{where}: {error}") from error


def plain(value: object) -> Any:
    """A record as JSON's own types; numbers that are not finite become None."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    raise TypeError(f"{type(value).__name__} cannot be stored in a record")


def _parse(kind: Any, value: object, where: str) -> Any:
    """A value of the annotated type, or a `UserError`."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        kinds = [a for a in arguments if a is not type(None)]
        return _parse(kinds[0] if len(kinds) == 1 else _told(kinds, value, where), value, where)
    if origin is Literal and isinstance(value, str) and value in arguments:
        return value
    if dataclasses.is_dataclass(kind):
        return from_plain(kind, value, where)  # type: ignore[arg-type]  # not an instance
    if origin in (dict, Mapping) and isinstance(value, dict):
        return {k: _parse(arguments[1], v, f"{where}.{k}") for k, v in value.items()}
    if origin is list and isinstance(value, list):
        return [_parse(arguments[0], v, f"{where}[{i}]") for i, v in enumerate(value)]
    if origin is tuple and isinstance(value, list) and arguments[1:] == (...,):
        return tuple(_parse(arguments[0], v, f"{where}[{i}]") for i, v in enumerate(value))
    if origin is tuple and isinstance(value, list) and len(value) == len(arguments):
        return tuple(_parse(a, v, where) for a, v in zip(arguments, value, strict=True))
    if kind is float and type(value) is int and abs(value) < _EXACT:
        value = float(value)
    if origin is not None or type(value) is not kind:
        raise UserError(f"{where} is {value!r:.60}, not a {_name(kind)}")
    if kind is float and not math.isfinite(value):  # type: ignore[arg-type]  # it is a float
        raise UserError(f"{where} is not finite")
    return value


def _told(kinds: Sequence[Any], value: object, where: str) -> Any:
    """The dataclass of several that a value's field ``kind`` names: each has its own as default."""
    by_name = {kind.kind: kind for kind in kinds}
    name = value.get("kind") if isinstance(value, dict) else None
    if not isinstance(name, str) or name not in by_name:
        raise UserError(f"{where} has the kind {name!r:.40}; there are {', '.join(by_name)}")
    return by_name[name]


def _name(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) and not get_args(kind) else str(kind)
