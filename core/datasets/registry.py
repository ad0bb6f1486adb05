"""Data sets by name: the files that each needs, and the function that opens it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.datasets.bedlam import open_bedlam
from core.datasets.coco import open_photos
from core.datasets.eft import open_eft
from core.datasets.files import FIX, HELP, Npz, relative_photo_path, require_file, require_folder
from core.datasets.human_data import open_human_data
from core.datasets.mpi_inf_3dhp import open_mpi_inf_3dhp
from core.datasets.multiview import open_multiview
from core.datasets.oh50k import open_3doh50k
from core.datasets.pw3d import open_3dpw, open_3dpw_occ
from core.datasets.record import Frame, PhotoDataset
from core.datasets.spin import open_spin
from core.errors import UserError
from core.io.files import printable, readable

_SPIN = "with SPIN's fetch_data.sh"
_EFT = "with EFT's scripts/download_eft.sh"

Opener = Callable[[Path, str], PhotoDataset]


@dataclass(frozen=True)
class DatasetKind:
    """A data set that can be opened by name.

    Attributes:
        title: one line that describes it.
        splits: the first is the default; empty if the split is the stem of a file.
        open: called with the folder and the split.
    """

    title: str
    splits: tuple[str, ...]
    open: Opener


def open_dataset(name: str, folder: Path, split: str | None = None) -> PhotoDataset:
    """The people of a data set.

    Args:
        name: one of `DATASETS`.
        folder: the data set's folder, laid out as ``docs/datasets.md`` says.
        split: one of the data set's splits, else its first.

    Raises:
        UserError: no such data set or split; a file is missing or damaged (the line names it).
    """
    if name not in DATASETS:
        raise UserError(f"no data set {name!r}; there are {', '.join(DATASETS)}")
    kind = DATASETS[name]
    if split is not None and kind.splits and split not in kind.splits:
        raise UserError(f"{name} has no split {split!r}; there are {', '.join(kind.splits)}")
    chosen = split or (kind.splits[0] if kind.splits else "")
    folder = Path(folder).expanduser()
    with readable(folder, f"folder of {name}", FIX):
        dataset = kind.open(folder, chosen)
    if not len(dataset):
        raise UserError(f"{name} ({dataset.split}) in {printable(folder)} holds no people; {HELP}")
    return dataset


def _spin(name: str, files: dict[str, tuple[str, ...]], frame: Frame) -> Opener:
    """SPIN's files of one data set, by split."""

    def open_(folder: Path, split: str) -> PhotoDataset:
        path = require_file(folder, files[split], name, _SPIN)
        return open_spin(path, folder, name, split, frame)

    return open_


@dataclass(frozen=True)
class _EftFiles:
    """One of EFT's files.

    Attributes:
        fits: names of the file, the newest release's first.
        photos: folder of the photos.
    """

    fits: tuple[str, ...]
    photos: str = ""

    @property
    def annotations(self) -> str:
        """COCO's own json of these photos."""
        return f"annotations/person_keypoints_{self.photos}.json"


def _eft(name: str, files: dict[str, _EftFiles]) -> Opener:
    """EFT's files of one data set, by split."""

    def open_(folder: Path, split: str) -> PhotoDataset:
        wanted = files[split]
        candidates = [place + fits for fits in wanted.fits for place in ("", "eft_fit/")]
        path = require_file(folder, candidates, name, _EFT)
        coco = folder / wanted.annotations if name == "coco-eft" else None
        return open_eft(path, folder, name, split, wanted.photos, coco)

    return open_


def _coco(folder: Path, split: str) -> PhotoDataset:
    """COCO itself: annotated 2D points."""
    candidates = [f"annotations/person_keypoints_{split}.json", f"person_keypoints_{split}.json"]
    path = require_file(folder, candidates, "coco", "from cocodataset.org")
    photos = folder / split
    return open_photos(folder, "coco", split, path, photos if photos.is_dir() else folder)


def _photos(folder: Path, split: str) -> PhotoDataset:
    return open_photos(folder, split=split)


def _any_npz(name: str, key: str, open_: Callable[[Path, Path, str, str], PhotoDataset]) -> Opener:
    """Files of any name; the split is the stem, needed where there are several."""

    def opener(folder: Path, split: str) -> PhotoDataset:
        path = _find_npz(folder, split, name)
        return open_(path, _photo_root(path, key, name), name, path.stem)

    return opener


def _find_npz(folder: Path, split: str, name: str) -> Path:
    if folder.is_file():
        return folder
    require_folder(folder, name)
    found = {path.stem: path for path in sorted(folder.glob("*.npz"))}
    if split in found:
        return found[split]
    names = ", ".join(list(found)[:8]) or "none"
    if split:
        raise UserError(f"{printable(folder / split)}.npz is missing; there are {names}")
    if len(found) != 1:
        raise UserError(
            f"{printable(folder)} has {len(found)} npz files ({names}); name one: --split"
        )
    return next(iter(found.values()))


def _photo_root(path: Path, key: str, name: str) -> Path:
    """The folder, in or below the file's, that has the first photo; the file's own if none has."""
    photos = Npz(path, f"{name} npz").texts(key)
    if not photos:
        raise UserError(f"{printable(path)} holds no people")
    first = relative_photo_path(photos[0], printable(path))
    folder = path.parent
    candidates = (folder, folder / "images", folder / path.stem, folder / path.stem / "png")
    return next((root for root in candidates if (root / first).is_file()), folder)


def _open_spin(path: Path, root: Path, name: str, split: str) -> PhotoDataset:
    return open_spin(path, root, name, split)


DATASETS: dict[str, DatasetKind] = {
    "photos": DatasetKind("Your own folder of photos with COCO keypoints", ("all",), _photos),
    "multiview": DatasetKind(
        "Films of calibrated cameras with 3D points, as Pose2Sim lays them out",
        ("all",),
        open_multiview,
    ),
    "coco": DatasetKind(
        "COCO's annotated keypoints",
        ("train2017", "val2017", "train2014", "val2014"),
        _coco,
    ),
    "coco-eft": DatasetKind(
        "COCO 2014 with SMPL bodies fitted by EFT",
        ("train", "train-part", "val"),
        _eft(
            "coco-eft",
            {
                "train": _EftFiles(("COCO2014-All-ver01.json",), "train2014"),
                "train-part": _EftFiles(("COCO2014-Part-ver01.json",), "train2014"),
                "val": _EftFiles(("COCO2014-Val-ver10.json",), "val2014"),
            },
        ),
    ),
    "mpii-eft": DatasetKind(
        "MPII with SMPL bodies fitted by EFT",
        ("train",),
        _eft("mpii-eft", {"train": _EftFiles(("MPII_ver01.json",), "images")}),
    ),
    "lspet-eft": DatasetKind(
        "LSP Extended with SMPL bodies fitted by EFT",
        ("train", "test"),
        _eft(
            "lspet-eft",
            {
                "train": _EftFiles(("LSPet_train_ver10.json", "LSPet_ver01.json")),
                "test": _EftFiles(("LSPet_test_ver10.json",)),
            },
        ),
    ),
    "coco-spin": DatasetKind(
        "COCO 2014 in SPIN's npz",
        ("train",),
        _spin("coco-spin", {"train": ("coco_2014_train.npz",)}, "crop"),
    ),
    "lsp": DatasetKind(
        "Leeds Sports Pose in SPIN's npz",
        ("train", "test"),
        _spin(
            "lsp",
            {"train": ("lsp_dataset_original_train.npz",), "test": ("lsp_dataset_test.npz",)},
            "crop",
        ),
    ),
    "lspet": DatasetKind(
        "LSP Extended in SPIN's npz",
        ("train",),
        _spin("lspet", {"train": ("hr-lspet_train.npz",)}, "crop"),
    ),
    "mpii": DatasetKind(
        "MPII in SPIN's npz",
        ("train",),
        _spin("mpii", {"train": ("mpii_train.npz",)}, "crop"),
    ),
    "h36m": DatasetKind(
        "Human3.6M in SPIN's npz",
        ("train", "protocol1", "protocol2"),
        _spin(
            "h36m",
            {
                "train": ("h36m_train.npz", "h36m_mosh_train.npz"),
                "protocol1": ("h36m_valid_protocol1.npz",),
                "protocol2": ("h36m_valid_protocol2.npz",),
            },
            "camera",
        ),
    ),
    "mpi-inf-3dhp": DatasetKind(
        "MPI-INF-3DHP in SPIN's npz",
        ("train", "test"),
        _spin(
            "mpi-inf-3dhp",
            {
                "train": ("mpi_inf_3dhp_train.npz",),
                "test": ("mpi_inf_3dhp_valid.npz", "mpi_inf_3dhp_test.npz"),
            },
            "camera",
        ),
    ),
    "mpi-inf-3dhp-raw": DatasetKind(
        "MPI-INF-3DHP's training part as distributed", ("train",), open_mpi_inf_3dhp
    ),
    "3dpw": DatasetKind("3DPW as distributed", ("test", "train", "validation"), open_3dpw),
    "3dpw-occ": DatasetKind("The occluded scenes of 3DPW", ("all",), open_3dpw_occ),
    "3doh50k": DatasetKind("3DOH50K as distributed", ("test", "train"), open_3doh50k),
    "spin": DatasetKind("Any npz of SPIN's kind", (), _any_npz("spin", "imgname", _open_spin)),
    "human-data": DatasetKind(
        "Any HumanData npz of mmhuman3d", (), _any_npz("human-data", "image_path", open_human_data)
    ),
    "agora": DatasetKind("AGORA in BEDLAM's npz", (), _any_npz("agora", "imgname", open_bedlam)),
    "bedlam": DatasetKind("A scene of BEDLAM", (), _any_npz("bedlam", "imgname", open_bedlam)),
}
"""Every data set by its name."""
