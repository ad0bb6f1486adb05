"""What the user can do with steps, with two runs and with files, for the table of `app.actions`."""

from __future__ import annotations

from collections.abc import Callable

from app.action import Action
from app.protocol.scan import ScanKind
from app.session import Session

FASTER = 1.5


def _has_steps(session: Session) -> bool:
    return session.steps > 1


def _compares(session: Session) -> bool:
    return session.view.other is not None


def _can_go(way: int) -> Callable[[Session], bool]:
    return lambda session: session.mark_beside(way) is not None


TIME_ACTIONS = (
    Action(
        "play",
        "Play",
        ("F2",),
        "play the steps, or stop; so does the key of running once the fit is finished",
        lambda host: host.send(host.session.play()),
        enabled=_has_steps,
        on=lambda session: session.view.play.steps.on,
        label_on="Stop",
    ),
    Action(
        "loop",
        "Loop",
        ("Ctrl+O",),
        "play again and again",
        lambda host: host.send(host.session.toggle_loop()),
        enabled=_has_steps,
        on=lambda session: session.view.play.loop,
    ),
    Action(
        "faster",
        "Faster",
        ("Ctrl+Up",),
        "play faster or slower",
        lambda host: host.send(host.session.change_rate(FASTER)),
        enabled=lambda session: _has_steps(session) and session.can_change_rate(FASTER),
    ),
    Action(
        "slower",
        "Slower",
        ("Ctrl+Down",),
        "play faster or slower",
        lambda host: host.send(host.session.change_rate(1 / FASTER)),
        enabled=lambda session: _has_steps(session) and session.can_change_rate(1 / FASTER),
    ),
    Action(
        "stride",
        "Every n-th",
        ("Ctrl+N",),
        "play, and go by arrow keys, every 1, 2, 5, 10 or 25 steps",
        lambda host: host.send(host.session.next_stride()),
        enabled=_has_steps,
    ),
    Action(
        "moves most",
        "Largest change",
        ("Ctrl+J",),
        "go to the step that moves a joint farthest",
        lambda host: host.send(host.session.seek(ScanKind.MOVEMENT)),
        enabled=_has_steps,
        more="In millimetres, since the step before.",
    ),
    Action(
        "flips most",
        "z flips most",
        ("Ctrl+H",),
        "go to the step at which z changes its mind in most pixels",
        lambda host: host.send(host.session.seek(ScanKind.FLIPS)),
        enabled=_has_steps,
        more="The share of the body's pixels whose p(z = 1) crosses 1/2; all steps are rendered.",
    ),
    Action(
        "mark",
        "Bookmark",
        ("B",),
        "set a bookmark at the step on screen, or take it away",
        lambda host: host.send(host.session.mark()),
        enabled=lambda session: session.steps > 0,
        on=lambda session: session.marked,
    ),
    Action(
        "mark before",
        "Bookmark before",
        ("Ctrl+Left",),
        "the bookmark before, or the next one",
        lambda host: host.send(host.session.next_mark(-1)),
        enabled=_can_go(-1),
    ),
    Action(
        "next mark",
        "Next bookmark",
        ("Ctrl+Right",),
        "the bookmark before, or the next one",
        lambda host: host.send(host.session.next_mark(1)),
        enabled=_can_go(1),
    ),
    Action(
        "time",
        "Time",
        ("F4",),
        "speed, jumps and bookmarks",
        lambda host: host.show_time(),
        enabled=lambda session: session.record is not None,
    ),
    Action(
        "blink",
        "Blink",
        ("Ctrl+X",),
        "have the compared runs take turns on screen, or stop",
        lambda host: host.send(host.session.blink()),
        enabled=_compares,
        on=lambda session: session.view.play.turns.on,
    ),
    Action(
        "difference",
        "Difference",
        ("Ctrl+I",),
        "maps of how the compared runs differ, or of the run on screen",
        lambda host: host.send(host.session.toggle_difference()),
        enabled=_compares,
        on=lambda session: session.view.difference,
        tip="Have the maps show how the compared runs differ",
    ),
    Action(
        "joint table",
        "Joints apart",
        ("Ctrl+K",),
        "list how far the joints of the compared runs are apart",
        lambda host: host.send(host.session.toggle_joint_table()),
        enabled=_compares,
        on=lambda session: session.view.joint_table,
    ),
    Action(
        "export",
        "Export",
        ("F12",),
        "write the body, the steps as an animation or a film, a panel, the curves",
        lambda host: host.show_exports(),
        enabled=lambda session: session.steps > 0,
    ),
)
