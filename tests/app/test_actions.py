"""The table of actions: keys, labels, help, and what is enabled when."""

import copy
from collections import Counter

import pytest

from app.actions import ACTIONS, BY_NAME, help_rows, with_keys
from app.panels.controls import BUTTONS
from app.protocol.events import Died, Finished, Ready
from app.session import Session
from app.state import Phase
from app.view import JOINTS
from app.window.keys import key_code
from tests.app.sessions import FIRST, fitting_session, painted, ready_session, receive_opened


class FakeHost:
    """Remembers what it was asked for."""

    def __init__(self, session):
        self.session = session
        self.sent = []
        self.calls = []

    def send(self, commands):
        self.sent += commands

    def stride(self):
        return 1

    def restart(self):
        if self.session.phase is Phase.DOWN:
            self.calls.append("restart")
        else:
            self.send(self.session.restart())

    def __getattr__(self, name):
        return lambda *_: self.calls.append(name)


def finished_session():
    session = fitting_session(9)
    session.receive(painted(FIRST, 0))
    session.receive(Finished(*FIRST, "over", 6))
    session.scrub(3)
    return session


def paused_session():
    session = fitting_session(5)
    session.pause()
    session.scrub(2)
    return session


def opening_session():
    session = finished_session()
    session.open("b.jpg")
    return session


def beginning_session():
    session = finished_session()
    session.restart()
    return session


def dead_session():
    session = finished_session()
    session.receive(Died("gone"))
    return session


def running_session():
    session = fitting_session(5)
    session.scrub(2)
    return session


SESSIONS = {
    "starting": Session,
    "empty": ready_session,
    "opened": fitting_session,
    "running": running_session,
    "paused": paused_session,
    "done": finished_session,
    "opening": opening_session,
    "beginning": beginning_session,
    "down": dead_session,
}


def without_message(session):
    state = copy.deepcopy(vars(session))
    state.pop("message")
    return state


def test_no_two_actions_share_a_key_or_a_name():
    keys = Counter(key for action in ACTIONS for key in action.keys)
    assert [key for key, count in keys.items() if count > 1] == []
    assert len(BY_NAME) == len(ACTIONS)


def test_every_key_is_one_of_the_keyboard():
    keys = [key for action in ACTIONS for key in action.keys]
    codes = {(key_code(key), key[: key.rfind("+") + 1]) for key in keys}
    assert len(codes) == len(keys)
    assert all(isinstance(code, int) for code, _ in codes)


def test_the_help_lists_every_action():
    rows = {hint: keys for keys, hint in help_rows()}
    for action in ACTIONS:
        assert action.keys_text in rows[action.hint]
    assert rows["one step back or on (Shift: ten)"] == "Left, Right"
    assert rows["this sheet"] == "F1 or ?"


def test_every_action_has_a_label_and_every_button_an_action():
    assert all(action.label for action in ACTIONS)
    assert set(BUTTONS) <= set(BY_NAME)


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
@pytest.mark.parametrize("state", SESSIONS)
def test_an_action_is_enabled_exactly_when_it_does_something(action, state):
    session = SESSIONS[state]()
    host = FakeHost(session)
    enabled, before = action.enabled(session), without_message(session)
    action.do(host)
    changed = host.sent or without_message(session) != before
    if enabled:
        assert changed or host.calls
    else:
        assert not changed


def test_tooltips_name_the_key():
    assert BY_NAME["open"].tooltip == "Open a photo (O). Or drop one anywhere."
    assert BY_NAME["run"].tooltip == "Run or pause the fit, play a finished one (Space)"
    assert BY_NAME["help"].tooltip == "Mouse and keys (F1 or ?)"


def test_a_switch_has_another_label_or_is_lit():
    run, joints = BY_NAME["run"], BY_NAME["joints"]
    assert run.label_in(running_session()) == "Pause"
    assert run.label_in(paused_session()) == "Run"
    session = paused_session()
    assert not joints.on(session)
    session.toggle_overlay(JOINTS)
    assert joints.on(session)


def test_texts_name_keys_by_their_actions():
    assert with_keys("press {open}, {paste} or {nothing}") == "press O, Ctrl+V or {nothing}"
    session = ready_session()
    assert with_keys(session.message.text).endswith("or press O to open one.")
    session = finished_session()
    session.run()
    assert with_keys(session.message.text).endswith("press R to start it again.")
    assert with_keys(dead_session().message.text) == "gone. Press R to start it again."
    session = ready_session(auto_run=False)
    receive_opened(session, session.open("a.jpg"))
    assert with_keys(session.message.text) == "Ready: Space runs, S takes one step."


def test_a_worker_that_comes_back_leaves_the_actions_of_an_empty_window():
    session = dead_session()
    session.wanted = None
    session.revived()
    session.receive(Ready("fake"))
    enabled = {action.name for action in ACTIONS if action.enabled(session)}
    assert {"open", "paste", "help"} <= enabled
    assert not {"run", "step", "restart", "find"} & enabled
