"""Mixtures: ratios, repeatable steps, shares of processes, and errors in the file."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from core import cli
from core.assets import asset_path
from core.body.names import JOINT_NAMES
from core.datasets.check import photo_problems
from core.errors import UserError
from core.nbv.volume import NeuralBodyVolume
from core.synth.shards import ShardDataset
from core.train.batches.augment import AugmentSettings
from core.train.batches.batch import UNKNOWN_PART, Batch
from core.train.batches.loader import Loader
from core.train.batches.mix_file import Mix, open_mix
from core.train.batches.mixture import Mixture, Phase
from core.train.distributed import SINGLE_PROCESS
from core.train.run.trainer import Trainer, TrainSettings
from tests.datasets import writers
from tests.datasets.world import make_world
from tests.preloaded import command, run
from tests.train.distributed_steps import train
from tests.train.people import write_shard
from tests.train.test_distributed import train_together

ROOT = Path(__file__).parents[2]
TOML = """
[sources.mine]
dataset = "photos"
folder = "photos"

[sources.captured]
dataset = "3dpw"
folder = "3dpw"
occluders = "none"

[bodies]
male = "smpl.npz"
female = "smpl.npz"

[[phases]]
share = 60
ratios = { shards = 50, mine = 20, captured = 30 }

[[phases]]
share = 40
ratios = { mine = 1, captured = 1 }
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two small data sets, an SMPL file and a mix of them."""
    folder, world = tmp_path_factory.mktemp("mix"), make_world()
    writers.write_photos(folder / "photos", world)
    writers.write_3dpw(folder / "3dpw", world)
    with np.load(asset_path("body/freebody.npz"), allow_pickle=False) as file:
        np.savez(folder / "smpl.npz", **{k: file[k] for k in file.files if k != "topology"})
    (folder / "mix.toml").write_text(TOML)
    return folder


@pytest.fixture(scope="module")
def mix(place: Path, shards: ShardDataset, volume: NeuralBodyVolume) -> Mix:
    return open_mix(place / "mix.toml", shards, volume, 100)


@pytest.fixture
def mixture(mix: Mix, shards: ShardDataset, volume: NeuralBodyVolume) -> Mixture:
    return mix.loader(Loader(shards, volume, 10, AugmentSettings(), seed=3))


class Crowd:
    """A source of which only the size matters."""

    def __init__(self, name: str, size: int) -> None:
        self.name, self.size = name, size

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int):
        raise AssertionError("nobody is drawn")


def crowds(phases: list[Phase], steps: int | None, batch: int = 12, seed: int = 0) -> Mixture:
    sources = tuple(Crowd(name, size) for name, size in [("a", 50), ("b", 7), ("c", 1000)])
    settings = AugmentSettings()
    return Mixture(None, None, batch, settings, seed, "cpu", 0, 1, sources, tuple(phases), steps)


@pytest.mark.parametrize("batch", [1, 7, 12])
def test_ratios_hold_in_each_batch_and_in_the_run(batch: int) -> None:
    ratios = {"a": 50, "b": 20, "c": 30}
    mixture = crowds([Phase(1, ratios)], None, batch)
    counts = np.array(
        [
            [Counter(pick.source for pick in mixture.picks(step))[s] for s in range(3)]
            for step in range(60)
        ]
    )
    exact = batch * np.array([0.5, 0.2, 0.3])
    assert (counts.sum(1) == batch).all()
    assert (np.abs(counts - exact) <= 1 + 1e-9).all()
    assert (np.abs(counts.sum(0) - 60 * exact) < 3).all()


def test_rows_are_shuffled() -> None:
    mixture = crowds([Phase(1, {"a": 1, "b": 1, "c": 1})], None)
    rows = np.array([[pick.source for pick in mixture.picks(step)] for step in range(40)])
    assert ((rows == 0).mean(0) > 0.1).all()


def test_each_phase_has_its_share_and_ratios() -> None:
    phases = [Phase(3, {"a": 1}), Phase(1, {"b": 1, "c": 3})]
    mixture = crowds(phases, 20)
    shown = [{pick.source for pick in mixture.picks(step)} for step in range(24)]
    assert all(names == {0} for names in shown[:15])
    assert all(names == {1, 2} for names in shown[15:])  # also where batches are made ahead
    assert mixture.composition == [{"a": 1.0, "b": 0.0, "c": 0.0}, {"a": 0.0, "b": 0.25, "c": 0.75}]
    last = mixture.for_final_tuning(9)
    assert {pick.source for pick in last.picks(0)} == {1, 2} and last.seed == 9


def test_everybody_is_drawn_once_a_pass_across_phases() -> None:
    phases = [Phase(1, {"a": 1, "b": 2}), Phase(1, {"a": 2, "b": 1, "c": 0.5})]
    mixture = crowds(phases, 30)
    picks = [
        pick for step in range(30) for pick in sorted(mixture.picks(step), key=lambda p: p.draw)
    ]
    for source in range(3):
        draws = [pick.draw for pick in picks if pick.source == source]
        assert draws == list(range(len(draws))) and draws


def test_a_source_is_shuffled_anew_each_time_through(mixture: Mixture, monkeypatch) -> None:
    seen: list[int] = []
    source = Crowd("b", 7)
    monkeypatch.setattr(Crowd, "__getitem__", lambda self, index: seen.append(index) or 1 / 0)
    lonely = replace(mixture, sources=(source,), phases=(Phase(1, {"b": 1}),), batch_size=7)
    for step in range(3):
        for pick in sorted(lonely.picks(step), key=lambda pick: pick.draw):
            with pytest.raises(ZeroDivisionError):
                lonely._augmented(pick, None)
    passes = [seen[7 * i : 7 * i + 7] for i in range(3)]
    assert all(sorted(p) == list(range(7)) for p in passes)
    assert passes[0] != passes[1] != passes[2]


def tensors(batch: Batch) -> dict[str, torch.Tensor]:
    """All tensors of a batch that no trunk was cached for, by name."""
    found = vars(batch) | vars(batch.supervision)
    return {name: value for name, value in found.items() if isinstance(value, torch.Tensor)}


def same(one: Batch, two: Batch) -> bool:
    tables = [tensors(batch) for batch in (one, two)]
    return all(torch.equal(value, tables[1][name]) for name, value in tables[0].items())


def test_same_step_same_batch(mixture: Mixture) -> None:
    assert same(mixture.batch(5), mixture.batch(5))
    stream = mixture.batches(4)
    next(stream)
    assert same(next(stream), mixture.batch(5))
    assert not torch.equal(mixture.batch(5).images, replace(mixture, seed=4).batch(5).images)


def test_shares_make_the_batch(mixture: Mixture) -> None:
    whole = mixture.batch(3)
    shares = [replace(mixture, rank=i, world_size=2).batch(3) for i in range(2)]
    assert [len(share.images) for share in shares] == [5, 5]
    for name, value in tensors(whole).items():
        assert torch.equal(value, torch.cat([tensors(share)[name] for share in shares])), name


def test_batches_carry_their_supervision(mixture: Mixture) -> None:
    batch, supervision = mixture.batch(0), mixture.batch(0).supervision
    sources = [pick.source for pick in mixture.picks(0)]
    names = [mixture.sources[source].name for source in sources]
    assert Counter(names) == {"shards": 5, "mine": 2, "captured": 3}
    rows = {name: [i for i, n in enumerate(names) if n == name] for name in set(names)}
    assert supervision.shape[rows["shards"]].all() and supervision.kernels[rows["shards"]].all()
    mine, captured = rows["mine"], rows["captured"]
    assert not (supervision.pose | supervision.place | supervision.parts | supervision.occluder)[
        mine
    ].any()
    assert (batch.parts[mine] == UNKNOWN_PART).all() and (
        supervision.joints3d[mine, :, 3] == 0
    ).all()
    assert (supervision.joints2d[mine, :, 2] > 0).any(1).all()
    assert not supervision.shape[captured].any() and supervision.kernels[captured].all()
    assert all(torch.isfinite(t).all() for t in (batch.transl, batch.images, supervision.joints2d))


def test_notes_list_the_labels(mix: Mix, place: Path, shards, volume) -> None:
    notes = dict(zip([source.name for source in mix.sources], mix.notes, strict=True))
    assert "fully labelled" in notes["shards"]
    assert notes["mine"].startswith("mine: 3 people of photos; labels: 2D joints of 100%; none: 3D")
    assert "kernels of 100%" in notes["captured"] and "none: betas" in notes["captured"]
    (place / "no-body.toml").write_text(TOML.replace('male = "smpl.npz"', "").replace("fe", ""))
    bare = open_mix(place / "no-body.toml", shards, volume, 100).notes[2]
    assert "3 have SMPL's betas, but their SMPL file is not given" in bare
    assert "none: betas, parts, kernels" in bare and "place of 100%" in bare


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ('dataset = "photos"', 'dataset = "fotos"', "no data set 'fotos'"),
        ('folder = "photos"', 'folder = "nowhere"', "nowhere is not a folder"),
        ('folder = "photos"', "", "folder is None, not a path"),
        ('dataset = "photos"', "", "names neither a dataset nor shards"),
        ('folder = "photos"', 'folder = "photos"\nsplat = 1', "unknown entry 'splat'"),
        ('occluders = "none"', 'occluders = "few"', "say 'unknown' or 'none'"),
        ('folder = "3dpw"', 'folder = "3dpw"\nevery = 0', "every 0-th frame"),
        ('folder = "3dpw"', 'folder = "3dpw"\nsplit = "night"', "no split 'night'"),
        ('male = "smpl.npz"', 'male = "none.pkl"', "none.pkl"),
        ('male = "smpl.npz"', 'child = "smpl.npz"', "unknown entry 'child'"),
        ("share = 60", "share = -1", "phase 1: share is -1"),
        ("shards = 50", "shards = true", "ratio of 'shards' is True"),
        ("mine = 20", "yours = 20", "ratio of 'yours'"),
        ("mine = 20", "", "not a readable TOML file"),
        ("ratios = { mine = 1, captured = 1 }", "", "phase 2: ratios is not a table"),
        ("ratios = { mine = 1, captured = 1 }", "ratios = {}", "phase 2 has no ratios"),
        (
            "[sources.mine]",
            "[sources.idle]\nshards = 'x'\n[sources.mine]",
            "no phase uses source 'idle'",
        ),
        ("[[phases]]", "[[fazes]]", "unknown entry 'fazes'"),
    ],
)
def test_a_wrong_file_is_named(before, after, reason, place, shards, volume, tmp_path) -> None:
    text = TOML.replace(before, after)
    assert text != TOML
    path = place / "wrong.toml"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        open_mix(path, shards, volume, 100)
    assert reason in str(caught.value) and "\n" not in str(caught.value)


def test_phases_need_steps(place, shards, volume) -> None:
    with pytest.raises(UserError, match="--steps, not --minutes"):
        open_mix(place / "mix.toml", shards, volume, None)
    with pytest.raises(UserError, match=r"none\.toml is missing"):
        open_mix(place / "none.toml", shards, volume, 100)


@pytest.mark.parametrize("damage", ["missing", "cut", "foreign"])
def test_a_photo_that_cannot_be_read_is_named_before_the_first_step(
    damage, shards, volume, tmp_path, monkeypatch
) -> None:
    unlucky = partial(photo_problems, decode=0)  # it is none of those that are opened
    monkeypatch.setattr("core.train.batches.mix_file.photo_problems", unlucky)
    writers.write_photos(tmp_path / "photos", make_world())
    photo = tmp_path / "photos" / "IMG 1.jpg"
    content = {"cut": photo.read_bytes()[:-400], "foreign": b"no photo at all"}
    photo.unlink() if damage == "missing" else photo.write_bytes(content[damage])
    text = '[sources.mine]\ndataset = "photos"\nfolder = "photos"\n[[phases]]\nratios.mine = 1'
    (tmp_path / "mix.toml").write_text(text)
    with pytest.raises(UserError, match=r"source 'mine': .*IMG 1\.jpg.*; get them again"):
        open_mix(tmp_path / "mix.toml", shards, volume, 100)


def test_shards_may_be_a_source_of_another_folder(tmp_path, shards, volume) -> None:
    write_shard(tmp_path / "more" / "shard-00000", 2, seed=8)
    text = '[sources.more]\nshards = "more"\n[[phases]]\nratios = { more = 1 }'
    (tmp_path / "mix.toml").write_text(text)
    mix = open_mix(tmp_path / "mix.toml", shards, volume, None)
    batch = mix.loader(Loader(shards, volume, 2, AugmentSettings(), 0)).batch(0)
    assert batch.supervision.kernels.all()
    write_shard(tmp_path / "more" / "shard-00000", 2, size=128)
    with pytest.raises(UserError, match="crops of 128 px, --shards of 256"):
        open_mix(tmp_path / "mix.toml", shards, volume, None)


@pytest.mark.slow
def test_photos_move_a_network_that_synthetic_people_would_not(
    place, shards, volume, tmp_path
) -> None:
    """Two steps on one's own photos alone: their 2D joints, and nothing else, have a loss."""
    text = '[sources.mine]\ndataset = "photos"\nfolder = "photos"\n[[phases]]\nratios.mine = 1'
    (place / "alone.toml").write_text(text)
    settings = TrainSettings(steps=4, batch_size=2, warmup=1, decay=0.5)
    trainer = Trainer(settings, shards, shards, volume, tmp_path)
    trainer.loader = open_mix(place / "alone.toml", shards, volume, 4).loader(trainer.loader)
    before = trainer.bank.phi.clone()
    losses = [trainer.update(trainer.loader.batch(step)) for step in range(2)]
    for row in losses:
        assert row["keypoints2d"] > 0
        silent = ("keypoints3d", "pose", "betas", "camera", "parts", "kernel", "orientation", "nll")
        assert {row[name] for name in silent} == {0.0}
    assert torch.equal(trainer.bank.phi, before)  # no kernel is known to be visible
    assert all(torch.isfinite(value).all() for value in trainer.network.state_dict().values())


@pytest.mark.slow
def test_two_processes_compute_the_result_of_one(place: Path, tmp_path: Path) -> None:
    """The same for a mixed batch of partially labelled people."""
    pytest.importorskip("lightning_fabric")
    people, mix = tmp_path / "people", place / "mix.toml"
    write_shard(people / "shard-00000", 6, seed=2)
    train_together(people, tmp_path, mix)
    one = train(people, tmp_path, SINGLE_PROCESS, mix)
    first = torch.load(tmp_path / "0.pt", weights_only=True)
    for part, tensors in one.items():
        for name, value in tensors.items():
            close = torch.allclose(first[part][name], value, rtol=1e-7, atol=1e-8)
            assert close, (part, name, (first[part][name] - value).abs().max())


@pytest.mark.slow
def test_the_command_trains_on_photos_and_exports(place: Path, tmp_path: Path) -> None:
    write_shard(tmp_path / "shards" / "shard-00000", 4, seed=2)
    words = ["train", "--device", "cpu", "--steps", "2", "--batch-size", "4"]
    words += ["--head-images", "0", "--bank-images", "2"]
    words += ["--mix", place / "mix.toml", "--out", tmp_path / "run"]
    words += [f"--{name}={tmp_path / 'shards'}" for name in ("shards", "held-out")]
    (done,) = run((command, words, {}))
    assert done.returncode == 0, done.stderr[-3000:]
    assert "mine: 3 people of photos; labels: 2D joints" in done.stderr
    assert (tmp_path / "run" / "frozen.safetensors").is_file()


def test_bad_input_ends_with_2(place: Path, tmp_path: Path, capsys) -> None:
    write_shard(tmp_path / "shards" / "shard-00000", 1)
    folders = [f"--{name}={tmp_path / 'shards'}" for name in ("shards", "held-out")]
    options = ["train", *folders, "--out", str(tmp_path / "run"), "--steps", "2"]
    options += ["--batch-size", "1"]
    assert cli.main([*options, "--mix", str(place / "nothing.toml")]) == 2
    assert "is missing" in capsys.readouterr().err
    assert cli.main([*options, "--body", str(place / "smpl.npz")]) == 2
    assert "--body is for the people of --mix" in capsys.readouterr().err


def test_hidden_joints_count_half(mixture: Mixture) -> None:
    sample = mixture.sources[1][0]
    assert sample.joints2d[JOINT_NAMES.index("l_wrist"), 2] == 0.5
