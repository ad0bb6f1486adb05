"""Build the wardrobe in the cache: ``python -m tools.wardrobe --data DIR``.

Reads MakeHuman's CC0 clothes below DIR/makehuman and the base mesh that ``tools.freebody`` writes
to the cache; writes one npz per item. Nothing of it is committed.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import cv2
import numpy as np
import tyro

from core.assets import cache_dir, data_dir
from core.body.load import load_body
from core.errors import UserError
from core.io.atomic import write_atomic
from core.render.shade.render import vertex_normals
from tools.wardrobe.fit import BaseMesh, fit, hidden_faces, push_out_of_skin
from tools.wardrobe.mhclo import diffuse_texture, read_binding, read_obj
from tools.wardrobe.opacity import keep_opaque

PLAIN = np.full((8, 8, 3), 150, np.uint8)  # texture of items without a picture in the data folder


def kind_of(path: Path) -> str:
    """The kind of an item, by its folder: hair, shoes, hat or suit."""
    if path.parent.parent.name == "hair":
        return "hair"
    kinds = {"shoes": "shoes", "fedora": "hat"}
    return next((kind for name, kind in kinds.items() if path.parent.name.startswith(name)), "suit")


def build_item(path: Path, base: BaseMesh) -> dict[str, np.ndarray]:
    """The arrays of one item (see `core.synth.dressing.wardrobe.Garment`)."""
    body = load_body()
    body_vertices, body_faces = body.v_template.numpy(), body.faces.numpy().astype(np.int32)
    binding = read_binding(path)
    faces, corner_uv = read_obj(path.parent / binding.obj_file)
    fitted = fit(binding, base)
    if kind_of(path) != "hair":
        fitted = push_out_of_skin(fitted, body_vertices, vertex_normals(body_vertices, body_faces))
    texture, alpha = _read_picture(diffuse_texture(path.parent / binding.material))
    vertices, shapedirs, weights = fitted.vertices, fitted.shapedirs, fitted.weights
    if alpha is not None and kind_of(path) == "hair":
        columns = np.concatenate([vertices, shapedirs.reshape(len(vertices), -1), weights], 1)
        columns, faces, corner_uv = keep_opaque(columns, faces, corner_uv, alpha)
        vertices, shapedirs, weights = columns[:, :3], columns[:, 3:33], columns[:, 33:]
        shapedirs = shapedirs.reshape(-1, 3, 10)
    return {
        "vertices": vertices,
        "shapedirs": shapedirs,
        "weights": weights,
        "faces": faces,
        "corner_uv": corner_uv,
        "texture": texture,
        "hidden": hidden_faces(binding.deleted, body_vertices, body_faces, base),
        "kind": np.array(kind_of(path)),
    }


def _read_picture(path: Path | None) -> tuple[np.ndarray, np.ndarray | None]:
    """RGB and, where the picture has one, alpha in 0..1."""
    if path is None:
        return PLAIN, None
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise UserError(f"{path} is not a readable picture; copy it again")
    alpha = picture[..., 3] / np.float32(255) if picture.shape[2] == 4 else None
    return np.ascontiguousarray(picture[..., 2::-1]), alpha


def _save(item: dict[str, np.ndarray], file: Path) -> None:
    np.savez_compressed(file, allow_pickle=False, **item)


def main(data: str | None = None) -> None:
    """Fit every garment of the data folder to the embedded body."""
    folder = data_dir(data)
    if folder is None:
        raise UserError("the wardrobe needs the data folder: pass --data DIR or set NBF_DATA")
    base = BaseMesh.load(cache_dir() / "base_mesh.npz")
    for path in sorted(folder.glob("makehuman/*/*/*.mhclo")):
        item = build_item(path, base)
        target = cache_dir() / "wardrobe" / f"{path.stem}.npz"
        write_atomic(target, partial(_save, item))
        print(f"{path.stem}: {item['kind']}, {len(item['vertices'])} vertices")


if __name__ == "__main__":
    tyro.cli(main)
