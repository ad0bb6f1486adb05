"""Rendering people and solids of a scene, supersampled, with mutual occlusion."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8

from core.pictures.patterns import to_three_channels
from core.render.mesh.raster import Raster, rasterize
from core.render.shade.render import Lighting, Material, TexturedMesh, shade_cells
from core.render.shade.shadow import shadow_map
from core.synth.drawing.interactions import Solid
from core.synth.dressing.dressable_body import DressableBody, DressedPerson
from core.synth.sampling.camera import Framing

FINE = 2  # supersampling factor
SHADOW_PIXELS = 256


@dataclass(frozen=True)
class Scene:
    """Camera and light, which all layers of a picture share.

    Attributes:
        view: camera-from-world rotation (world: y up).
        lighting: in the camera frame, without shadows.
    """

    size: int
    view: Float[np.ndarray, "3 3"]
    framing: Framing
    lighting: Lighting


@dataclass(frozen=True)
class DrawnPerson:
    """A rendered person: premultiplied linear colour with coverage, and 1 + joint of each pixel.

    Attributes:
        raster: at ``FINE`` times the picture's resolution.
    """

    rgba: Float32[np.ndarray, "size size 4"]
    parts: UInt8[np.ndarray, "size size"]
    raster: Raster


@dataclass(frozen=True)
class SolidLayers:
    """A rendered solid: premultiplied linear colour with coverage.

    Attributes:
        full: all of the solid.
        front: its part in front of the person; next to the person, in front of their root.
        occlusion: mask of ``front``.
    """

    full: Float32[np.ndarray, "size size 4"]
    front: Float32[np.ndarray, "size size 4"]
    occlusion: Bool[np.ndarray, "size size"]


def draw_person(person: DressedPerson, materials: list[Material], scene: Scene) -> DrawnPerson:
    """Render a person."""
    mesh = person.mesh
    raster, lighting = _raster(mesh, scene), _with_shadow(mesh, scene)
    label = (person.face_part + 1).astype(np.uint8)
    return DrawnPerson(*shade_cells(raster, mesh, materials, lighting, FINE, label), raster)


def draw_solid(solid: Solid, person: DrawnPerson, scene: Scene) -> SolidLayers:
    """Render a solid, and by itself its part in front of a person."""
    mesh = solid.mesh
    raster, lighting = _raster(mesh, scene), _with_shadow(mesh, scene)
    label = np.ones(len(mesh.faces), np.uint8)
    limit = np.where(person.raster.mask, person.raster.depth, scene.framing.transl[2])
    in_front = np.where(raster.depth < limit, raster.face_ids, np.int32(-1))
    full, _ = shade_cells(raster, mesh, solid.materials, lighting, FINE, label)
    front, occlusion = shade_cells(
        replace(raster, face_ids=in_front), mesh, solid.materials, lighting, FINE, label
    )
    return SolidLayers(full, front, occlusion > 0)


def body_raster(dressable: DressableBody, person: DressedPerson, scene: Scene) -> Raster:
    """The undressed body at half the picture's resolution."""
    half = scene.size // 2
    focal, center = scene.framing.focal / 2, (half / 2, half / 2)
    return rasterize(person.body_vertices, dressable.faces, focal, center, half, half)


def alpha_over(
    below: Float32[np.ndarray, "size size 3"], rgba: Float32[np.ndarray, "size size 4"]
) -> Float32[np.ndarray, "size size 3"]:
    """Composite premultiplied colour over a picture, both linear."""
    picture = below * to_three_channels(1 - rgba[..., 3])
    picture += rgba[..., :3]
    return picture


def _raster(mesh: TexturedMesh, scene: Scene) -> Raster:
    """A mesh, rasterised at ``FINE`` times the picture's resolution."""
    fine = FINE * scene.size
    focal, center = FINE * scene.framing.focal, (fine / 2, fine / 2)
    return rasterize(mesh.vertices, mesh.faces, focal, center, fine, fine)


def _with_shadow(mesh: TexturedMesh, scene: Scene) -> Lighting:
    """The scene's lighting with the shadow of a mesh on itself."""
    light = scene.lighting
    shadow = shadow_map(mesh.vertices, mesh.faces, light.directions[0], SHADOW_PIXELS)
    return replace(light, shadow=shadow)
