"""Pictures in shared memory: a slot is never written while its picture may be read."""

import multiprocessing
import queue
import threading

import numpy as np
import pytest

from app.shared import Pictures


@pytest.fixture
def pictures():
    return Pictures(multiprocessing.get_context("spawn"))


def gray(value, side=8):
    return np.full((side, side, 3), value, np.uint8)


def test_a_ticket_names_image_run_and_kind(pictures):
    tickets = pictures.put(3, 7, {"photo": gray(1), "observed": gray(2)})
    assert {(t.image, t.run, t.kind, t.shape) for t in tickets} == {
        (3, 7, "photo", (8, 8, 3)),
        (3, 7, "observed", (8, 8, 3)),
    }
    values = {ticket.kind: int(pictures.take(ticket)[0, 0, 0]) for ticket in tickets}
    assert values == {"photo": 1, "observed": 2}


def test_a_slot_is_not_written_before_its_picture_is_taken(pictures):
    (ticket,) = pictures.put(1, 1, {"photo": gray(1)})
    with pytest.raises(TimeoutError, match="photo"):
        pictures.put(1, 2, {"photo": gray(2)}, patience=0)
    assert (pictures.take(ticket) == 1).all()
    (ticket,) = pictures.put(1, 2, {"photo": gray(2)}, patience=0)
    assert (pictures.take(ticket) == 2).all()


def test_what_waits_in_vain_holds_no_other_slot(pictures):
    (ticket,) = pictures.put(1, 1, {"photo": gray(1)})
    with pytest.raises(TimeoutError):
        pictures.put(1, 2, {"observed": gray(2), "photo": gray(2)}, patience=0)
    (other,) = pictures.put(1, 3, {"observed": gray(3)}, patience=0)
    assert (pictures.take(other) == 3).all()
    assert (pictures.take(ticket) == 1).all()


def test_a_picture_of_another_type_holds_no_slot(pictures):
    with pytest.raises(TypeError):
        pictures.put(1, 1, {"observed": gray(1), "photo": gray(1).astype(np.float64)}, patience=0)
    for ticket in pictures.put(1, 2, {"observed": gray(2), "photo": gray(3)}, patience=0):
        assert (pictures.take(ticket) == (2 if ticket.kind == "observed" else 3)).all()


def test_a_ticket_is_good_for_one_copy(pictures):
    (ticket,) = pictures.put(1, 1, {"body": gray(1)})
    pictures.take(ticket)
    with pytest.raises(ValueError, match="has been taken"):
        pictures.take(ticket)
    pictures.put(1, 2, {"body": gray(2)}, patience=0)
    with pytest.raises(ValueError, match="has been taken"):
        pictures.take(ticket)


def test_two_writers_and_a_reader_never_meet_in_a_slot(pictures):
    """Every picture has one value; a write during a read would leave two."""
    sent = queue.SimpleQueue()

    def write(first):
        for value in range(first, 200, 2):
            both = {"photo": gray(value, 300), "observed": gray(value, 200)}
            sent.put((value, pictures.put(1, value, both, patience=30)))

    writers = [threading.Thread(target=write, args=(first,), daemon=True) for first in (0, 1)]
    for writer in writers:
        writer.start()
    for _ in range(200):
        value, tickets = sent.get(timeout=30)
        for ticket in tickets:
            assert (pictures.take(ticket) == value).all()
    for writer in writers:
        writer.join(30)


def test_a_picture_too_large_for_its_slot_is_refused_and_holds_nothing(pictures):
    large = np.zeros((2000, 2000, 3), np.uint8)
    with pytest.raises(ValueError, match="does not fit"):
        pictures.put(1, 1, {"body": gray(1), "observed": large})
    pictures.put(1, 1, {"body": gray(1), "observed": gray(1)}, patience=0)
