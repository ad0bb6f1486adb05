"""What Dear PyGui's window library can do and Dear PyGui does not offer: waiting, drops, clipboard.

On Linux and macOS its shared library is built on GLFW and exports it, so that ctypes can reach it.
On Windows it is not; there the package DearPyGui-DragAndDrop brings drops.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait

import dearpygui._dearpygui as library
import dearpygui.dearpygui as dpg

OnDrop = Callable[[list[str]], None]
_DROP = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(ctypes.c_char_p))
_kept: list[object] = []  # ctypes callbacks must outlive the window


def accept_drops(on_drop: OnDrop) -> bool:
    """Call ``on_drop`` with the paths of dropped files, on the window's thread.

    Call it after the first frame, when the window exists.

    Returns:
        Whether dropping works here.
    """
    if sys.platform == "win32":
        return _accept_on_windows(on_drop)
    with contextlib.suppress(AttributeError, OSError):
        return _accept_by_glfw(on_drop)
    return False


def clipboard_text() -> str:
    """The text in the clipboard, empty if there is none.

    Dear PyGui's own call ends the process when the clipboard holds a picture.
    """
    if sys.platform == "win32":
        return str(dpg.get_clipboard_text() or "")
    with contextlib.suppress(AttributeError, OSError):
        glfw = _glfw()
        glfw.glfwGetClipboardString.restype = ctypes.c_char_p
        glfw.glfwGetClipboardString.argtypes = [ctypes.c_void_p]
        text: bytes | None = glfw.glfwGetClipboardString(_window(glfw))
        return (text or b"").decode("utf-8", "replace")
    return ""


class Waiting:
    """Sleeps until the user does something. Make it when the window exists.

    It watches the connection to the X server. Where there is none, the user may have done something
    at any time, and `sleep` says so.
    """

    def __init__(self) -> None:
        self._display: int | None = None
        with contextlib.suppress(AttributeError, OSError):
            glfw, x11 = _glfw(), ctypes.CDLL("libX11.so.6")
            glfw.glfwGetX11Display.restype = ctypes.c_void_p
            x11.XPending.argtypes = x11.XConnectionNumber.argtypes = [ctypes.c_void_p]
            self._display = glfw.glfwGetX11Display()
            self._x11 = x11

    def sleep(self, seconds: float, others: Sequence[Connection | int]) -> bool:
        """Sleep until there is input, or one of ``others`` can be read, or the time is over.

        Returns:
            Whether there is input, which the next frame will take in.
        """
        if not self._display:
            wait(others, seconds)
            return True
        if self._x11.XPending(self._display):
            return True
        wait([*others, self._x11.XConnectionNumber(self._display)], seconds)
        return bool(self._x11.XPending(self._display))


def native_window() -> int | None:
    """X11's number of the window, None where there is no X11."""
    with contextlib.suppress(AttributeError, OSError):
        glfw = _glfw()
        glfw.glfwGetX11Window.restype = ctypes.c_ulong
        glfw.glfwGetX11Window.argtypes = [ctypes.c_void_p]
        return int(glfw.glfwGetX11Window(_window(glfw))) or None
    return None


def _glfw() -> ctypes.CDLL:
    """The shared library; using a missing function of it raises AttributeError."""
    return ctypes.CDLL(library.__file__)


def _window(glfw: ctypes.CDLL) -> int | None:
    """The GLFW window whose context is current on this thread."""
    glfw.glfwGetCurrentContext.restype = ctypes.c_void_p
    return glfw.glfwGetCurrentContext()


def _accept_by_glfw(on_drop: OnDrop) -> bool:
    glfw = _glfw()
    window = _window(glfw)
    if not window:
        return False

    def dropped(_window: int, count: int, paths: ctypes.Array[ctypes.c_char_p]) -> None:
        on_drop([(paths[i] or b"").decode("utf-8", "surrogateescape") for i in range(count)])

    callback = _DROP(dropped)
    _kept.append(callback)
    glfw.glfwSetDropCallback.restype = ctypes.c_void_p
    glfw.glfwSetDropCallback.argtypes = [ctypes.c_void_p, _DROP]
    glfw.glfwSetDropCallback(window, callback)
    return True


def _accept_on_windows(on_drop: OnDrop) -> bool:
    try:
        import DearPyGui_DragAndDrop as dnd
    except ImportError:
        return False
    dnd.initialize()
    dnd.set_drop(lambda data, _keys: on_drop([str(path) for path in data]))
    return True
