"""Garments fitted to the embedded body by ``tools.wardrobe``."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float32, Int32, UInt8

from core.errors import UserError
from core.io.npz import read_npz
from core.synth.dressing.appearance import HELD_OUT

FIX = "build it again: python -m tools.wardrobe --data DIR"


@dataclass(frozen=True)
class Garment:
    """An item on the T-posed mean body.

    Attributes:
        kind: "suit", "shoes", "hair" or "hat".
        hidden: faces of the body that the item covers.
    """

    name: str
    kind: str
    vertices: Float32[np.ndarray, "vertices 3"]
    shapedirs: Float32[np.ndarray, "vertices 3 10"]
    weights: Float32[np.ndarray, "vertices 24"]
    faces: Int32[np.ndarray, "faces 3"]
    corner_uv: Float32[np.ndarray, "faces 3 2"]
    texture: UInt8[np.ndarray, "rows columns 3"]
    hidden: Int32[np.ndarray, " hidden"]

    @cached_property
    def face_part(self) -> Int32[np.ndarray, " faces"]:
        """The joint with the largest summed blend weight of each face."""
        return self.weights[self.faces].sum(1).argmax(1).astype(np.int32)

    @cached_property
    def relief(self) -> UInt8[np.ndarray, "rows columns 3"]:
        """Folds and seams of the texture: its brightness, 128 at the 70th percentile."""
        grey = cv2.cvtColor(self.texture, cv2.COLOR_RGB2GRAY)
        usual = max(float(np.percentile(grey[::8, ::8], 70)), 1.0)
        table = (np.arange(256) * (128 / usual)).clip(35, 210)
        return cv2.cvtColor(cv2.LUT(grey, table.astype(np.uint8)), cv2.COLOR_GRAY2RGB)

    @staticmethod
    def load(path: Path) -> Garment:
        """Read one item.

        Raises:
            UserError: the file is missing, damaged, or has other fields.
        """
        item = read_npz(path, "garment", FIX)
        if {*item, "name"} != {field.name for field in fields(Garment)}:
            raise UserError(f"garment {path} has other fields than it should; {FIX}")
        return Garment(name=path.stem, kind=str(item.pop("kind")), **item)


def load_wardrobe(folder: Path, split: str) -> dict[str, list[Garment]]:
    """The split's items by kind; every fifth item of a kind is for testing only.

    Kinds with fewer than three items are in both splits.
    """
    kinds: dict[str, list[Garment]] = {}
    for path in sorted(folder.glob("*.npz")):
        garment = Garment.load(path)
        kinds.setdefault(garment.kind, []).append(garment)
    test = split == "test"
    return {
        kind: [g for i, g in enumerate(items) if (i % HELD_OUT == 2) == test or len(items) < 3]
        for kind, items in kinds.items()
    }
