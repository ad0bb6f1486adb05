"""The people of a table are found again: the same picture, box and truth as in the evaluation."""

import csv

import numpy as np
import pytest

from core.datasets.crop import crop_person
from core.datasets.registry import open_dataset
from core.errors import UserError
from core.eval.photos import places
from core.eval.subjects import Subjects, centred
from core.eval.synthetic import PATCHES, SEED, SPLIT, make_case
from core.eval.synthetic import places as synthetic_places
from core.geometry.crop import crop_view, default_focal, warp
from core.synth.people import DRAWING_VERSION, PeopleSampler
from tests.datasets.test_multiview import CAMERAS, walk, write_calibration, write_film, write_trc
from tests.datasets.world import make_world
from tests.datasets.writers import write_photos, write_spin

SIZE = 256


def write_table(path, protocol, found):
    """A table of people with no more figures than it needs."""
    from core.eval.person_rows import KEYS, PLACE

    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow((*KEYS, *PLACE, "pa_mpjpe"))
        for person, place in enumerate(found):
            writer.writerow((protocol, "nbf", person, *place.cells(), "50"))
    return path


def photographed(tmp_path, name, write):
    write(tmp_path, make_world())
    dataset = open_dataset(name, tmp_path)
    found = places(dataset, range(len(dataset)), tmp_path)
    return dataset, write_table(tmp_path / "each.csv", name, found)


@pytest.mark.parametrize(("name", "write"), [("photos", write_photos), ("h36m", write_spin)])
def test_a_person_of_a_data_set_is_seen_as_the_evaluation_saw_them(name, write, tmp_path):
    dataset, table = photographed(tmp_path, name, write)
    for person in range(len(dataset)):
        crop = crop_person(dataset, person, SIZE)
        subject = Subjects(SIZE).find(table, name, person)
        height, width = subject.pixels.shape[:2]
        focal = subject.focal or default_focal(width, height)
        view = crop_view(width, height, subject.box, focal, SIZE)
        np.testing.assert_array_equal(warp(subject.pixels, view), crop.image)
        known = crop.joints2d[:, 2] > 0
        there = view.to_crop(subject.truth.joints2d[known, :2])
        np.testing.assert_allclose(there, crop.joints2d[known, :2], atol=0.05)
        if crop.joints3d is None:
            assert subject.truth.joints3d is None
        else:
            turned = subject.truth.joints3d[:, :3] @ view.rotation
            np.testing.assert_allclose(turned, crop.joints3d[:, :3], atol=1e-4)


@pytest.mark.parametrize("protocol", ["clean", "occ80"])
def test_a_synthetic_person_is_drawn_again_with_the_same_patch(protocol, tmp_path):
    table = write_table(tmp_path / "each.csv", protocol, synthetic_places(2, None, occluded=False))
    sampler = PeopleSampler(SEED, None, SPLIT, SIZE, unoccluded=True)
    sample = sampler.sample(1)
    case = make_case([sample], 1, PATCHES[protocol], sampler.materials.patch)
    subject = Subjects(SIZE).find(table, protocol, 1)
    np.testing.assert_array_equal(subject.pixels, case.images[0])
    view = crop_view(SIZE, SIZE, subject.box, subject.focal, SIZE)
    np.testing.assert_allclose(view.homography, np.eye(3), atol=1e-9)  # the crop is the photo
    assert view.focal == pytest.approx(float(sample.focal))
    np.testing.assert_array_equal(subject.truth.joints3d[:, :3], sample.joints)


def test_the_truth_of_films_falls_onto_the_picture(tmp_path):
    """Their cameras' principal points are not in the middle: 3D and 2D agree in the padded one."""
    write_calibration(tmp_path / "Calib_test.toml")
    write_trc(tmp_path / "P00_walk.trc", walk())
    for number, place in enumerate(CAMERAS.values(), 1):
        write_film(tmp_path / f"P00_cam0{number}.mp4", place)
    dataset = open_dataset("multiview", tmp_path)
    table = write_table(
        tmp_path / "each.csv", "multiview", places(dataset, range(len(dataset)), tmp_path)
    )
    subject = Subjects(SIZE).find(table, "multiview", 3)
    assert subject.pixels.shape == (243, 329, 3)  # of 240 by 320, the point at 118.5 and 155.5
    three, two = subject.truth.joints3d, subject.truth.joints2d
    known = (three[:, 3] > 0) & (two[:, 2] > 0)
    middle = np.array([329, 243]) / 2
    seen = three[known, :2] / three[known, 2:3] * subject.focal + middle
    np.testing.assert_allclose(seen, two[known, :2], atol=0.02)
    assert known.sum() >= 6
    dot = subject.pixels[tuple(np.round(two[1, 1::-1]).astype(int))]
    assert dot.min() > 150  # the film's white dot is at the left hip


def test_a_principal_point_is_brought_to_the_middle():
    photo = np.full((40, 60, 3), 9, np.uint8)
    padded, shift = centred(photo, np.array([50, 50, 20, 30], np.float32))
    assert (padded.shape, shift) == ((60, 80, 3), (20, 0))
    assert (padded[:40, 20:] == 9).all() and not padded[40:].any() and not padded[:, :20].any()
    assert centred(photo, None)[0] is photo
    with pytest.raises(UserError, match="far outside"):
        centred(photo, np.array([50, 50, 900, 30], np.float32))


def test_what_is_no_longer_there_is_told(tmp_path):
    _, table = photographed(tmp_path, "photos", write_photos)
    subjects = Subjects(SIZE)
    with pytest.raises(UserError, match=r"each.csv has no person 99 under 'photos'"):
        subjects.find(table, "photos", 99)
    with pytest.raises(UserError, match=r"each.csv has no person 0 under 'clean'"):
        subjects.find(table, "clean", 0)
    with pytest.raises(UserError, match="missing"):
        subjects.find(tmp_path / "none.csv", "photos", 0)
    text = table.read_text()
    table.write_text(text.replace("IMG 1.jpg", "IMG 7.jpg"))
    with pytest.raises(UserError, match="is not what was evaluated; evaluate again"):
        Subjects(SIZE).find(table, "photos", 1)
    table.write_text(text.replace(",photos,", ",fotos,"))
    with pytest.raises(UserError, match="no data set 'fotos'"):
        Subjects(SIZE).find(table, "photos", 1)


def test_people_whom_another_version_draws_are_refused(tmp_path):
    table = write_table(tmp_path / "each.csv", "clean", synthetic_places(1, None, occluded=False))
    lines = table.read_text().splitlines()
    table.write_text(
        "\n".join([lines[0], lines[1].replace(f",{SEED},{DRAWING_VERSION},", f",{SEED},1,")])
    )
    with pytest.raises(UserError, match="another version of nbf has drawn this person"):
        Subjects(SIZE).find(table, "clean", 0)
