"""The data mix of a run from a TOML file: sources, phases and ratios (docs/datasets.md).

Every file that the mix names is opened and checked here, so that a run cannot fail later because of
a file that was missing from the beginning.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from core.body.load import load_body
from core.datasets.check import photo_problems
from core.datasets.record import GENDERS, PhotoDataset
from core.datasets.registry import open_dataset
from core.datasets.training_sample import CropSettings, RestJoints, SmplBody
from core.errors import UserError
from core.io.files import printable, read_text, readable
from core.nbv.volume import NeuralBodyVolume
from core.synth.shards import ShardDataset
from core.train.batches.loader import Loader
from core.train.batches.mixture import Mixture, Phase, PhotoSource, ShardSource, Source

SHARDS = "shards"
"""Name of the source that needs no entry: the folder of --shards."""
OCCLUDERS = ("unknown", "none")
_MAX_BYTES = 1 << 20
_HELP = "docs/datasets.md has an example"
_SOURCE_KEYS = {"shards", "dataset", "folder", "split", "every", "occluders"}


@dataclass(frozen=True)
class Mix:
    """A file's sources and phases.

    Attributes:
        notes: a line for each source: its people, and which labels they have.
    """

    sources: tuple[Source, ...]
    phases: tuple[Phase, ...]
    steps: int | None
    notes: tuple[str, ...]

    def loader(self, loader: Loader) -> Mixture:
        """A loader of these sources, with the settings of one of shards alone."""
        return Mixture(**vars(loader), sources=self.sources, phases=self.phases, steps=self.steps)


def open_mix(
    path: Path,
    shards: ShardDataset,
    volume: NeuralBodyVolume,
    steps: int | None,
    body: Path | None = None,
) -> Mix:
    """Read the file and open everything in it.

    Args:
        shards: the run's shards: the source `SHARDS`, and the size of all crops.
        volume: of the trained body; on the CPU.
        steps: length of the run, None if it is not known.
        body: the user's neutral SMPL model, for people with SMPL's pose and betas.

    Raises:
        UserError: the file, or a file that it names, is missing, damaged or invalid; or there are
            several phases and the length of the run is not known. The message names the fix.
    """
    table = _read(path)
    _only(table, {"sources", "phases", "bodies"}, printable(path))
    phases = _phases(table.get("phases"), path)
    if len(phases) > 1 and steps is None:
        raise UserError("phases are shares of a run's steps: give --steps, not --minutes")
    tables = {SHARDS: None, **_table(table.get("sources", {}), f"{printable(path)}: sources")}
    used = _used(phases, set(tables), path)
    trained = RestJoints.of_volume(volume)
    size = shards[0].image.shape[0]
    settings = CropSettings(size, trained, _bodies(path, table.get("bodies", {}), body))
    opened = [_open(name, tables[name], path, shards, settings) for name in tables if name in used]
    sources, notes = zip(*opened, strict=True)
    return Mix(sources, phases, steps, notes)


def _used(phases: tuple[Phase, ...], names: set[str], path: Path) -> set[str]:
    """Sources with a ratio; every ratio needs a source, every source except `SHARDS` a ratio."""
    used = {name for phase in phases for name in phase.ratios}
    if used - names:
        message = f"ratio of {min(used - names)!r}, but the sources are {_listed(names)}"
        raise UserError(f"{printable(path)}: {message}")
    idle = names - used - {SHARDS}
    if idle:
        raise UserError(f"{printable(path)}: no phase uses source {min(idle)!r}; give it a ratio")
    return used


def _read(path: Path) -> dict[str, Any]:
    with readable(path, "TOML file of a mix", _HELP):
        return tomllib.loads(read_text(path, _MAX_BYTES))


def _only(table: Mapping[str, Any], keys: set[str], where: str) -> None:
    unknown = table.keys() - keys
    if unknown:
        raise UserError(f"{where}: unknown entry {min(unknown)!r}; known are {_listed(keys)}")


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names))


def _table(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UserError(f"{where} is not a table; {_HELP}")
    return value


def _phases(listed: object, path: Path) -> tuple[Phase, ...]:
    """The phases, with positive shares and ratios."""
    if not isinstance(listed, list) or not listed:
        raise UserError(f"{printable(path)} has no [[phases]]; {_HELP}")
    return tuple(
        _phase(
            _table(entry, f"{printable(path)}: phase {number}"),
            f"{printable(path)}: phase {number}",
        )
        for number, entry in enumerate(listed, 1)
    )


def _phase(entry: dict[str, Any], where: str) -> Phase:
    _only(entry, {"share", "ratios"}, where)
    ratios = _table(entry.get("ratios"), f"{where}: ratios")
    if not ratios:
        raise UserError(f"{where} has no ratios; {_HELP}")
    share = _positive(entry.get("share", 1), f"{where}: share")
    return Phase(
        share, {name: _positive(v, f"{where}: ratio of {name!r}") for name, v in ratios.items()}
    )


def _positive(value: object, where: str) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 < value < 1e300:  # type: ignore[operator]
        raise UserError(f"{where} is {value!r:.40}; it must be a positive number")
    return float(value)  # type: ignore[arg-type]


def _bodies(path: Path, bodies: object, neutral: Path | None) -> dict[str, SmplBody]:
    """The user's SMPL models by gender."""
    where = f"{printable(path)}: bodies"
    given = _table(bodies, where)
    _only(given, set(GENDERS), where)
    files = {gender: _path(path, given[gender], f"{where}: {gender}") for gender in given}
    files |= {"neutral": neutral} if neutral is not None else {}
    trained = load_body().topology
    models = {gender: load_body(file) for gender, file in files.items()}
    return {gender: SmplBody(body, body.topology == trained) for gender, body in models.items()}


def _path(file: Path, value: object, where: str) -> Path:
    """A path of the file, relative to the file's folder."""
    if not isinstance(value, str) or not value:
        raise UserError(f"{where} is {value!r}, not a path")
    return file.parent / Path(value).expanduser()


def _open(
    name: str,
    entry: object,
    path: Path,
    shards: ShardDataset,
    settings: CropSettings,
) -> tuple[Source, str]:
    """One source and its note."""
    if entry is None:
        return ShardSource(name, shards), _shards_note(name, shards)
    where = f"{printable(path)}: source {name!r}"
    table = _table(entry, where)
    _only(table, _SOURCE_KEYS, where)
    if "shards" in table:
        _only(table, {"shards"}, f"{where} of shards")
        own = ShardDataset(_path(path, table["shards"], f"{where}: shards"))
        _same_size(own, shards, where)
        return ShardSource(name, own), _shards_note(name, own)
    occluders = table.get("occluders", OCCLUDERS[0])
    if occluders not in OCCLUDERS:
        choices = " or ".join(map(repr, OCCLUDERS))
        raise UserError(f"{where}: occluders is {occluders!r}; say {choices}")
    dataset = _dataset(table, path, where)
    chosen = replace(settings, unoccluded=occluders == "none")
    useful = _useful(dataset)
    if not useful.any():
        raise UserError(f"{where} labels neither poses nor SMPL's joints; leave it out")
    dataset = dataset.select(useful)
    problems = photo_problems(dataset)
    if problems:
        raise UserError(f"{where}: {problems[0]}; get them again, or see nbf data")
    return PhotoSource(name, dataset, chosen), describe(name, dataset, chosen)


def _dataset(table: dict[str, Any], path: Path, where: str) -> PhotoDataset:
    """Open the data set of a source."""
    kind, split, every = table.get("dataset"), table.get("split"), table.get("every", 1)
    if not isinstance(kind, str):
        raise UserError(f"{where} names neither a dataset nor shards; {_HELP}")
    if not isinstance(split, str | None):
        raise UserError(f"{where}: split is {split!r}, not a text")
    if not isinstance(every, int):
        raise UserError(f"{where}: every is {every!r}, not a whole number")
    folder = _path(path, table.get("folder"), f"{where}: folder")
    try:
        return open_dataset(kind, folder, split).every(every)
    except UserError as error:
        raise UserError(f"{where}: {error}") from error


def _same_size(own: ShardDataset, shards: ShardDataset, where: str) -> None:
    sizes = [data[0].image.shape[0] for data in (own, shards)]
    if sizes[0] != sizes[1]:
        raise UserError(f"{where} has crops of {sizes[0]} px, --shards of {sizes[1]} px")


def _useful(dataset: PhotoDataset) -> Bool[np.ndarray, " people"]:
    """People with at least one label that a loss uses."""
    return dataset.has("pose") | dataset.has("joints2d") | dataset.has("joints3d")


def _shards_note(name: str, shards: ShardDataset) -> str:
    return f"{name}: {len(shards)} synthetic people, fully labelled"


def describe(name: str, dataset: PhotoDataset, settings: CropSettings) -> str:
    """A source's note: for which share of its people each label is known."""
    bodies = _has_body(dataset, settings)
    own = bodies & _is_trained(dataset, settings)
    placed = dataset.placed & dataset.has("joints3d")
    drawable = bodies & _can_be_placed(dataset)
    known = {
        "2D joints": dataset.has("joints2d") | drawable,
        "3D joints": dataset.has("joints3d") | bodies,
        "pose": dataset.has("pose"),
        "betas": own,
        "place": placed | drawable,
        "parts": drawable,
        "kernels": drawable & settings.unoccluded,
    }
    shares = {what: float(which.mean()) for what, which in known.items()}
    labelled = ", ".join(f"{what} of {share:.0%}" for what, share in shares.items() if share)
    missing = ", ".join(what for what, share in shares.items() if not share)
    parts = [f"{name}: {len(dataset)} people of {dataset.name}", f"labels: {labelled}"]
    parts += [f"none: {missing}"] if missing else []
    lost = int((dataset.has("pose") & dataset.has("betas") & ~bodies).sum())
    parts += [f"{lost} have SMPL's betas, but their SMPL file is not given"] if lost else []
    return "; ".join([*parts, *dataset.notes])


def _has_body(dataset: PhotoDataset, settings: CropSettings) -> Bool[np.ndarray, " people"]:
    """People with a pose, betas and an SMPL file: their SMPL body can be posed."""
    given = np.array([gender in settings.bodies for gender in _genders(dataset)], bool)
    return dataset.has("pose") & dataset.has("betas") & given


def _is_trained(dataset: PhotoDataset, settings: CropSettings) -> Bool[np.ndarray, " people"]:
    own = {gender for gender, body in settings.bodies.items() if body.is_trained}
    return np.array([gender in own for gender in _genders(dataset)], bool)


def _genders(dataset: PhotoDataset) -> list[str]:
    return [gender or "neutral" for gender in dataset.genders or [None] * len(dataset)]


def _can_be_placed(dataset: PhotoDataset) -> Bool[np.ndarray, " people"]:
    """People with a translation, or with 2D joints to estimate it from."""
    known = [dataset.has(name) for name in ("transl", "weak_camera", "joints2d")]
    return np.any([*known, dataset.placed & dataset.has("joints3d")], axis=0)
