"""The pictures of a validation show the predictions for people and photos."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from core.body.load import load_body
from core.errors import UserError
from core.io.images import load_image, save_image
from core.nbv.features import FeatureBank
from core.nbv.volume import NeuralBodyVolume
from core.nets.network import camera_from_translation
from core.pictures.panels import HEADER, MARGIN, PADDING, TITLE_ROW
from core.synth.shards import ShardDataset
from core.train.batches.batch import Batch
from core.train.batches.loader import in_order
from core.train.run.gallery import (
    Gallery,
    held_out_people,
    mean_distances,
    people_in_photos,
    predict,
)
from core.train.run.trainer import Trainer, TrainSettings

BANK = FeatureBank(
    torch.nn.functional.normalize(torch.randn(80, 4, 8), dim=-1),
    torch.zeros(8),
    torch.ones(()),
    torch.ones(()),
)


class Oracle(nn.Module):
    """Says the truth about a batch, or the truth with everybody a little to the right."""

    def __init__(self, batch: Batch, shift: float = 0.0) -> None:
        super().__init__()
        self.still = nn.Parameter(torch.zeros(1))
        self.batch, self.shift = batch, torch.tensor([shift, 0.0, 0.0])

    def forward(self, images: Tensor) -> SimpleNamespace:
        batch = self.batch
        assert torch.equal(images, batch.images)
        logits = torch.nn.functional.one_hot(batch.parts, 25).permute(0, 3, 1, 2).float()
        return SimpleNamespace(
            features=logits[:, :8],
            part_logits=logits,
            rotations=batch.rotations,
            betas=batch.betas,
            camera=camera_from_translation(batch.transl + self.shift, batch.focal, batch.size),
        )


@pytest.fixture(scope="module")
def batch(shards: ShardDataset) -> Batch:
    return next(iter(in_order(shards, [0, 4, 8])))


def test_the_same_people_each_time(shards: ShardDataset) -> None:
    first, second = held_out_people(shards, 3), held_out_people(shards, 3)
    assert [s.title for s in first] == ["held out 0", "held out 4", "held out 8"]
    for one, other in zip(first, second, strict=True):
        assert np.array_equal(one.image, other.image)
    assert len(held_out_people(shards, 99)) == 9


def test_bodies_are_compared_with_the_truth(shards: ShardDataset, batch: Batch) -> None:
    people = held_out_people(shards, 3)
    exact = predict(Oracle(batch), load_body(), people)
    assert max(view.distance for view in exact) < 0.01
    assert (exact[1].parts == batch.parts[1].numpy()).all()
    true = load_body().pose(batch.rotations, batch.betas, batch.transl).vertices.numpy()
    for i, view in enumerate(exact):
        np.testing.assert_allclose(view.vertices, true[i], atol=1e-4)
    beside = predict(Oracle(batch, shift=0.1), load_body(), people)
    pixels = float(batch.focal[0]) * 0.1 / 6.5
    assert mean_distances(people, beside)["held_out_px"] == pytest.approx(pixels, rel=0.05)


def test_only_scored_joints_count(shards: ShardDataset, batch: Batch) -> None:
    wrong = held_out_people(shards, 3)[1]
    wrong.joints[~wrong.scored] = 1e4
    people = held_out_people(shards, 3)
    people[1] = replace(wrong, photo=True)
    people[2] = replace(people[2], scored=torch.zeros(24, dtype=torch.bool))
    views = predict(Oracle(batch), load_body(), people)
    assert mean_distances(people, views) == pytest.approx(
        {"held_out_px": 0.0, "photos_px": 0.0}, abs=0.01
    )


def test_each_validation_writes_a_sheet(shards: ShardDataset, batch: Batch, tmp_path: Path) -> None:
    shown: list[tuple[int, np.ndarray]] = []
    gallery = Gallery(held_out_people(shards, 3), tmp_path)
    gallery.callbacks.append(lambda step, sheet: shown.append((step, sheet)))
    for step in (400, 800, 800):
        gallery(step, Oracle(batch), BANK)
    names = sorted(path.name for path in (tmp_path / "gallery").iterdir())
    assert names == ["step-0000400.png", "step-0000800.png"]
    assert [row["step"] for row in gallery.curves.rows] == [400, 800]
    assert (tmp_path / "gallery.csv").read_text().startswith("step,held_out_px")
    picture = cv2.imread(str(tmp_path / "gallery" / names[1]))[..., ::-1]
    assert np.array_equal(picture, shown[1][1])


def test_the_body_lies_over_the_person(shards: ShardDataset, batch: Batch, tmp_path: Path) -> None:
    person = held_out_people(shards, 3)[:1]
    one = Oracle(next(iter(in_order(shards, [0]))))
    aside = Oracle(one.batch, shift=50.0)
    shown: list[np.ndarray] = []
    gallery = Gallery(person, tmp_path)
    gallery.callbacks.append(lambda step, sheet: shown.append(sheet.astype(int)))
    gallery(1, one, BANK)
    gallery(1, aside, BANK)
    differs = (np.abs(shown[0] - shown[1]) > 10).any(-1)
    top = MARGIN + HEADER + PADDING + TITLE_ROW
    left = MARGIN + 3 * (200 + 2 * PADDING + MARGIN) + PADDING
    body = one.batch.parts[0].numpy().astype(np.uint8)
    parts = cv2.resize(body, (200, 200), interpolation=cv2.INTER_NEAREST) > 0
    tile = differs[top:][:200, left:][:, :200]
    assert (tile & parts).sum() > 0.9 * parts.sum()  # the splatted person has holes
    assert tile.sum() < 1.5 * parts.sum()
    assert not differs[:, : left - PADDING].any()  # the other three pictures


def test_photos(tmp_path: Path) -> None:
    save_image(tmp_path / "b.png", load_image("skimage:astronaut").pixels)
    save_image(tmp_path / "a.png", load_image("skimage:coffee").pixels)
    (tmp_path / "notes.txt").write_text("no photo")
    empty, astronaut = people_in_photos(tmp_path, 256)
    assert empty.title == "a: nobody found" and not empty.scored.any()
    assert astronaut.title == "b" and astronaut.scored[[16, 17]].all()  # her shoulders
    assert astronaut.image.shape == (256, 256, 3)
    left, right = astronaut.joints[[16, 17], 0].tolist()
    assert 0 < right < left < 256  # she looks at us


def test_the_first_photos_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (7, 3, 11, 0, 9, 4, 1, 8, 2, 10, 5, 6):
        (tmp_path / f"{number:02}.JPG").touch()
    monkeypatch.setattr("core.train.run.gallery._crop_person", lambda path, *_: path.stem)
    assert people_in_photos(tmp_path, 256) == [f"{number:02}" for number in range(8)]


def test_bad_photos_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no photos in"):
        people_in_photos(tmp_path, 256)
    with pytest.raises(UserError, match="no photos in"):
        people_in_photos(tmp_path / "nowhere", 256)
    (tmp_path / "a.jpg").write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"a\.jpg"):
        people_in_photos(tmp_path, 256)


@pytest.mark.slow
def test_a_trainer_tells_its_observers(
    shards: ShardDataset, volume: NeuralBodyVolume, tmp_path: Path
) -> None:
    settings = TrainSettings(steps=1, batch_size=2, bank_images=2)
    trainer = Trainer(settings, shards, shards, volume, tmp_path)
    told: list[int] = []
    trainer.observers.append(Gallery(held_out_people(shards, 2), tmp_path))
    trainer.observers.append(
        lambda step, network, bank: (
            told.append(step + bank.phi.shape[0]) if network is trainer.average.network else None
        )
    )
    trainer.run(lambda *_: None)
    assert told == [1 + 80]
    assert (tmp_path / "gallery" / "step-0000001.png").is_file()
