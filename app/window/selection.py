"""The clipboard of the X server: pictures and files, which Dear PyGui's window library leaves out.

The program that has the clipboard hands its content over on request (ICCCM 2.4), in pieces if it is
large (2.7.2). This is a client of its own with a connection of its own, for any thread.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Iterator
from contextlib import contextmanager

PATIENCE = 5.0  # seconds for the other program's next answer
LARGEST = 256 << 20  # bytes: more is refused
_SELECTION_NOTIFY, _PROPERTY_NOTIFY, _NEW_VALUE = 31, 28, 0
_PROPERTY_CHANGES = 1 << 22
_CHUNK = 1 << 20  # of four bytes: what is read at a time
_Event = ctypes.c_long * 24
_SELECTION_PROPERTY, _PROPERTY_ATOM, _PROPERTY_STATE = 7, 5, 7  # places of their fields in events


class Selection:
    """An invisible window to which the clipboard's owner hands its content."""

    def __init__(self, x11: ctypes.CDLL, display: int) -> None:
        self._x11, self._display = x11, display
        root = x11.XDefaultRootWindow(display)
        self._window = x11.XCreateSimpleWindow(display, root, 0, 0, 1, 1, 0, 0, 0)
        x11.XSelectInput(display, self._window, _PROPERTY_CHANGES)
        self._clipboard, self._place = self._atom("CLIPBOARD"), self._atom("NBF_PASTE")

    def formats(self) -> list[str]:
        """The formats that the content can be had in, such as image/png; empty for no content."""
        data = self.read("TARGETS")
        if data is None:
            return []
        size = ctypes.sizeof(ctypes.c_long)
        atoms = (int.from_bytes(data[i : i + size], "little") for i in range(0, len(data), size))
        return [self._name(atom) for atom in atoms if atom]

    def read(self, name: str) -> bytes | None:
        """The content in one format; None if it cannot be had, or takes too long or too much."""
        x11, display = self._x11, self._display
        target = self._atom(name)
        x11.XConvertSelection(display, self._clipboard, target, self._place, self._window, 0)
        event = self._wait(_SELECTION_NOTIFY)
        if event is None or event[_SELECTION_PROPERTY] == 0:
            return None
        while self._next(_PROPERTY_NOTIFY) is not None:
            pass  # of what has been handed over until now; the pieces come after it is taken
        kind, data = self._take()
        return self._pieces() if kind == self._atom("INCR") else data

    def _pieces(self) -> bytes | None:
        """Content that comes in pieces; an empty one is the last."""
        whole = bytearray()
        while len(whole) <= LARGEST:
            event = self._wait(_PROPERTY_NOTIFY)
            if event is None:
                return None
            ours = event[_PROPERTY_ATOM] == self._place
            if not ours or event[_PROPERTY_STATE] & 0xFFFFFFFF != _NEW_VALUE:
                continue
            piece = self._take()[1]
            if not piece:
                return bytes(whole)
            whole += piece
        return None

    def _take(self) -> tuple[int, bytes]:
        """Type and bytes of what has been handed over, which is deleted: the owner may go on."""
        kind, width = ctypes.c_ulong(), ctypes.c_int()
        count, left = ctypes.c_ulong(), ctypes.c_ulong(1)
        whole, offset = bytearray(), 0
        while left.value and len(whole) <= LARGEST:
            data = ctypes.c_void_p()
            place = self._display, self._window, self._place
            results = [ctypes.byref(v) for v in (kind, width, count, left, data)]
            self._x11.XGetWindowProperty(*place, offset, _CHUNK, 1, 0, *results)
            unit = {8: 1, 16: 2, 32: ctypes.sizeof(ctypes.c_long)}.get(width.value, 0)
            if data.value:
                whole += ctypes.string_at(data.value, count.value * unit)
                self._x11.XFree(data)
            offset += _CHUNK
        return kind.value, bytes(whole)

    def _wait(self, kind: int) -> ctypes.Array[ctypes.c_long] | None:
        """The next event of a kind, None if none comes in time."""
        limit = time.monotonic() + PATIENCE
        while (event := self._next(kind)) is None and time.monotonic() < limit:
            time.sleep(0.002)
        return event

    def _next(self, kind: int) -> ctypes.Array[ctypes.c_long] | None:
        """The next event of a kind that is there."""
        event = _Event()
        check = self._x11.XCheckTypedWindowEvent
        return event if check(self._display, self._window, kind, ctypes.byref(event)) else None

    def _atom(self, name: str) -> int:
        return self._x11.XInternAtom(self._display, name.encode(), 0)

    def _name(self, atom: int) -> str:
        name = self._x11.XGetAtomName(self._display, atom)
        return ctypes.string_at(name).decode("ascii", "replace") if name else ""


@contextmanager
def open_selection() -> Iterator[Selection | None]:
    """The clipboard for as long as the block lasts; None without an X server."""
    try:
        x11 = ctypes.CDLL("libX11.so.6")
    except OSError:
        yield None
        return
    _declare(x11)
    display = x11.XOpenDisplay(None)
    if not display:
        yield None
        return
    try:
        yield Selection(x11, display)
    finally:
        x11.XCloseDisplay(display)


def _declare(x11: ctypes.CDLL) -> None:
    """The types of the functions of Xlib that are used; ctypes takes pointers for numbers else."""
    pointer, number, atom = ctypes.c_void_p, ctypes.c_int, ctypes.c_ulong
    signatures: dict[str, tuple[object, list[object]]] = {
        "XOpenDisplay": (pointer, [ctypes.c_char_p]),
        "XCloseDisplay": (number, [pointer]),
        "XDefaultRootWindow": (atom, [pointer]),
        "XCreateSimpleWindow": (
            atom,
            [pointer, atom, *[number] * 2, *[ctypes.c_uint] * 3, atom, atom],
        ),
        "XSelectInput": (number, [pointer, atom, ctypes.c_long]),
        "XInternAtom": (atom, [pointer, ctypes.c_char_p, number]),
        "XGetAtomName": (pointer, [pointer, atom]),
        "XConvertSelection": (number, [pointer, *[atom] * 5]),
        "XCheckTypedWindowEvent": (number, [pointer, atom, number, pointer]),
        "XGetWindowProperty": (
            number,
            [pointer, atom, atom, *[ctypes.c_long] * 2, number, atom, *[pointer] * 5],
        ),
        "XFree": (number, [pointer]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(x11, name)
        function.restype, function.argtypes = result, arguments
