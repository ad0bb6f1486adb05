"""Write the pose bank to the cache: ``python -m core.mocap --data DIR``.

Reads the recordings below DIR/mocap (see `core.mocap.pose_bank.motions`).
"""

from __future__ import annotations

from pathlib import Path

import tyro

from core.assets import cache_dir, data_dir
from core.body.load import load_body
from core.errors import UserError
from core.mocap.pose_bank import read_bank


def main(data: str | None = None, out: Path | None = None) -> None:
    """Read all motions of the data folder and write the pose bank.

    Args:
        data: the data folder; by default $NBF_DATA.
        out: where to write; by default poses.npz in the cache.
    """
    folder = data_dir(data)
    if folder is None:
        raise UserError("the pose bank needs the data folder: pass --data DIR or set NBF_DATA")
    body = load_body()
    bank = read_bank(folder / "mocap", (body.joint_regressor @ body.v_template).double().numpy())
    path = out or cache_dir() / "poses.npz"
    bank.save(path)
    for kind, count in bank.counts.items():
        print(
            f"{kind}: {count.sequences} sequences, {count.frames} frames, {count.broken} broken, "
            f"{count.kept} kept"
        )
    print(f"{path}: {len(bank.pose)} poses, {int(bank.split.sum())} held out")


if __name__ == "__main__":
    tyro.cli(main)
