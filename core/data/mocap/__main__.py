"""Write the pose bank: ``python -m core.data.mocap FOLDER [OUT]``."""

from __future__ import annotations

import sys
from pathlib import Path

from core.assets import cache_dir
from core.body.load import load_body
from core.data.mocap.pose_bank import read_bank


def main(folder: Path, out: Path | None = None) -> None:
    """Read all motions below ``folder`` and write the bank, by default into the cache."""
    body = load_body()
    bank = read_bank(folder, (body.joint_regressor @ body.v_template).double().numpy())
    path = out or cache_dir() / "poses.npz"
    bank.save(path)
    print(f"{path}: {len(bank.pose)} poses, {int(bank.split.sum())} held out")


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:3]))
