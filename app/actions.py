"""Everything that the user can do with a key or a button, in one table.

Buttons, key bindings, tooltips and the help sheet are made from it; no key and no label is written
anywhere else; those about images and people are in `app.image_actions`, those about
steps and files in `app.time_actions`. A text that names a key
holds the action's name in braces, see `with_keys`.
"""

from __future__ import annotations

import re
from itertools import groupby

from app.action import Action
from app.image_actions import IMAGE_ACTIONS
from app.occluder_actions import OCCLUDER_ACTIONS
from app.pose_actions import POSE_ACTIONS
from app.session import Session
from app.state import Phase
from app.time_actions import TIME_ACTIONS
from app.view import JOINTS
from app.view_actions import VIEW_ACTIONS


def _has_steps(session: Session) -> bool:
    return session.steps > 0


def _can_play(session: Session) -> bool:
    return session.phase is Phase.DONE and session.steps > 1


ACTIONS = (
    Action(
        "open",
        "Open",
        ("O",),
        "open a photo",
        lambda host: host.ask_for_file(),
        more="Or drop one anywhere.",
    ),
    Action(
        "save",
        "Save",
        ("Ctrl+S",),
        "save all runs of the photo in one file, to open again",
        lambda host: host.send(host.session.save()),
        enabled=lambda session: session.can_restart,
    ),
    Action(
        "recover",
        "Recover",
        ("Ctrl+R",),
        "open what a session that crashed had saved",
        lambda host: host.send(host.session.recover()),
        enabled=lambda session: bool(session.orphan),
    ),
    Action(
        "paste",
        "Paste",
        ("Ctrl+V",),
        "paste a photo, or the path of one",
        lambda host: host.paste(),
    ),
    Action(
        "choose",
        "Choose",
        ("Enter",),
        "open the chosen file",
        lambda host: host.choose(),
        in_dialogs=True,
    ),
    Action(
        "file above",
        "File above",
        ("Up",),
        "choose a file",
        lambda host: host.choose_next(-1),
        in_dialogs=True,
    ),
    Action(
        "file below",
        "File below",
        ("Down",),
        "choose a file",
        lambda host: host.choose_next(1),
        in_dialogs=True,
    ),
    Action(
        "run",
        "Run",
        ("Space",),
        "run or pause the fit, play a finished one",
        lambda host: host.send(host.session.toggle()),
        enabled=lambda session: session.can_run or _can_play(session),
        on=lambda session: session.phase is Phase.RUNNING or session.view.play.steps.on,
        label_on="Pause",
    ),
    Action(
        "step",
        "Step",
        ("S",),
        "take one step",
        lambda host: host.send(host.session.step()),
        enabled=lambda session: session.can_run,
    ),
    Action(
        "restart",
        "Restart",
        ("R",),
        "start the fit again; start a dead engine again",
        lambda host: host.restart(),
        enabled=lambda session: session.can_restart or session.phase is Phase.DOWN,
        tip="Start the fit again",
    ),
    Action(
        "find",
        "Find person",
        ("Ctrl+W",),
        "look for the person again",
        lambda host: host.send(host.session.set_box(None)),
        enabled=lambda session: session.can_restart,
        tip="Forget the drawn box and look for the person again",
    ),
    Action(
        "back",
        "Step back",
        ("Left",),
        "one step back or on (Shift: ten)",
        lambda host: host.send(host.session.walk(-host.stride())),
        enabled=_has_steps,
    ),
    Action(
        "on",
        "Step on",
        ("Right",),
        "one step back or on (Shift: ten)",
        lambda host: host.send(host.session.walk(host.stride())),
        enabled=_has_steps,
    ),
    Action(
        "first",
        "First step",
        ("Home",),
        "first and newest step",
        lambda host: host.send(host.session.scrub(0)),
        enabled=_has_steps,
    ),
    Action(
        "newest",
        "Newest step",
        ("End",),
        "first and newest step",
        lambda host: host.send(host.session.scrub(host.session.steps - 1)),
        enabled=_has_steps,
    ),
    Action(
        "best",
        "Best step",
        ("G",),
        "go to the best step",
        lambda host: host.send(host.session.scrub_to_best()),
        enabled=lambda session: session.best is not None,
    ),
    Action(
        "earlier run",
        "Earlier run",
        ("PageUp",),
        "the run before and the next one: none is lost",
        lambda host: host.send(host.session.show_neighbour(-1)),
        enabled=lambda session: session.neighbour(-1) is not None,
    ),
    Action(
        "later run",
        "Later run",
        ("PageDown",),
        "the run before and the next one: none is lost",
        lambda host: host.send(host.session.show_neighbour(1)),
        enabled=lambda session: session.neighbour(1) is not None,
    ),
    *IMAGE_ACTIONS,
    Action(
        "edit",
        "Edit",
        ("E",),
        "change weights and step size",
        lambda host: host.edit(),
        enabled=lambda session: session.record is not None,
        tip="Change weights of terms and the step size, then branch or start again",
    ),
    Action(
        "branch",
        "Branch",
        ("N",),
        "go on from the step on screen as a new run",
        lambda host: host.send(host.session.branch_off()),
        enabled=lambda session: session.can_restart and session.steps > 0,
        more="With the weights and the step size that you have changed, if any.",
    ),
    Action(
        "compare",
        "Compare",
        ("C",),
        "compare with the parent or the run before, or stop",
        lambda host: host.send(host.session.compare()),
        enabled=lambda session: bool(session.view.other or session.rival),
        on=lambda session: session.view.other is not None,
    ),
    Action(
        "swap",
        "Swap",
        ("X",),
        "show the run that is compared with at the same step",
        lambda host: host.send(host.session.swap()),
        enabled=lambda session: session.view.other is not None,
    ),
    Action(
        "remove",
        "Remove run",
        ("Delete",),
        "remove the run on screen",
        lambda host: host.send(host.session.remove()),
        enabled=lambda session: session.heir is not None,
    ),
    Action(
        "undo",
        "Undo",
        ("Ctrl+Z",),
        "take back, or do again, what was done to runs",
        lambda host: host.send(host.session.undo()),
        enabled=lambda session: session.can_undo,
    ),
    Action(
        "redo",
        "Redo",
        ("Ctrl+Y",),
        "take back, or do again, what was done to runs",
        lambda host: host.send(host.session.redo()),
        enabled=lambda session: session.can_redo,
    ),
    Action(
        "whole photo",
        "Whole photo",
        ("F",),
        "show the whole photo",
        lambda host: host.show_whole_photo(),
        enabled=lambda session: session.record is not None,
    ),
    Action(
        "joints",
        "Joints",
        ("J",),
        "show the joints that the network estimates, tied to the body's",
        lambda host: host.send(host.session.toggle_overlay(JOINTS)),
        enabled=lambda session: session.record is not None,
        tip="Show the joints that the network estimates, and the body's",
        on=lambda session: JOINTS in session.view.overlays,
    ),
    *TIME_ACTIONS,
    *OCCLUDER_ACTIONS,
    *POSE_ACTIONS,
    *VIEW_ACTIONS,
    Action(
        "log",
        "Logarithmic",
        ("L",),
        "linear or logarithmic axes of the loss",
        lambda host: host.send(host.session.toggle_log()),
        enabled=lambda session: session.record is not None,
        on=lambda session: session.view.loss_log,
    ),
    Action(
        "why",
        "Why?",
        ("W",),
        "ask why a pixel or a joint is as it is, or stop",
        lambda host: host.send(host.session.toggle_why()),
        enabled=lambda session: session.record is not None,
        tip="Ask why a pixel or a joint is as it is",
        more="Click one on a map or on the photo.",
        on=lambda session: session.view.why,
    ),
    Action(
        "help",
        "?",
        ("F1", "?"),
        "this sheet",
        lambda host: host.toggle_help(),
        tip="Mouse and keys",
    ),
    Action(
        "cancel",
        "Cancel",
        ("Escape",),
        "close a dialog, give up a drag",
        lambda host: host.cancel(),
        in_dialogs=True,
    ),
)
BY_NAME = {action.name: action for action in ACTIONS}
_NAMED = re.compile("{(" + "|".join(map(re.escape, BY_NAME)) + ")}")


def with_keys(text: str) -> str:
    """The text with the first key of an action in place of each action's name in braces."""
    return _NAMED.sub(lambda match: BY_NAME[match[1]].keys[0], text)


def help_rows() -> tuple[tuple[str, str], ...]:
    """Keys and what they do, for the help sheet."""
    rows = groupby((action for action in ACTIONS if action.keys), key=lambda action: action.hint)
    return tuple((", ".join(action.keys_text for action in group), hint) for hint, group in rows)
