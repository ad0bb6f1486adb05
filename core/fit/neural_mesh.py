"""A mesh in place of the volume: the ablation "w/o NBV" of 3DNBF's table 3a.

The kernels' features are spread over the body's surface, the nearest face's are seen, and the
opacity is that of a soft silhouette. What a pixel sees is then one point of the surface, and an
outline moves only through the pixels that see the body.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.body.model import Body
from core.fit.state import BodyState
from core.geometry.camera import Camera
from core.nbv.layout import vertex_normals
from core.nbv.volume import NeuralBodyVolume
from core.render.mesh.render import interpolate, rasterize_mesh, soft_silhouette
from core.render.mesh.scene import MeshRender, MeshSettings
from core.render.volume.sparse import Assignment, RenderSettings, SparseRender

NEAREST = 3  # kernels whose features a vertex mixes


@dataclass(frozen=True)
class NeuralMesh:
    """A body's surface with the kernels' features on it.

    Attributes:
        kernels: the nearest kernels of each vertex, nearest first.
        shares: how much of each.
        sigma: softness of the silhouette, pixels^2 of the feature map. Every face adds to the edge,
            and the body has many: a softer edge makes the mesh too fat.
    """

    body: Body
    kernels: Int[Tensor, "vertices nearest"]
    shares: Float[Tensor, "vertices nearest"]
    sigma: float = 0.04

    @staticmethod
    def of(body: Body, volume: NeuralBodyVolume) -> NeuralMesh:
        """Vertices mix the nearest kernels that face the same way, by inverse distance."""
        vertices = body.v_template
        normals = vertex_normals(vertices.double().cpu().numpy(), body.faces.cpu().numpy())
        facing = torch.as_tensor(normals).to(vertices)
        distance = torch.cdist(vertices, volume.means)
        distance = distance.masked_fill(facing @ facing[volume.vertices].T <= 0, torch.inf)
        near, kernels = distance.topk(NEAREST, largest=False)
        inverse = 1 / near.clamp_min(1e-4)
        return NeuralMesh(body, kernels, inverse / inverse.sum(1, keepdim=True))

    def render(
        self,
        body: BodyState,
        camera: Camera,
        size: tuple[int, int],
        settings: RenderSettings,
    ) -> MeshFeatures:
        """The mesh of a body at the pixels that see it; differentiable in the body."""
        how = MeshSettings(backend=settings.backend, cull=True)
        faces = self.body.faces
        vertices = self.body.pose(body.rotations, body.betas, body.transl).vertices
        surface = rasterize_mesh(vertices, faces, camera, *size, how)
        outline = soft_silhouette(vertices, faces, camera, *size, self.sigma, settings=how)
        batch, pixel = surface.mask.flatten(1).nonzero(as_tuple=True)
        opacity = outline.flatten(1)[batch, pixel]
        corner = surface.barycentric.flatten(1, 2)[batch, pixel].argmax(1)
        seen = faces[surface.face_ids.flatten(1)[batch, pixel].long(), corner]
        ids = self.kernels[seen, :1]
        depth = surface.depth.flatten(1)[batch, pixel][:, None]
        assignment = Assignment(batch, pixel, ids)
        return MeshFeatures(assignment, opacity[:, None], opacity, depth, self, surface, how)


@dataclass(frozen=True)
class MeshFeatures(SparseRender):
    """A rendered mesh; its only kernel at a pixel is the one nearest to what is seen."""

    mesh: NeuralMesh
    surface: MeshRender
    settings: MeshSettings

    def composite(
        self, features: Float[Tensor, "batch kernels dim"]
    ) -> Float[Tensor, "pixels dim"]:
        """The surface's features times the opacity."""
        mixed = (features[:, self.mesh.kernels] * self.mesh.shares[..., None]).sum(2)
        shown = interpolate(self.surface, self.mesh.body.faces, mixed, self.settings)
        place = (self.assignment.batch, self.assignment.pixel)
        return shown.flatten(1, 2)[place] * self.opacity[:, None]
