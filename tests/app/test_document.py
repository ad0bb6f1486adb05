"""The document: what is kept, in which order it goes, and that it is plain data."""

import pickle

from app.document import IMAGES_KEPT, RUNS_KEPT, Document
from app.geometry.plane import Rect
from app.protocol.events import Opened, Stepped
from app.protocol.run import RunInfo
from app.protocol.scene import ImageScene

SCENE = ImageScene((640, 480), 800.0, Rect(1, 2, 30, 40), True, (), ())


def add(document, image, **options):
    """A new run of an image; its key, and the runs that had to go."""
    run = document.new_run(**options)
    gone = document.add(Opened(image, run.id, f"/{image}.jpg", RunInfo(run), SCENE))
    return (image, run.id), gone


def test_the_oldest_runs_without_a_name_go_first():
    document = Document()
    keys = [add(document, 1)[0] for _ in range(RUNS_KEPT)]
    document.rename(keys[0], "the good one")
    assert add(document, 1)[1] == [keys[1]]
    assert add(document, 1)[1] == [keys[2]]
    assert document.find(keys[0]).run.name == "the good one"
    assert len(list(document.keys)) == RUNS_KEPT


def test_named_runs_are_bounded_too():
    document = Document()
    keys = [add(document, 1, name=f"run {i}")[0] for i in range(RUNS_KEPT + 3)]
    assert list(document.keys) == keys[3:]


def test_a_run_that_has_just_come_never_goes():
    document = Document()
    for i in range(RUNS_KEPT):
        add(document, 1, name=f"run {i}")
    key, gone = add(document, 1)
    assert document.find(key) is not None
    assert gone == [(1, 1)]


def test_the_oldest_image_goes_those_with_a_named_run_last():
    document = Document()
    keys = [add(document, document.new_image())[0] for _ in range(IMAGES_KEPT)]
    document.rename(keys[0], "kept")
    assert add(document, document.new_image())[1] == [keys[1]]
    assert set(document.images) == {1, *range(3, IMAGES_KEPT + 2)}


def test_an_image_goes_with_its_last_run():
    document = Document()
    first, _ = add(document, 1)
    second, _ = add(document, 1)
    document.remove(first)
    assert document.image(1).name == "1.jpg"
    document.remove(second)
    assert document.image(1) is None


def test_numbers_are_never_given_twice():
    document = Document()
    key, _ = add(document, document.new_image())
    document.remove(key)
    assert (document.new_image(), document.new_run().id) == (2, 2)


def test_a_branch_has_its_parent_s_curves_so_far_and_its_own_from_there():
    document = Document()
    parent, _ = add(document, 1)
    for step in range(4):
        record = document.find(parent)
        record.curves.append(Stepped(*parent, step, 0, {"nll": 1.0 * step}, 2.0 * step, 0, 0.5))
    branch, _ = add(document, 1, parent=parent[1], at_step=2)
    curves = document.find(branch).curves
    assert (curves.total, curves.terms) == ([0.0, 2.0], {"nll": [0.0, 1.0]})
    assert curves.seconds == 0
    curves.append(Stepped(*branch, 2, 0, {"nll": 9.0}, 9.0, 0, 0.5))
    assert document.find(parent).curves.total == [0.0, 2.0, 4.0, 6.0]


def test_a_document_is_plain_data():
    document = Document()
    key, _ = add(document, document.new_image(), box=Rect(1, 2, 3, 4))
    document.find(key).curves.append(Stepped(*key, 0, 0, {"nll": 1.0}, 1.0, 0, 0.5))
    assert pickle.loads(pickle.dumps(document)) == document
