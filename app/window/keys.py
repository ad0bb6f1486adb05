"""The keyboard: each key of the table of actions does its action."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import dearpygui.dearpygui as dpg

from app.action import Action
from app.actions import ACTIONS

_CODES = {
    "Space": dpg.mvKey_Spacebar,
    "?": dpg.mvKey_Slash,
    # Dear PyGui's own names of these have numbers of another library; Dear ImGui's lie here.
    "PageUp": dpg.mvKey_Down + 1,
    "PageDown": dpg.mvKey_Down + 2,
    "Enter": dpg.mvKey_Return,
    "Backspace": dpg.mvKey_Back,
}
_CONTROL, _SHIFT = "Ctrl+", "Ctrl+Shift+"
_KEYS = {key for action in ACTIONS for key in action.keys}
_ALSO_WITH_CONTROL = {
    key.removeprefix(_SHIFT).removeprefix(_CONTROL) for key in _KEYS if key.startswith(_CONTROL)
}
"""Keys that mean something else with Ctrl, which must not be done as well."""
_ALSO_WITH_SHIFT = {key.replace(_SHIFT, _CONTROL) for key in _KEYS if key.startswith(_SHIFT)}
"""Keys with Ctrl that mean something else with Shift as well."""
_STROKE = 0.15  # seconds between the two keys of one stroke


def key_code(key: str) -> int:
    """Dear PyGui's number of a key, without its "Ctrl+" or "Ctrl+Shift+"."""
    name = key.removeprefix(_SHIFT).removeprefix(_CONTROL)
    return _CODES[name] if name in _CODES else getattr(dpg, f"mvKey_{name}")


class Keys:
    """Key handlers of the main window; the file dialog keeps its own keys."""

    def __init__(self, do: Callable[[Action], None], in_dialog: Callable[[], bool]) -> None:
        self._do = do
        self._in_dialog = in_dialog
        self._control = self._shift = -math.inf  # when they were last seen down, time.monotonic

    def listen(self) -> None:
        """Register the handlers."""
        with dpg.handler_registry():
            # Dear ImGui hands keys that were typed at once on one by one, a frame each, and says
            # nothing of those that are left. The window draws another frame after each callback.
            dpg.add_key_press_handler(callback=_nothing)
            dpg.add_key_release_handler(callback=_nothing)
            # Ctrl first: handlers run in this order when both keys of a stroke come in one frame.
            for control in (dpg.mvKey_LControl, dpg.mvKey_RControl):
                dpg.add_key_down_handler(control, callback=self._see_control)
            for shift in (dpg.mvKey_LShift, dpg.mvKey_RShift):
                dpg.add_key_down_handler(shift, callback=self._see_shift)
            for action in ACTIONS:
                for key in action.keys:
                    dpg.add_key_press_handler(key_code(key), callback=self._handler(action, key))

    def _handler(self, action: Action, key: str) -> Callable[[], None]:
        """Does the action unless the key is meant for a dialog."""

        def pressed() -> None:
            if self._in_dialog() and not action.in_dialogs:
                return
            control = key.startswith(_CONTROL)
            if (control or key in _ALSO_WITH_CONTROL) and control != self._with_control():
                return
            shift = key.startswith(_SHIFT)
            if (shift or key in _ALSO_WITH_SHIFT) and shift != self._with_shift():
                return
            self._do(action)

        return pressed

    def _see_control(self) -> None:
        self._control = time.monotonic()

    def _see_shift(self) -> None:
        self._shift = time.monotonic()

    def _with_shift(self) -> bool:
        """Whether Shift belongs to this key, as for Ctrl."""
        return time.monotonic() - self._shift < _STROKE

    def _with_control(self) -> bool:
        """Whether Ctrl belongs to this key; of a quick stroke it may be up again by now."""
        return time.monotonic() - self._control < _STROKE


def _nothing() -> None:
    """What a key does that is no action."""
