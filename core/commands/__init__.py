"""The sub-commands of `nbf`: one module a command, found by name and imported only to run.

A command is a module with

* a docstring: its first line is the summary in ``nbf --help``, all of it is ``nbf NAME --help``;
* ``Options``: a frozen dataclass with one field for each option, and a string below each field;
* ``run(options) -> int``: does the work and returns the exit code.

Modules of this package without a leading underscore are commands. Other packages add commands under
the entry-point group ``nbf.commands`` (name -> module). `app` adds the debugger in this way, so
`core` does not import it.
"""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import importlib.util
import pkgutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

GROUP = "nbf.commands"


class CommandModule(Protocol):
    """Interface of a command's module."""

    Options: type

    def run(self, options: Any) -> int:
        """Do the work and return the exit code."""


@dataclass(frozen=True)
class Command:
    """Name and module of a command, which is imported only to be run."""

    name: str
    module: str

    def load(self) -> CommandModule:
        """Import the command."""
        return importlib.import_module(self.module)

    @property
    def description(self) -> str:
        """The module's docstring, read without importing the module."""
        spec = importlib.util.find_spec(self.module)
        if spec is None or spec.origin is None:
            return ""
        source = Path(spec.origin).read_text(encoding="utf-8")
        return ast.get_docstring(ast.parse(source)) or ""

    @property
    def summary(self) -> str:
        """First line of the description."""
        return self.description.partition("\n")[0]


def find_commands() -> dict[str, Command]:
    """All commands by name, sorted."""
    modules = {
        info.name.replace("_", "-"): f"{__name__}.{info.name}"
        for info in pkgutil.iter_modules(__path__)
        if not info.name.startswith("_")
    }
    modules |= {e.name: e.module for e in importlib.metadata.entry_points(group=GROUP)}
    return {name: Command(name, modules[name]) for name in sorted(modules)}
