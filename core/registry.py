"""Named parts, one module each, which other packages may add to.

A part (a term of the objective, a start, a fitter, a detector) is found in three places:

* each module of its package that defines a constant of the agreed name (``TERM`` in
  ``core/fit/terms/*.py``);
* installed packages, through an entry-point group (``nbf.terms``) whose entries are such parts;
* modules named in the environment variable ``NBF_PLUGINS`` (comma-separated), which call
  `Registry.add` when they are imported. Child processes inherit it, so the debugger's engine sees
  the same parts as the command line.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import pkgutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

from core.errors import UserError

PLUGINS = "NBF_PLUGINS"


class Named(Protocol):
    """A part that a registry holds."""

    @property
    def name(self) -> str:
        """Unique among parts of its kind."""

    @property
    def order(self) -> int:
        """Parts are listed, and summed, by ascending order, then by name."""


Part = TypeVar("Part", bound=Named)


class Registry(Generic[Part]):
    """Parts of one kind by name.

    Args:
        kind: what messages call a part, "term" for instance.
        package: dotted name of the package whose modules define parts.
        constant: name of the constant that holds a module's part.
        group: entry-point group of parts in other packages.
    """

    def __init__(self, kind: str, package: str, constant: str, group: str) -> None:
        self.kind = kind
        self._package, self._constant, self._group = package, constant, group
        self._parts: dict[str, Part] = {}
        self._searched = False
        # Reentrant: a module that is being imported by the search may ask for parts itself.
        self._searching = threading.RLock()

    def add(self, part: Part) -> Part:
        """Add a part from outside the package.

        Raises:
            ValueError: another part has this name.
        """
        known = self._parts.setdefault(part.name, part)
        if known is not part:
            raise ValueError(f"there are two {self.kind}s called {part.name!r}")
        return part

    @contextmanager
    def added(self, part: Part) -> Iterator[Part]:
        """Add a part for the length of a ``with`` block.

        Raises:
            ValueError: there is a part of this name.
        """
        if part.name in self.all():
            raise ValueError(f"there is already a {self.kind} called {part.name!r}")
        self.add(part)
        try:
            yield part
        finally:
            del self._parts[part.name]

    def all(self) -> dict[str, Part]:
        """All parts by name, in their order."""
        self._search()
        return {p.name: p for p in sorted(self._parts.values(), key=lambda p: (p.order, p.name))}

    def get(self, name: str) -> Part:
        """The part of a name.

        Raises:
            UserError: there is none.
        """
        self._search()
        if name not in self._parts:
            raise UserError(f"no {self.kind} {name!r}; there are {', '.join(self.all())}")
        return self._parts[name]

    def _search(self) -> None:
        """Look for parts, once; other threads wait for the end of a search.

        A search that fails is made again when parts are asked for again.
        """
        with self._searching:
            if self._searched:
                return
            self._searched = True
            try:
                self._add_modules()
                self._add_entry_points()
                load_plugins()
            except BaseException:
                self._searched = False
                raise

    def _add_modules(self) -> None:
        """Add the parts that modules of the package define."""
        package = importlib.import_module(self._package)
        for info in pkgutil.iter_modules(package.__path__):
            module = importlib.import_module(f"{self._package}.{info.name}")
            if part := getattr(module, self._constant, None):
                self.add(part)

    def _add_entry_points(self) -> None:
        """Add the parts of installed packages."""
        for entry in importlib.metadata.entry_points(group=self._group):
            try:
                self.add(entry.load())
            except Exception as error:  # code of others can fail in any way
                where = f"entry point {entry.name!r} of group {self._group}"
                raise UserError(f"{where} ({entry.value}) fails: {_described(error)}") from error


def load_plugins() -> None:
    """Import the modules named in ``NBF_PLUGINS``.

    Raises:
        UserError: one of them cannot be imported.
    """
    names = (name.strip() for name in os.environ.get(PLUGINS, "").split(","))
    for name in filter(None, names):
        try:
            importlib.import_module(name)
        except Exception as error:  # code of others can fail in any way
            what = f"{PLUGINS} names {name!r}, which cannot be imported"
            raise UserError(f"{what}: {_described(error)}") from error


def _described(error: Exception) -> str:
    """An error's type and text on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())
