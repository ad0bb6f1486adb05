"""Array shapes and element types, checked in every call that a test makes.

``install`` hooks the import of the packages that it is given: each of their functions whose
annotations have jaxtyping's array types checks its arguments and its result. An axis has one size
in all of them. Arrays in unions with ``None`` and in tuples, lists and dictionaries are checked,
too; all other types are left to mypy. The checks themselves are jaxtyping's. Its own hook is not
used because it wraps functions without arrays, too, and checks each argument twice.
"""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import functools
import sys
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder, SourceFileLoader

from jaxtyping import AbstractArray, jaxtyped

Check = Callable[[typing.Any], str]
"""What is wrong with a value, in words; nothing if it is as annotated."""

DECORATOR = "_checks_shapes"

_on = True


class ShapeError(AssertionError):
    """An array is not as the annotation says."""


@contextlib.contextmanager
def unchecked() -> Iterator[None]:
    """No checks: for the tests of our own errors about wrong arrays."""
    global _on
    _on, before = False, _on
    try:
        yield
    finally:
        _on = before


def install(packages: Sequence[str]) -> None:
    """Check what is imported from some packages from now on."""
    prefixes = tuple(f"{name}." for name in packages)
    loaded = [name for name in sys.modules if f"{name}.".startswith(prefixes)]
    assert not loaded, f"imported before the hook: {loaded}"
    sys.meta_path.insert(0, _Finder(prefixes))


class _Finder(MetaPathFinder):
    def __init__(self, prefixes):
        self.prefixes = prefixes

    def find_spec(self, fullname, path=None, target=None):
        if not f"{fullname}.".startswith(self.prefixes):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or type(spec.loader) is not SourceFileLoader:
            return None
        spec.loader = _Loader(fullname, spec.loader.path)
        return spec


class _Loader(SourceFileLoader):
    """Decorates functions and classes; its bytecode neither comes from a cache nor goes to it."""

    def get_code(self, fullname):
        path = self.get_filename(fullname)
        tree = ast.parse(self.get_data(path), path)
        for node in ast.walk(tree):
            mark = ast.Name(DECORATOR, ast.Load())
            if isinstance(node, ast.FunctionDef):  # innermost: before it is a property, say
                node.decorator_list.append(ast.copy_location(mark, node))
            elif isinstance(node, ast.ClassDef):  # outermost: after it became a dataclass
                node.decorator_list.insert(0, ast.copy_location(mark, node))
        return compile(tree, path, "exec", dont_inherit=True)

    def exec_module(self, module):
        setattr(module, DECORATOR, checked)
        super().exec_module(module)


def checked(item):
    """A function that checks its arrays, or a dataclass that checks its fields when it is made."""
    if not isinstance(item, type):
        return _checked_function(item)
    if dataclasses.is_dataclass(item) and "__init__" in vars(item):
        item.__init__ = _checked_function(item.__init__)
    return item


def _checked_function(function):
    place = (function.__module__, function.__qualname__, function.__code__.co_firstlineno)
    checks = _checks.get(place)
    if checks is None:  # else: a function inside a function, made again
        checks = _checks[place] = _checks_of(function)
    return _wrapped(function, *checks) if any(checks) else function


_checks: dict[tuple[str, str, int], tuple[list[tuple[str, int, Check]], Check | None]] = {}


def _checks_of(function):
    """A function's parameters with an array, by name and position, and the check of its result."""
    hints = {
        name: array_check(_evaluated(annotation, function.__globals__))
        for name, annotation in function.__annotations__.items()
    }
    code = function.__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    places = (*range(code.co_argcount), *[sys.maxsize] * code.co_kwonlyargcount)
    arrays = [
        (name, i, hints[name]) for name, i in zip(names, places, strict=True) if hints.get(name)
    ]
    return arrays, hints.get("return")


def _evaluated(annotation, scope):
    try:
        return eval(annotation, scope) if isinstance(annotation, str) else annotation
    except NameError:  # a class that comes later, or that mypy alone imports: not an array
        return None


def _wrapped(function, parameters, result):
    def demand(name, check, value):
        wrong = check(value)
        if wrong:
            shape = f" of {value.dtype} {tuple(value.shape)}" if hasattr(value, "shape") else ""
            annotation = function.__annotations__[name]
            raise ShapeError(
                f"{function.__module__}.{function.__qualname__}: {name} is a "
                f"{type(value).__name__}{shape}, annotated {annotation}: {wrong}"
            )

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        if not _on:
            return function(*args, **kwargs)
        with jaxtyped("context"):
            for name, i, check in parameters:
                if i < len(args):
                    demand(name, check, args[i])
                elif name in kwargs:
                    demand(name, check, kwargs[name])
            found = function(*args, **kwargs)
            if result is not None:
                demand("return", result, found)
            return found

    return wrapper


def array_check(annotation) -> Check | None:
    """The check of an annotation; None if there is no array in it."""
    if isinstance(annotation, type) and issubclass(annotation, AbstractArray):
        return annotation.__instancecheck_str__
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return _union(parts)
    if origin is tuple and parts[-1:] != (...,):
        checks = [array_check(part) for part in parts]
        return functools.partial(_fixed, checks) if any(checks) else None
    if isinstance(origin, type) and issubclass(origin, Sequence | Mapping):
        check = array_check(parts[0 if issubclass(origin, Sequence) else 1])
        return functools.partial(_each, check) if check else None
    return None


def _union(options) -> Check | None:
    """One of several arrays, or None; nothing is checked where there is another option."""
    checks = [array_check(option) for option in options if option is not type(None)]
    if not all(checks):
        return None
    if type(None) not in options:
        return functools.partial(_any, checks)
    return lambda value: "" if value is None else _any(checks, value)


def _any(checks, value):
    wrong = ""
    for check in checks:
        wrong = check(value)
        if not wrong:
            break
    return wrong


def _fixed(checks, values):
    pairs = zip(checks, values, strict=True)
    return next((wrong for check, value in pairs if check and (wrong := check(value))), "")


def _each(check, values):
    items = values.values() if isinstance(values, Mapping) else values
    return next((wrong for value in items if (wrong := check(value))), "")
