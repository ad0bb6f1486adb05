"""The mouse with the joints of the body in hand, on the photo and in three dimensions.

Points are in pixels of the photo, or places in its camera's frame.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from app.geometry.plane import Point
from app.posing import drag_or_wish, with_move, with_wish
from app.protocol.commands import Commands
from app.protocol.events import Place
from app.session import Session
from core.body.moves import Drag, Moves, Pull, Wishes
from core.body.names import JOINT_NAMES


@dataclass
class PoseHand:
    """What the mouse holds between a press and a release.

    Attributes:
        joint: that is held, by its number.
    """

    joint: int | None = None
    _moves: Moves = ()
    _wishes: Wishes = ()

    def hold(self, session: Session, joint: int | None) -> Commands:
        """Take hold of a joint."""
        self.joint = joint if session.can_pose else None
        self._moves, self._wishes = session.view.moves, session.wishes
        return []

    def press(self, session: Session, at: Point, reach: float) -> Commands:
        """Take hold of the joint of the body, or of the wish, that is nearest to a pixel."""
        return self.hold(session, joint_near(session, at, reach))

    def drag(self, session: Session, at: Point, reach: float) -> Commands:  # noqa: ARG002
        """Bring the joint there, or wish it there."""
        if self.joint is None:
            return []
        view = session.view
        name, sigma = JOINT_NAMES[self.joint], view.sigma if view.soft else None
        made = drag_or_wish(name, *at, sigma)
        if isinstance(made, Drag):
            return session.move_body(with_move(self._moves, made))
        return [] if made is None else session.wish(with_wish(self._wishes, made))

    def pull(self, session: Session, place: Place) -> Commands:
        """Bring the joint to a place in space."""
        if self.joint is None or not all(map(math.isfinite, place)):
            return []
        move = Pull(JOINT_NAMES[self.joint], *place)
        return session.move_body(with_move(self._moves, move))

    def release(self, session: Session, at: Point, reach: float, moved: bool) -> Commands:  # noqa: ARG002
        """Let go."""
        self.joint = None
        return []

    def cancel(self, session: Session) -> Commands:
        """Give up the drag."""
        held, self.joint = self.joint, None
        if held is None:
            return []
        commands = session.move_body(self._moves)
        return [*commands, *session.wish(self._wishes)]


def joint_near(session: Session, at: Point, reach: float) -> int | None:
    """The joint of the body on screen, or of a wish, nearest to a pixel of the photo."""
    painted = session.painted
    places = [joint[:2] for joint in painted.joints] if painted is not None else []
    ends = list(enumerate(places))
    if session.view.soft:
        ends += [(JOINT_NAMES.index(wish.joint), (wish.x, wish.y)) for wish in session.wishes]
    near = [(math.dist(place, at), joint) for joint, place in ends]
    distance, joint = min(near, default=(math.inf, 0))
    return joint if distance <= reach else None
