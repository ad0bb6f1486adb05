"""Files dropped on the window.

Dear PyGui has no call for it, but its library is built on GLFW and exports it, so that GLFW's drop
callback can be set through ctypes. On Windows the package DearPyGui-DragAndDrop does the same by
other means. Elsewhere the argument, the file dialog and pasting remain.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
from collections.abc import Callable

import dearpygui._dearpygui as library

OnDrop = Callable[[list[str]], None]
_GLFW_DROP = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(ctypes.c_char_p))
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


def native_window() -> int | None:
    """X11's number of the window, None where there is no X11."""
    with contextlib.suppress(AttributeError, OSError):
        glfw = ctypes.CDLL(library.__file__)
        glfw.glfwGetX11Window.restype = ctypes.c_ulong
        glfw.glfwGetX11Window.argtypes = [ctypes.c_void_p]
        return int(glfw.glfwGetX11Window(_current_window(glfw))) or None
    return None


def _accept_by_glfw(on_drop: OnDrop) -> bool:
    glfw = ctypes.CDLL(library.__file__)
    window = _current_window(glfw)
    if not window:
        return False

    def dropped(_window: int, count: int, paths: ctypes.Array[ctypes.c_char_p]) -> None:
        on_drop([(paths[i] or b"").decode("utf-8", "surrogateescape") for i in range(count)])

    callback = _GLFW_DROP(dropped)
    _kept.append(callback)
    glfw.glfwSetDropCallback.restype = ctypes.c_void_p
    glfw.glfwSetDropCallback.argtypes = [ctypes.c_void_p, _GLFW_DROP]
    glfw.glfwSetDropCallback(window, callback)
    return True


def _current_window(glfw: ctypes.CDLL) -> int | None:
    """The GLFW window whose context is current on this thread."""
    glfw.glfwGetCurrentContext.restype = ctypes.c_void_p
    return glfw.glfwGetCurrentContext()


def _accept_on_windows(on_drop: OnDrop) -> bool:
    try:
        import DearPyGui_DragAndDrop as dnd
    except ImportError:
        return False
    dnd.initialize()
    dnd.set_drop(lambda data, _keys: on_drop([str(path) for path in data]))
    return True
