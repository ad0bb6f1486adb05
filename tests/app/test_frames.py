"""When a frame is needed."""

import pytest

from app.window import frames
from app.window.frames import FRAMES_A_CHANGE, FrameClock


def drawn(clock, limit=50):
    """Frames until none is needed."""
    count = 0
    while clock.awake and count < limit:
        clock.tick(busy=False)
        count += 1
    return count


def test_a_change_takes_a_few_frames_and_then_none():
    clock = FrameClock()
    assert drawn(clock) == FRAMES_A_CHANGE
    clock.changed()
    clock.tick(busy=False)
    clock.changed()
    assert drawn(clock) == FRAMES_A_CHANGE


def test_frames_go_on_for_a_while_after_the_user_did_something(monkeypatch):
    now = 100.0
    monkeypatch.setattr(frames.time, "perf_counter", lambda: now)
    clock = FrameClock()
    clock.touched()
    assert drawn(clock) == 50
    now += frames.LINGER
    assert not clock.awake


def test_a_rest_is_not_a_long_frame(monkeypatch):
    now = 100.0
    monkeypatch.setattr(frames.time, "perf_counter", lambda: now)
    clock = FrameClock()
    clock.tick(busy=False)
    now += 0.02
    clock.tick(busy=False)
    clock.rest()
    now += 60.0
    clock.tick(busy=False)
    assert clock.worst < 0.03
    assert clock.left(busy=False) == pytest.approx(1 / frames.IDLE_RATE)


def test_the_hand_is_at_it_for_a_moment_and_a_held_button_does_not_count(monkeypatch):
    now = 100.0
    monkeypatch.setattr(frames.time, "perf_counter", lambda: now)
    clock = FrameClock()
    assert not clock.hurried
    clock.touched()
    assert clock.hurried
    now += frames.CALM
    clock.linger()  # Dear ImGui repeats a button that is held in every frame
    assert not clock.hurried and clock.awake


def paced(monkeypatch, seconds):
    """The interval of frames that take so much of the processor, while the engine works."""
    now = used = 100.0
    monkeypatch.setattr(frames.time, "perf_counter", lambda: now)
    monkeypatch.setattr(frames.time, "process_time", lambda: used)
    clock = FrameClock()
    for _ in range(60):
        clock.tick(busy=True)
        now, used = now + seconds, used + seconds
    clock.tick(busy=True)
    return clock.left(busy=True)


def test_frames_that_cost_much_come_seldom_while_the_engine_works(monkeypatch):
    assert paced(monkeypatch, 0.004) == pytest.approx(1 / frames.BUSY_RATE)
    assert paced(monkeypatch, 0.07) == pytest.approx(0.07 / frames.BUSY_SHARE, rel=1e-3)
