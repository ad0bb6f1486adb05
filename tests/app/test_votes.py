"""The detectors' votes over the photo: off at first, each in its colour, with a legend."""

import dataclasses

import numpy as np
import pytest

from app.panels.marks import point_text
from app.panels.votes import COLORS, drawn_points
from app.protocol.scene import FoundPoints
from app.view import POINTS, VOTES
from tests.app.sessions import paused_session

FUSED = FoundPoints("three networks that vote", ("nose",), ((50.0, 60.0),), (2.0,))
ONE = FoundPoints("A", ("nose",), ((48.0, 60.0),), (5.0,), (0.8,))
TWO = FoundPoints("B", ("nose",), ((90.0, 60.0),), (20.0,), (0.25,))


def test_what_is_drawn_can_be_pointed_at_and_says_its_weight():
    session = paused_session(2)
    scene = dataclasses.replace(session.scene, points=(FUSED,), votes=(ONE, TWO))
    session.record.scene = scene
    assert VOTES not in session.view.overlays and drawn_points(session) == ()
    session.toggle_overlay(VOTES)
    assert drawn_points(session) == (ONE, TWO)
    session.toggle_overlay(POINTS)
    assert drawn_points(session) == (FUSED, ONE, TWO)
    assert (
        point_text(drawn_points(session), (2, 0)) == "nose by B, weight 0.25, to 20.0 px if alone"
    )
    assert point_text(drawn_points(session), (0, 0)) == (
        "nose by three networks that vote, to 2.0 px"
    )


def amount(pixels, color, within=30):
    """Pixels of nearly this colour."""
    return int((np.abs(pixels - np.array(color)).max(-1) < within).sum())


@pytest.mark.gui
@pytest.mark.slow
def test_votes_are_drawn_in_their_colours_with_a_legend(debugger, photo):
    app = debugger(photo)
    app.wait_done()
    app.move((700, 30))
    plain = [amount(app.panel_pixels("photo"), color) for color in COLORS]
    app.key("ctrl+9")
    app.move((700, 30))
    assert VOTES in app.state["overlays"]
    with_votes = app.panel_pixels("photo")
    counts = [amount(with_votes, color) for color in COLORS]
    assert all(now > before + 20 for now, before in zip(counts[:2], plain[:2], strict=True))
    assert counts[2] <= plain[2] + 5  # only two networks vote in this engine
    height, width = with_votes.shape[:2]
    legend = with_votes[int(0.75 * height) :, : width // 2]
    assert all(amount(legend, color) > 8 for color in COLORS[:2])
    box = app.state["box"]
    app.move(app.on_photo((box[0] + 0.35 * box[2], box[1] + 0.2 * box[3])))
    assert app.state["point"] == [0, 0]
    app.key("ctrl+9")
    app.move((700, 30))
    assert [amount(app.panel_pixels("photo"), color) for color in COLORS] == plain
