"""What the user can do with the body by hand, for the table of `app.actions`."""

from __future__ import annotations

from app.action import Action
from app.view import POSE

POSE_ACTIONS = (
    Action(
        "pose",
        "Pose",
        ("Y",),
        "move the body by hand: drag joints, set numbers, wish for places",
        lambda host: host.pose(),
        enabled=lambda session: session.can_pose,
        tip="Move the body by hand: drag its joints in the photo or in 3D",
        more="A branch then goes on from there.",
        on=lambda session: session.view.tool == POSE,
    ),
    Action(
        "search",
        "Sweep",
        ("Ctrl+G",),
        "sweep a parameter, map two, or slide a patch",
        lambda host: host.search(),
        enabled=lambda session: session.can_pose,
        tip="Sweep a parameter through the objective, map two, or slide a patch over the photo",
        more="A click on what comes branches from there, or loads the patch.",
    ),
    Action(
        "drop wishes",
        "No wishes",
        ("Ctrl+U",),
        "have the next run hear no wishes",
        lambda host: host.send(host.session.wish(())),
        enabled=lambda session: session.can_pose and bool(session.wishes),
    ),
    Action(
        "truth",
        "Truth…",
        ("Ctrl+Q",),
        "measure the body against the true one, in a file",
        lambda host: host.ask_for_truth(),
        enabled=lambda session: session.record is not None,
        more="An npz as for a start; the joints then tell their errors in mm and px.",
    ),
    Action(
        "as it was",
        "As it was",
        ("Ctrl+D",),
        "drop all that is drafted: moves, wishes, weights",
        lambda host: host.send(host.session.drop_draft()),
        enabled=lambda session: session.can_drop,
    ),
)
