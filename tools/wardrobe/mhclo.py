"""Readers of MakeHuman's clothes files (.mhclo, .obj, .mhmat)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Binding:
    """The binding of a garment to MakeHuman's base mesh.

    Attributes:
        corners: (N, 3) base-mesh vertices of each garment vertex.
        barycentric: (N, 3) their weights.
        offsets: (N, 3) in units of the scales.
        scales: axis ("x", "y", "z") -> two base-mesh vertices and the distance that means scale 1.
        deleted: base-mesh vertices that the garment hides.
        obj_file, material: names of files next to the .mhclo.
    """

    corners: np.ndarray
    barycentric: np.ndarray
    offsets: np.ndarray
    scales: dict[str, tuple[int, int, float]]
    deleted: np.ndarray
    obj_file: str
    material: str


def read_binding(path: Path) -> Binding:
    """Parse a .mhclo file."""
    rows: list[list[float]] = []
    deleted: list[int] = []
    scales: dict[str, tuple[int, int, float]] = {}
    names = {"obj_file": "", "material": ""}
    section = ""
    for words in (line.split() for line in path.read_text(encoding="utf8").splitlines()):
        if not words or words[0].startswith("#"):
            continue
        if words[0] in ("verts", "delete_verts"):
            section = words[0]
        elif words[0][0].isdigit():
            if section == "verts":
                rows.append([float(word) for word in words])
            elif section == "delete_verts":
                deleted += _ranges(words)
        elif words[0][1:] == "_scale":
            scales[words[0][0]] = int(words[1]), int(words[2]), float(words[3])
        elif words[0] in names:
            names[words[0]] = words[1]
    table = np.array([_full_row(row) for row in rows])
    return Binding(
        table[:, :3].astype(int), table[:, 3:6], table[:, 6:9], scales, np.array(deleted, int),
        names["obj_file"], names["material"],
    )  # fmt: skip


def _full_row(row: list[float]) -> list[float]:
    """The row of a vertex bound to one base vertex, with three equal corners."""
    return row if len(row) > 1 else [row[0]] * 3 + [1.0, 0, 0] + [0.0] * 3


def _ranges(words: list[str]) -> list[int]:
    """Numbers of "3 5 - 8 10": 3, 5..8, 10."""
    numbers: list[int] = []
    words = " ".join(words).replace(" - ", "-").split()
    for word in words:
        first, _, last = word.partition("-")
        numbers += range(int(first), int(last or first) + 1)
    return numbers


def read_obj(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Triangles of an .obj: vertex indices (F, 3) and texture coordinates of corners (F, 3, 2)."""
    texture: list[list[float]] = []
    faces: list[list[int]] = []
    corners: list[list[int]] = []
    for words in (line.split() for line in path.read_text(encoding="utf8").splitlines()):
        if words[:1] == ["vt"]:
            texture.append([float(words[1]), float(words[2])])
        elif words[:1] == ["f"]:
            polygon = [[int(part) - 1 for part in word.split("/")[:2]] for word in words[1:]]
            for k in range(1, len(polygon) - 1):
                fan = polygon[0], polygon[k], polygon[k + 1]
                faces.append([corner[0] for corner in fan])
                corners.append([corner[1] for corner in fan])
    return np.array(faces, np.int32), np.array(texture, np.float32)[np.array(corners)]


def diffuse_texture(path: Path) -> Path | None:
    """The picture that a .mhmat names, if it exists."""
    if not path.is_file():
        return None
    for words in (line.split() for line in path.read_text(encoding="utf8").splitlines()):
        if words[:1] == ["diffuseTexture"] and len(words) > 1:
            picture = path.parent / words[1]
            return picture if picture.is_file() else None
    return None
