"""Occluders as a person handles them: drawn, moved, filled, ordered, carried, undone."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from app.geometry.handles import Grip, Hold, dragged, grip_at, knob_of
from app.hand import Hand
from app.occluding import FILLS
from app.panels.occlude import amount_of, with_amount
from app.protocol.commands import Begin, Continue, Paint, PaintInput, Pause, Preview
from app.protocol.events import Failed, Finished, Painted, PaintedInput, Previewed
from app.protocol.run import Run
from app.state import Level, Phase
from app.view import BOX
from app.window.occluder_files import fill, put_set, save_set
from core.occlusion.fills import Blur, Color, Noise
from core.occlusion.occluder import drawn
from tests.app.sessions import (
    FIRST,
    SECOND,
    fitting_session,
    opened,
    paused_session,
    ready_session,
    receive_opened,
    stepped,
)

REACH = 4.0
SQUARE = drawn("rectangle", [(100, 100), (200, 160)])


def answered(command):
    """The worker's answer to a command that begins a run."""
    event = opened(command)
    return replace(event, scene=replace(event.scene, occluders=command.run.occluders))


def behind(*occluders, steps=5):
    """A session whose run on screen has these occluders."""
    session = fitting_session(steps)
    session.sketch(occluders)
    session.receive(answered(session.settle()[-1]))
    for step in range(steps):
        session.receive(stepped(SECOND, step))
    return session


def pull(session, hand, *path):
    """Press, drag and release; the commands of the release."""
    hand.press(session, path[0], REACH)
    for point in path[1:]:
        hand.drag(session, point, REACH)
    return hand.release(session, path[-1], REACH, moved=True)


def click(session, hand, at):
    hand.press(session, at, REACH)
    return hand.release(session, at, REACH, moved=False)


# --- draw ---


@pytest.mark.parametrize("tool", ["rectangle", "ellipse"])
def test_a_drag_draws_and_the_fit_begins_again_from_the_same_start(tool):
    session, hand = fitting_session(5), Hand()
    session.take(tool)
    (command,) = pull(session, hand, (100, 100), (150, 120), (200, 160))
    shape = drawn(tool, [(100, 100), (200, 160)])
    assert command == Begin(1, Run(2, parent=1, at_step=0, occluders=(shape,)))
    assert session.phase is Phase.OPENING and session.view.chosen == 0
    assert session.receive(answered(command)) == [Continue(*SECOND)]
    assert session.occluders == (shape,) == session.image.occluders
    assert session.record.label == "from run 1, step 0: 1 occluder"


def test_a_new_drag_pauses_the_fit():
    session, hand = fitting_session(5), Hand()
    assert session.phase is Phase.RUNNING
    session.take("ellipse")
    hand.press(session, (10, 10), REACH)
    assert hand.drag(session, (60, 60), REACH) == [Pause(*FIRST)]


def test_a_stroke_follows_the_mouse():
    session, hand = fitting_session(5), Hand()
    session.take("stroke")
    session.set_brush(0.1)
    (command,) = pull(session, hand, (100, 100), (150, 100), (150, 180))
    (stroke,) = command.run.occluders
    assert stroke == drawn("stroke", [(100, 100), (150, 100), (150, 180)], 32.0)


def test_a_polygon_is_clicked_corner_by_corner():
    session, hand = fitting_session(5), Hand()
    session.take("polygon")
    corners = [(100, 100), (200, 100), (150, 200)]
    for corner in corners:
        assert click(session, hand, corner) == []
    assert hand.corners == corners
    command = click(session, hand, (102, 101))[-1]
    assert command.run.occluders == (drawn("polygon", corners),) and hand.corners == []


def test_two_corners_are_no_polygon_and_a_flat_drag_is_no_shape():
    session, hand = fitting_session(5), Hand()
    session.take("polygon")
    click(session, hand, (100, 100))
    click(session, hand, (200, 100))
    assert hand.close(session) == [] and session.occluders == ()
    session.take("rectangle")
    assert pull(session, hand, (100, 100), (200, 100)) == [] and session.view.sketch is None


def test_without_a_tool_or_a_fit_nothing_is_drawn():
    session = ready_session()
    session.take("ellipse")
    assert session.view.tool == BOX
    assert session.sketch((SQUARE,)) == [] and session.settle() == []
    session = fitting_session(5)
    session.take("ellipse")
    session.take("ellipse")
    assert session.view.tool == BOX


def test_a_run_may_go_on_from_the_step_on_screen():
    session, hand = fitting_session(6), Hand()
    session.choose_start()
    session.scrub(3)
    session.take("rectangle")
    command = pull(session, hand, (100, 100), (200, 160))[-1]
    assert (command.run.parent, command.run.at_step) == (1, 3)
    session = fitting_session(9)  # no step is left after the last one
    session.choose_start()
    session.take("rectangle")
    assert pull(session, Hand(), (100, 100), (200, 160))[-1].run.at_step == 0


# --- choose, move, stretch, turn ---


def test_a_click_chooses_the_topmost_and_a_drag_moves_the_chosen_one():
    below = drawn("ellipse", [(90, 90), (210, 170)])
    session, hand = behind(below, SQUARE), Hand()
    session.take("ellipse")
    assert session.view.chosen is None
    click(session, hand, (150, 130))
    assert session.view.chosen == 1
    command = pull(session, hand, (150, 130), (170, 120))[-1]
    assert command.run.occluders == (below, SQUARE.moved(20, -10))
    assert (command.run.parent, session.view.chosen) == (2, 1)
    session.receive(answered(command))
    click(session, hand, (600, 400))
    assert session.view.chosen is None


def test_a_drag_beside_the_chosen_one_draws_another():
    session, hand = behind(SQUARE), Hand()
    session.take("rectangle")
    session.choose(0)
    command = pull(session, hand, (300, 300), (350, 380))[-1]
    assert command.run.occluders == (SQUARE, drawn("rectangle", [(300, 300), (350, 380)]))
    assert session.view.chosen == 1


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(["rectangle", "ellipse", "polygon"]),
    st.floats(0, 360),
    st.integers(0, 3),
    st.floats(-15, 40),
    st.floats(-15, 40),
)
def test_a_corner_follows_the_mouse_and_the_opposite_one_stays(kind, angle, corner, x, y):
    points = [(100.0, 100.0), (200.0, 110.0), (160.0, 160.0)]
    occluder = drawn(kind, points).turned(angle)
    start = tuple(occluder.corners[corner])
    outward = occluder.corners[corner] - occluder.corners[corner - 2]
    by = np.sign(outward) * [x, y]
    stretched = dragged(occluder, Grip(Hold.CORNER, corner), start, tuple(start + by))
    np.testing.assert_allclose(
        stretched.corners[corner - 2], occluder.corners[corner - 2], atol=1e-6
    )
    smallest = 0.02
    if min(stretched.scale) > smallest:
        np.testing.assert_allclose(stretched.corners[corner], start + by, atol=1e-6)
    assert stretched.angle == occluder.angle


def test_the_knob_turns_about_the_middle():
    knob = knob_of(SQUARE, REACH)
    assert grip_at(SQUARE, knob, REACH) == Grip(Hold.KNOB)
    assert knob == pytest.approx((150, 100 - 3 * REACH))
    turned = dragged(SQUARE, Grip(Hold.KNOB), knob, (200, 130))
    assert turned.angle == pytest.approx(90) and turned.center == SQUARE.center
    assert knob_of(turned, REACH) == pytest.approx((180 + 3 * REACH, 130))


def test_grips():
    assert grip_at(SQUARE, (101, 99), REACH) == Grip(Hold.CORNER, 0)
    assert grip_at(SQUARE, (199, 161), REACH) == Grip(Hold.CORNER, 2)
    assert grip_at(SQUARE, (150, 130), REACH) == Grip(Hold.INSIDE)
    assert grip_at(SQUARE, (150, 200), REACH) is None


# --- while it is dragged ---


def test_a_drag_is_previewed_and_only_its_newest_state():
    session, hand = paused_session(5), Hand()
    session.take("rectangle")
    hand.press(session, (100, 100), REACH)
    hand.drag(session, (150, 150), REACH)
    (first,) = session.ask()
    one, two = drawn("rectangle", [(100, 100), (150, 150)]), SQUARE
    assert first == Preview(*FIRST, 4, (one,), 512, None)
    hand.drag(session, (180, 150), REACH)
    hand.drag(session, (200, 160), REACH)
    assert session.ask() == []
    painted = Painted(*FIRST, 4, 512, False, 0.2, found=(0.5, 0.9))
    session.receive(Previewed(*FIRST, painted, (one,)))
    assert session.painted == painted and session.previewed == (one,)
    (second,) = session.ask()
    assert second.occluders == (two,)
    session.receive(Previewed(*FIRST, painted, (two,)))
    assert session.ask() == []
    command = hand.release(session, (200, 160), REACH, moved=True)[-1]
    assert command.run.occluders == (two,) and session.ask() == []


def test_nothing_is_previewed_once_a_run_has_been_asked_for():
    session, hand = paused_session(5), Hand()
    session.take("rectangle")
    command = pull(session, hand, (100, 100), (200, 160))[-1]
    assert session.ask() == [] and session.occluders == (SQUARE,)
    session.receive(answered(command))
    assert session.view.sketch is None and session.ask() == []


def test_a_cancelled_drag_brings_the_runs_own_pictures_back():
    session, hand = paused_session(5), Hand()
    session.take("rectangle")
    hand.press(session, (100, 100), REACH)
    hand.drag(session, (200, 160), REACH)
    (asked,) = session.ask()
    painted = Painted(*FIRST, 4, 512, False, 0.2)
    session.receive(Previewed(*FIRST, painted, asked.occluders))
    hand.cancel(session)
    assert session.occluders == () and session.previewed is None
    assert session.ask() == [PaintInput(*FIRST)]
    session.receive(PaintedInput(*FIRST))
    assert isinstance(session.ask()[0], Paint)
    assert hand.release(session, (200, 160), REACH, moved=True) == []


def test_occluders_that_the_worker_refuses_are_taken_back():
    session = behind(SQUARE)
    session.receive(Finished(*SECOND, "over", 3))
    session.choose(0)
    command = session.switch()[-1]
    session.receive(Failed(command, "no"))
    assert session.occluders == (SQUARE,) and session.phase is Phase.DONE


# --- change ---


def test_fill_switch_order_turn_and_delete_each_make_a_run():
    other = drawn("ellipse", [(300, 300), (340, 350)])
    session = behind(SQUARE, other)
    session.choose(0)
    edits = [
        (session.next_fill, (replace(SQUARE, fill=FILLS[1]), other), 0),
        (lambda: session.set_fill(Blur(3.0)), (replace(SQUARE, fill=Blur(3.0)), other), 0),
        (session.switch, (replace(SQUARE, fill=Blur(3.0), on=False), other), 0),
        (session.raise_occluder, (other, replace(SQUARE, fill=Blur(3.0), on=False)), 1),
        (lambda: session.turn_occluder(-1), None, 1),
        (session.delete_occluder, (other,), None),
    ]
    for number, (edit, expected, chosen) in enumerate(edits, 3):
        command = edit()[-1]
        assert command.run.id == number
        if expected is None:
            assert command.run.occluders[1].angle == 345
        else:
            assert command.run.occluders == expected
        session.receive(answered(command))
        session.receive(stepped((1, number), 0))
        assert session.view.chosen == chosen
    assert session.view.fill == Blur(3.0)


def test_a_slider_is_one_run_and_not_many():
    session = behind(SQUARE)
    session.choose(0)
    for seed in range(5):
        commands = session.sketch_fill(Noise(seed))
        assert [c for c in commands if isinstance(c, Begin)] == []
    assert session.settle()[-1].run.occluders == (replace(SQUARE, fill=Noise(4)),)


def test_what_does_not_change_makes_no_run():
    session, hand = behind(SQUARE), Hand()
    session.choose(0)
    session.take("rectangle")
    session.choose(0)
    assert pull(session, hand, (150, 130), (170, 120), (150, 130)) == []
    assert session.view.sketch is None
    assert session.settle() == []


def test_undo_shows_the_run_and_the_occluders_before():
    session = behind(SQUARE)
    session.choose(0)
    session.receive(answered(session.switch()[-1]))
    session.receive(stepped((1, 3), 0))
    session.undo()
    assert session.view.key == SECOND and session.occluders == (SQUARE,)
    session.undo()
    assert session.view.key == FIRST and session.occluders == () == session.image.occluders
    session.redo()
    assert session.occluders == (SQUARE,)


def test_a_drawn_box_keeps_the_occluders_of_the_run_on_screen():
    session = behind(SQUARE)
    command = session.set_box(session.scene.box._replace(x=30))[-1]
    assert command.run.occluders == (SQUARE,)


# --- carry ---


def test_occluders_are_carried_to_another_image_and_stay_on_it():
    far = drawn("ellipse", [(5000, 100), (5100, 200)], fill=Color((1, 2, 3)))
    session = behind(SQUARE, far)
    session.carry()
    receive_opened(session, session.open("b.jpg"))
    key = session.view.key
    assert session.occluders == () and not session.can_put
    session.receive(stepped(key, 0))
    command = session.put()[-1]
    first, second = command.run.occluders
    assert first == SQUARE and second.fill == far.fill
    assert second.center == (640, 150)
    assert command.image == 2


def test_nothing_is_carried_from_an_image_without_occluders():
    session = fitting_session(3)
    session.carry()
    assert session.view.carried == () and session.put() == []


def test_the_brush_stays_in_its_range():
    session = fitting_session(1)
    session.set_brush(9.0)
    assert session.view.brush == 0.3
    session.set_brush(0.0)
    assert session.view.brush == 0.01


# --- files ---


def test_a_saved_set_can_be_put_before_another_image(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    session = behind(SQUARE, drawn("ellipse", [(300, 300), (340, 350)]))
    drawn_before = session.occluders
    assert save_set(session) == [] and str(tmp_path / "a.occluders.json") in session.message.text
    save_set(session)
    assert len(list(tmp_path.iterdir())) == 2  # nothing is written over
    assert put_set(ready_session(), "a.occluders.json") == []
    session = fitting_session(3)
    command = put_set(session, "a.occluders.json")[-1]
    assert command.run.occluders == drawn_before


def test_a_bad_file_is_one_line_and_changes_nothing(tmp_path):
    (tmp_path / "bad.json").write_text("[1]")
    session = behind(SQUARE)
    session.choose(0)
    for act in (put_set, fill):
        assert act(session, str(tmp_path / "bad.json")) == []
        assert session.message.level is Level.ERROR and "bad.json" in session.message.text
    assert session.occluders == (SQUARE,) and session.view.carried == ()


def test_a_picture_fills_the_chosen_occluder(tmp_path):
    pixels = np.full((20, 30, 4), 200, np.uint8)
    Image.fromarray(pixels).save(tmp_path / "leaf.png")
    session = behind(SQUARE)
    session.choose(0)
    (occluder,) = fill(session, str(tmp_path / "leaf.png"))[-1].run.occluders
    assert occluder.fill.kind == "picture" and occluder.fill.name == "leaf.png"


@pytest.mark.parametrize("kind", ["noise", "texture", "blur", "mosaic"])
def test_the_number_of_a_fill_is_the_slider_s(kind):
    assert amount_of(with_amount(kind, 7)) == 7
    assert with_amount(kind, 0).kind == kind  # the left end of the slider is a fill, too


def test_a_tool_that_is_put_away_draws_boxes_again():
    session = fitting_session(3)
    session.take("ellipse")
    session.put_away()
    assert (session.view.tool, session.view.chosen) == (BOX, None)
