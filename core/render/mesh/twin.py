"""Mesh rendering: the readable PyTorch twin of the native op (``cuda/mesh``).

A camera-frame vertex (x, y, z) projects to u = focal (x, y) / z + center. Where a pixel centre has
the screen-space barycentrics l_k in a face, its depth and weights are

    1 / z = sum_k l_k / z_k,    barycentric_k = (l_k / z_k) z.

The face that each pixel sees is found without gradients; weights and depth are then computed again
for the chosen faces, with gradients. All computations are in float64, as in native code, so that
both find the same faces.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from core.geometry.camera import Camera
from core.render.mesh.scene import FULL, MeshRender, MeshSettings, Softness

FAR_AWAY = 1e8  # pixels; bounds farther away would overflow an integer
CHUNK = 4096  # faces whose pixels are listed at once; bounds the memory

Pairs = tuple[Int[Tensor, " pairs"], Int[Tensor, " pairs"], Int[Tensor, " pairs"]]
"""Face, row and column."""


def rasterize_twin(
    vertices: Float[Tensor, "batch vertices 3"],
    faces: Int[Tensor, "*batch faces 3"],
    camera: Camera,
    size: tuple[int, int],
    settings: MeshSettings,
) -> MeshRender:
    """`core.render.mesh.render.rasterize_mesh` without native code."""
    with torch.no_grad():
        face_ids = torch.stack(
            [
                _nearest_faces(*image, size, settings)
                for image in zip(*_images(vertices, faces, camera), strict=True)
            ]
        )
    seen = face_ids >= 0
    image, row, column = seen.nonzero(as_tuple=True)
    corners = _corners(vertices, faces, image, face_ids[seen].long())
    screen, inverse_z = _project(corners, camera.focal[image], camera.center[image])
    barycentric, depth = _surface(_weights(screen, row, column), inverse_z)
    empty = vertices.new_zeros(*face_ids.shape, 3), vertices.new_full(face_ids.shape, math.inf)
    return MeshRender(
        face_ids,
        empty[0].index_put((seen,), barycentric.to(vertices.dtype)),
        empty[1].index_put((seen,), depth.to(vertices.dtype)),
    )


def silhouette_twin(
    vertices: Float[Tensor, "batch vertices 3"],
    faces: Int[Tensor, "*batch faces 3"],
    camera: Camera,
    size: tuple[int, int],
    settings: MeshSettings,
    soft: Softness,
) -> Float[Tensor, "batch height width"]:
    """Optical depth of the soft silhouette: the sum over faces of log(1 + exp(s / sigma)).

    s is the squared distance in pixels between pixel centre and outline, negative outside.
    """
    images = zip(*_images(vertices, faces, camera), strict=True)
    return torch.stack([_soft_depth(*image, size, settings, soft) for image in images])


def interpolate_twin(
    render: MeshRender,
    faces: Int[Tensor, "*batch faces 3"],
    attributes: Float[Tensor, "sets vertices dim"],
) -> Float[Tensor, "batch height width dim"]:
    """`core.render.mesh.render.interpolate` without native code."""
    seen = render.mask
    image = seen.nonzero(as_tuple=True)[0]
    corners = _corners(attributes, faces, image, render.face_ids[seen].long())
    values = (render.barycentric[seen][..., None] * corners).sum(1)
    empty = attributes.new_zeros(*seen.shape, attributes.shape[2])
    return empty.index_put((seen,), values.to(attributes.dtype))


# --- geometry ---


def _images(
    vertices: Tensor, faces: Tensor, camera: Camera
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Vertices, faces, focal length and centre of each image."""
    return vertices, faces.expand(len(vertices), -1, -1), camera.focal, camera.center


def _corners(
    values: Float[Tensor, "sets vertices dim"], faces: Tensor, image: Tensor, face: Tensor
) -> Float[Tensor, "pairs 3 dim"]:
    """Values at the three corners of (image, face) pairs."""
    chosen = faces[face] if faces.ndim == 2 else faces[image, face]
    index = image.clamp_max(len(values) - 1)
    return values[index[:, None], chosen.long()]


def _project(
    points: Float[Tensor, "n corners 3"], focal: Float[Tensor, "#n"], center: Float[Tensor, "#n 2"]
) -> tuple[Float[Tensor, "n corners 2"], Float[Tensor, "n corners"]]:
    """Pixels and inverse depths, in float64."""
    exact = points.double()
    inverse_z = 1 / exact[..., 2]
    scaled = focal.double()[:, None, None] * exact[..., :2] * inverse_z[..., None]
    return scaled + center.double()[:, None], inverse_z


def _edge(a: Tensor, b: Tensor, p: Tensor) -> Tensor:
    """Twice the signed area of triangles (a, b, p), each (..., 2)."""
    along, across = b - a, p - a
    return along[..., 0] * across[..., 1] - along[..., 1] * across[..., 0]


def _area(screen: Float[Tensor, "n 3 2"]) -> Float[Tensor, " n"]:
    """Twice the signed area, negative for faces towards the camera: the image's y points down."""
    return _edge(screen[:, 0], screen[:, 1], screen[:, 2])


def _centers(row: Tensor, column: Tensor) -> Float[Tensor, "pairs 2"]:
    """Pixel centres."""
    return torch.stack([column + 0.5, row + 0.5], -1).double()


def _weights(
    screen: Float[Tensor, "pairs 3 2"], row: Tensor, column: Tensor
) -> Float[Tensor, "pairs 3"]:
    """Screen-space barycentrics of pixel centres; negative outside."""
    a, b, c = screen.unbind(1)
    pixel = _centers(row, column)
    edges = torch.stack([_edge(b, c, pixel), _edge(c, a, pixel), _edge(a, b, pixel)], -1)
    return edges * (1 / _area(screen))[:, None]


def _surface(
    weights: Float[Tensor, "pairs 3"], inverse_z: Float[Tensor, "pairs 3"]
) -> tuple[Float[Tensor, "pairs 3"], Float[Tensor, " pairs"]]:
    """Perspective-correct barycentrics and depth."""
    scaled = weights * inverse_z
    depth = 1 / (scaled[:, 0] + scaled[:, 1] + scaled[:, 2])
    return scaled * depth[:, None], depth


def _visible_faces(
    vertices: Tensor, faces: Tensor, focal: Tensor, center: Tensor, settings: MeshSettings
) -> tuple[Int[Tensor, " drawn"], Float[Tensor, "drawn 3 2"], Float[Tensor, "drawn 3"]]:
    """Faces of one image that are drawn: ids, corners in pixels, and inverse depths."""
    screen, inverse_z = (x[0] for x in _project(vertices[None], focal[None], center[None]))
    near = torch.tensor(settings.near, dtype=torch.float32, device=vertices.device)
    visible = (vertices[:, 2] > near) & (screen.abs() < FAR_AWAY).all(-1)
    area = _area(screen.where(visible[:, None], 0)[faces])
    facing = area < 0 if settings.cull else area != 0
    ids = (visible[faces].all(-1) & facing).nonzero()[:, 0]
    return ids, screen[faces[ids]], inverse_z[faces[ids]]


def _boxes(screen: Float[Tensor, "n 3 2"], margin: float, size: tuple[int, int]) -> Pairs:
    """Every pixel centre in the bounding boxes, widened by ``margin``: box, row and column."""
    limit = torch.tensor([size[1], size[0]], device=screen.device)
    first = (screen.amin(1) - margin - 0.5).ceil().clamp_min(0).long()
    last = (screen.amax(1) + margin - 0.5).floor().long().minimum(limit - 1)
    columns, rows = (last - first + 1).clamp_min(0).unbind(-1)
    counts = columns * rows
    box = torch.arange(len(counts), device=screen.device).repeat_interleave(counts)
    start = counts.cumsum(0) - counts
    offset = torch.arange(len(box), device=screen.device) - start[box]
    row = first[box, 1] + torch.div(offset, columns[box], rounding_mode="floor")
    return box, row, first[box, 0] + offset % columns[box]


# --- the nearest face ---


def _nearest_faces(
    vertices: Float[Tensor, "vertices 3"],
    faces: Int[Tensor, "faces 3"],
    focal: Float[Tensor, ""],
    center: Float[Tensor, "2"],
    size: tuple[int, int],
    settings: MeshSettings,
) -> Int[Tensor, "height width"]:
    """The nearest face at each pixel centre, -1 for none; of equal depths the smaller id."""
    ids, screen, inverse_z = _visible_faces(vertices, faces.long(), focal, center, settings)
    box, row, column = _boxes(screen, 0.0, size)
    weights = _weights(screen[box], row, column)
    inside = (weights >= 0).all(-1)
    box, pixel = box[inside], (row * size[1] + column)[inside]
    depth = _surface(weights[inside], inverse_z[box])[1].float()

    order = depth.argsort(stable=True)  # by depth, then by pixel: the first of each pixel wins
    order = order[pixel[order].argsort(stable=True)]
    seen, counts = pixel[order].unique_consecutive(return_counts=True)
    winner = box[order][counts.cumsum(0) - counts]
    face_ids = torch.full((size[0] * size[1],), -1, dtype=torch.int32, device=vertices.device)
    face_ids[seen] = ids[winner].int()
    return face_ids.view(size)


# --- soft silhouettes ---


def _soft_depth(
    vertices: Float[Tensor, "vertices 3"],
    faces: Int[Tensor, "faces 3"],
    focal: Float[Tensor, ""],
    center: Float[Tensor, "2"],
    size: tuple[int, int],
    settings: MeshSettings,
    soft: Softness,
) -> Float[Tensor, "height width"]:
    """Optical depth of one image."""
    with torch.no_grad():
        ids, screen, _ = _visible_faces(vertices, faces.long(), focal, center, settings)
        box, row, column = _within_reach(screen, size, soft.reach)
    corners = vertices[faces[ids[box]].long()]
    screen = _project(corners, focal[None], center[None])[0]
    square, inside = _squared_distance(screen, row, column)
    closeness = torch.where(inside, square, -square) / soft.sigma
    covered = torch.nn.functional.softplus(closeness.clamp_max(FULL), threshold=2 * FULL)
    depth = covered.new_zeros(size[0] * size[1]).index_add(0, row * size[1] + column, covered)
    return depth.clamp_max(FULL).view(size).to(vertices.dtype)


def _within_reach(screen: Float[Tensor, "n 3 2"], size: tuple[int, int], reach: float) -> Pairs:
    """Every (face, pixel) with the pixel inside or within ``reach``, ordered by face."""
    kept = []
    for start in range(0, max(len(screen), 1), CHUNK):
        box, row, column = _boxes(screen[start : start + CHUNK], reach, size)
        square, inside = _squared_distance(screen[box + start], row, column)
        near = inside | (square <= reach * reach)
        kept.append((box[near] + start, row[near], column[near]))
    box, row, column = (torch.cat(parts) for parts in zip(*kept, strict=True))
    return box, row, column


def _squared_distance(
    screen: Float[Tensor, "pairs 3 2"], row: Tensor, column: Tensor
) -> tuple[Float[Tensor, " pairs"], Bool[Tensor, " pairs"]]:
    """From pixel centres to the nearest sides, in pixels^2; and whether they are inside."""
    side = screen.roll(-1, 1) - screen
    offset = _centers(row, column)[:, None] - screen
    along = ((offset * side).sum(-1) / side.square().sum(-1)).clamp(0, 1)
    square = (offset - along[..., None] * side).square().sum(-1).min(-1).values
    winding = torch.sign(_area(screen))[:, None]
    cross = side[..., 0] * offset[..., 1] - side[..., 1] * offset[..., 0]
    return square, (winding * cross >= 0).all(-1)
