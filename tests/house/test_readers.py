"""Files are opened in `core.io` alone, where pipes, devices and bombs are refused."""

from __future__ import annotations

import ast

READING = {"open", "read_text", "read_bytes", "imread", "load_file", "safe_open", "load", "ZipFile"}
LIBRARIES = {"np", "torch", "json", "pickle", "cv2", "gzip", "zipfile", "tomllib", "Image"}
KNOWN = {
    "core/bench/machine.py": "what the kernel says of the machine",
    "core/cards.py": "shipped cards",
    "core/cli.py": "the null device",
    "core/commands/__init__.py": "our own modules",
    "core/datasets/files.py": "decodes what `open_file` opened",
    "core/mocap/asf_amc.py": "inflates bytes",
    "core/native.py": "our own sources",
    "core/nets/tensor_file.py": "libraries that want a path, after `check_file`",
    "core/processes.py": "what the kernel says of this process",
    "core/synth/dressing/appearance.py": "a library that wants a path, after `check_file`",
    "core/train/run/checkpoint.py": "libraries that want a path, after `check_file`",
}


def opens(call: ast.Call) -> bool:
    """Whether a call reads a file by itself; writing is another matter."""
    arguments = [*call.args, *(k.value for k in call.keywords if k.arg == "mode")]
    words = [a.value for a in arguments if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    writes = any(set(word) & set("wax+") and len(word) < 4 for word in words)
    if isinstance(call.func, ast.Name):
        return call.func.id in READING - {"read_text", "read_bytes", "load"} and not writes
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in READING or writes:
        return False
    owner = call.func.value
    library = isinstance(owner, ast.Name) and owner.id in LIBRARIES
    return library if call.func.attr in ("load", "imread", "ZipFile") else True


def test_nothing_but_core_io_opens_files_of_others(root):
    found = set()
    for path in sorted((root / "core").rglob("*.py")):
        name = path.relative_to(root).as_posix()
        tree = ast.parse(path.read_text(encoding="utf-8"))
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and opens(node)]
        calls = [call for call in calls if ast.unparse(call.func) != "kind.open"]
        if calls and not name.startswith("core/io/"):
            found.add(name)
    assert found == set(KNOWN), found ^ set(KNOWN)
