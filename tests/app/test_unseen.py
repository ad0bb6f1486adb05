"""Joints that the photo does not show: drawn and told differently, and a note that stays."""

import dataclasses
from itertools import pairwise

import numpy as np
import pytest

from app.geometry.plane import Rect
from app.panels.joints import certainty_words, dashes
from app.panels.photo_words import drawn_joints, joint_words_at
from app.protocol.scene import Certainty
from app.view import JOINTS
from core.pictures.palette import OCCLUDED
from tests.app.fake_engine import HALF_SEEN, LEGS
from tests.app.sessions import FIRST, paused_session

NOWHERE = (700, 30)  # a place in the tool bar that does nothing
LEGS_UNSEEN = "unseen: both hips, both knees, both ankles; they come from the prior"


def session_with(certainty):
    """A session at rest whose picture tells this of its joints."""
    session = paused_session(2)
    joints = tuple((float(j), float(j), 0.0) for j in range(24))
    session.record.scene = dataclasses.replace(
        session.scene, estimated_joints=joints, sigmas=((5.0, 0.2),) * 24
    )
    session.painted = dataclasses.replace(session.painted, joints=joints, certainty=certainty)
    return session


def test_what_is_known_of_a_joint_is_told_where_it_is_known():
    assert certainty_words(Certainty(True, True, 44.6)) == " · ± 45 mm"
    assert certainty_words(Certainty(False, True, 120.0)) == " · not seen, ± 120 mm"
    assert certainty_words(Certainty(False, False, 325.0)) == " · outside the photo, ± 325 mm"
    assert certainty_words(None) == ""


def test_the_words_under_the_mouse_are_of_the_joint():
    session = session_with(HALF_SEEN)
    told = {joint: joint_words_at(session, joint) for joint in (1, 4, 15)}
    assert "left hip: estimated to 5 px" in told[1][0] and told[1][0].endswith("not seen, ± 30 mm")
    assert "outside the photo, ± 60 mm" in told[4][0] and told[4][1] == (4.0, 4.0)
    assert told[15][0].endswith(" · ± 170 mm")
    assert "mm" not in joint_words_at(session_with(()), 4)[0]


def test_the_mouse_finds_a_joint_where_it_is_estimated_and_on_the_body():
    session = session_with(HALF_SEEN)
    assert drawn_joints(session) == []
    session.toggle_overlay(JOINTS)
    assert drawn_joints(session)[4] == ((4.0, 4.0, 0.0), (4.0, 4.0, 0.0))
    session.painted = None
    assert drawn_joints(session)[4] == ((4.0, 4.0, 0.0),)


def test_a_note_stays_where_half_of_the_body_is_unseen():
    session = session_with(HALF_SEEN)
    assert session.painted.unseen == LEGS
    assert session.banner == LEGS_UNSEEN
    assert paused_session(2).banner == session_with(()).banner == ""
    five = tuple(dataclasses.replace(c, seen=c.seen or j == 8) for j, c in enumerate(HALF_SEEN))
    assert session_with(five).banner == ""
    session.record.scene = dataclasses.replace(session.scene, note="mind the gap")
    assert session.banner == f"mind the gap · {LEGS_UNSEEN}"
    assert session.view.key == FIRST


def test_dashes_begin_and_end_at_the_joints():
    pieces = dashes((0.0, 0.0), (30.0, 40.0), 6.0)
    assert pieces[0][0] == (0.0, 0.0) and pieces[-1][1] == pytest.approx((30.0, 40.0))
    lengths = [np.hypot(b[0] - a[0], b[1] - a[1]) for a, b in pieces]
    assert len(pieces) == 5 and lengths == pytest.approx([50 / 9] * 5)
    gaps = [np.hypot(c[0] - b[0], c[1] - b[1]) for (_, b), (c, _) in pairwise(pieces)]
    assert gaps == pytest.approx([50 / 9] * 4)
    assert dashes((3.0, 3.0), (3.0, 3.0), 5.0) == [((3.0, 3.0), (3.0, 3.0))]


def amount(pixels, color, within=30):
    """Pixels of nearly this colour."""
    return int((np.abs(pixels - np.array(color)).max(-1) < within).sum())


@pytest.mark.gui
@pytest.mark.slow
def test_unseen_joints_are_rings_and_the_note_stays(debugger, photo):
    """Two engines differ in nothing but what they say of the joints."""
    rings, tops = [], []
    for engine, banner in (("load", ""), ("load_half", LEGS_UNSEEN)):
        app = debugger(photo, engine=engine)
        state = app.wait_done()
        assert (state["banner"], bool(state["unseen"])) == (banner, bool(banner))
        app.move(NOWHERE)
        before = amount(app.panel_pixels("photo"), OCCLUDED)
        app.key("j")
        app.move(NOWHERE)
        pixels = app.panel_pixels("photo")
        rings.append(amount(pixels, OCCLUDED) - before)
        tops.append(pixels[:20])
        box = Rect(*app.state["box"])
        app.move(app.on_photo((box.x + box.width / 2 + 3, box.y + 0.51 * box.height)))
        assert app.state["joint"] == 0
        told = np.abs(app.panel_pixels("photo") - pixels).max(-1) > 60
        below = 24 if banner else 0  # the words under the mouse leave the note readable
        assert told[below : below + 14].sum() > 30
        assert not banner or told[:18].sum() < 30
        app.key("j")
        app.move(NOWHERE)
        assert amount(app.panel_pixels("photo"), OCCLUDED) == before
        assert app.state["banner"] == banner
    assert rings[0] < 5 < 20 < rings[1]  # the hip's; the other joint is seen
    assert (np.abs(tops[1] - tops[0]).max(-1) > 40).mean() > 0.3
