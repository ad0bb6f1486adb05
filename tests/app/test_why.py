"""Asking why, without a window: the session, the worker's cache, and what is drawn of an answer."""

import pytest
from PIL import Image

from app.panels.why import LONGEST, screen_arrows
from app.protocol.commands import Open, Paint, Probe, Step
from app.protocol.events import Failed, Opened, Probed, Ready, Stepped
from app.protocol.run import Run
from app.protocol.why import Answer, Arrow, JointTarget, PixelTarget
from app.state import Level
from app.worker.explaining import Explainer
from core.words import Explanation
from tests.app.blob import blob_photo
from tests.app.sessions import (
    FIRST,
    SECOND,
    answer,
    opened,
    painted,
    paused_session,
    ready_session,
    stepped,
)
from tests.app.talk import Talk

PIXEL, JOINT = PixelTarget((0.25, 0.5)), JointTarget(20)


def answered(command, line="because"):
    return Probed(*command.key, command.step, command.target, Answer(Explanation((line,))))


def settle(session):
    """Answer all questions about pictures; the questions why that come then."""
    while asked := session.ask():
        if isinstance(asked[0], Probe):
            return asked
        session.receive(answer(*asked))
    return []


def test_a_pixel_is_asked_about_once():
    session = paused_session(5)
    assert session.ask_why(PIXEL) == [] and session.view.why
    assert not session.settled
    (question,) = session.ask()
    assert question == Probe(*FIRST, 4, PIXEL)
    assert session.ask() == []  # on its way
    session.receive(answered(question))
    assert session.probed.answer.words.lines == ("because",)
    assert session.ask() == [] and session.settled


def test_another_step_and_another_target_are_asked_about_anew():
    session = paused_session(5)
    session.ask_why(PIXEL)
    session.receive(answered(*session.ask()))
    session.scrub(2)
    (question,) = settle(session)
    assert question == Probe(*FIRST, 2, PIXEL)
    assert session.probed.step == 4  # until the answer comes
    session.receive(answered(question))
    session.ask_why(JOINT)
    assert session.ask() == [Probe(*FIRST, 2, JOINT)]


def test_pictures_come_before_answers():
    session = paused_session(5)
    session.ask_why(PIXEL)
    session.scrub(1)
    assert isinstance(session.ask()[0], Paint)


def test_only_the_newest_of_many_targets_is_asked_about():
    session = paused_session(5)
    session.ask_why(PIXEL)
    (first,) = session.ask()
    for x in range(10):
        session.ask_why(PixelTarget((x / 10, 0.0)))
        assert session.ask() == []
    session.receive(answered(first))
    assert session.ask() == [Probe(*FIRST, 4, PixelTarget((0.9, 0.0)))]


def test_nothing_is_asked_while_the_panel_is_away():
    session = paused_session(5)
    session.ask_why(PIXEL)
    session.toggle_why()
    assert not session.view.why and session.ask() == [] and session.settled
    session.toggle_why()
    assert session.ask() == [Probe(*FIRST, 4, PIXEL)]


def test_without_a_run_nothing_is_asked():
    session = ready_session()
    session.ask_why(PIXEL)
    session.toggle_why()
    assert not session.view.why and session.view.target is None and session.ask() == []


def test_an_answer_about_another_run_is_not_shown():
    session = paused_session(5)
    session.ask_why(PIXEL)
    (question,) = session.ask()
    session.receive(opened(session.restart()[-1]))
    session.receive(answered(question))
    assert session.probed is None
    session.receive(stepped(SECOND, 0))
    session.pause()
    assert settle(session) == [Probe(*SECOND, 0, PIXEL)]  # the view still asks


def test_an_answer_goes_with_its_run():
    session = paused_session(5)
    session.ask_why(PIXEL)
    session.receive(answered(*session.ask()))
    session.receive(opened(session.restart()[-1]))
    assert session.probed is None


def test_a_question_that_failed_is_not_asked_again():
    session = paused_session(5)
    session.ask_why(JOINT)
    (question,) = session.ask()
    session.receive(Failed(question, "no such joint"))
    assert session.message.text == "no such joint" and session.message.level is Level.ERROR
    assert session.ask() == []
    session.ask_why(PIXEL)
    assert session.ask() == [Probe(*FIRST, 4, PIXEL)]


def test_running_fits_show_their_steps_first():
    session = paused_session(5)
    session.ask_why(PIXEL)
    session.run()
    session.receive(stepped(FIRST, 5))
    assert isinstance(session.ask()[0], Paint)
    session.receive(painted(FIRST, 5))
    assert session.ask() == [Probe(*FIRST, 5, PIXEL)]


class Counting:
    """A backend that counts its explanations."""

    def __init__(self):
        self.asked = []

    def explain(self, observed, fit, step, target):
        self.asked.append((step, target))
        return Answer(Explanation((f"{step}",)))


class Held:
    observed = fit = None


def test_the_engine_is_asked_once_for_each_question():
    backend = Counting()
    explainer = Explainer(backend)
    questions = [Probe(1, 1, step, target) for step in (0, 1) for target in (PIXEL, JOINT)]
    for question in questions * 3:
        assert explainer.answer(Held, question).answer.words.lines == (str(question.step),)
    assert len(backend.asked) == 4
    for step in range(300):
        explainer.answer(Held, Probe(1, 2, step, PIXEL))
    explainer.answer(Held, questions[0])  # forgotten by now
    assert len(backend.asked) == 305


def test_the_worker_answers_over_its_pipe(tmp_path):
    Image.fromarray(blob_photo()).save(tmp_path / "blob.png")
    talk = Talk("tests.app.fake_engine:load")
    try:
        talk.wait(Ready)
        talk.ask(Open(1, Run(1), str(tmp_path / "blob.png")), Opened)
        talk.ask(Step(1, 1), Stepped)
        event = talk.ask(Probe(1, 1, 0, PixelTarget((0.5, 0.25))), Probed)
        assert event.answer.words.lines[0] == "cell 16, 8" and len(event.answer.bars) == 2
        assert event.target == PixelTarget((0.5, 0.25))
        assert talk.ask(Probe(1, 1, 0, JointTarget(1)), Probed).answer.arrows
        assert "IndexError" in talk.ask(Probe(1, 1, 7, PIXEL), Failed).text
        assert talk.ask(Probe(1, 9, 0, PIXEL), Failed).text == ""
    finally:
        talk.link.close()


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
def test_arrows_are_as_long_on_screen_whatever_the_pull(scale):
    arrows = [Arrow("a", (0.0, 3 * scale)), Arrow("b", (-4 * scale, 0.0)), Arrow("c", (0.0, 0.0))]
    drawn = screen_arrows((*arrows, Arrow("d", (0.01 * scale, 0))))
    assert [(arrow.name, way) for arrow, way in drawn] == [
        ("b", pytest.approx((-LONGEST, 0))),
        ("a", pytest.approx((0, 0.75 * LONGEST))),
    ]
    assert screen_arrows((arrows[2],)) == []
    broken = Arrow("e", (float("nan"), 1.0))
    assert [arrow.name for arrow, _ in screen_arrows((broken, arrows[0]))] == ["a"]
