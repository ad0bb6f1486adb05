"""A small SMPL-format body made of ellipsoids, so that tests need no asset."""

from __future__ import annotations

import numpy as np
import torch
import trimesh

from core.body.model import Body
from core.body.names import PARENTS

# Rest joints in metres: a person 1.7 m tall in T-pose.
JOINTS = np.array(
    [
        *[(0, 0, 0), (0.08, -0.08, 0), (-0.08, -0.08, 0), (0, 0.12, 0), (0.1, -0.48, 0)],
        *[(-0.1, -0.48, 0), (0, 0.25, 0), (0.1, -0.88, 0), (-0.1, -0.88, 0), (0, 0.32, 0)],
        *[(0.1, -0.93, 0.1), (-0.1, -0.93, 0.1), (0, 0.5, 0), (0.07, 0.42, 0), (-0.07, 0.42, 0)],
        *[(0, 0.58, 0), (0.18, 0.43, 0), (-0.18, 0.43, 0), (0.43, 0.43, 0), (-0.43, 0.43, 0)],
        *[(0.68, 0.43, 0), (-0.68, 0.43, 0), (0.76, 0.43, 0), (-0.76, 0.43, 0)],
    ],
    dtype=np.float64,
)


def body_tables(count: int) -> dict[str, np.ndarray | str]:
    """What an official SMPL file holds, random and small; the tag allows any number of vertices."""
    rng = np.random.default_rng(0)
    regressor = np.zeros((24, count))
    regressor[np.arange(24), rng.integers(0, count, 24)] = 1
    return {
        "v_template": rng.normal(size=(count, 3)),
        "shapedirs": rng.normal(size=(count, 3, 12)),
        "posedirs": rng.normal(size=(count, 3, 207)).astype(np.float32),
        "J_regressor": regressor,
        "weights": rng.dirichlet(np.ones(24), count),
        "f": rng.integers(0, count, (20, 3)).astype(np.uint32),
        "kintree_table": np.stack([np.array(PARENTS) % 2**32, np.arange(24)]).astype(np.int64),
        "topology": "toy",
    }


def toy_body(dtype: torch.dtype = torch.float32) -> Body:
    """24 ellipsoids, one a joint, rigidly attached; shape 0 scales, shape 1 fattens."""
    sphere = trimesh.creation.icosphere(subdivisions=2)
    vertices, faces, weights = [], [], []
    for joint in range(24):
        children = [c for c in range(24) if PARENTS[c] == joint]
        end = (
            JOINTS[children].mean(0) if children else JOINTS[joint] + 0.05 * np.sign(JOINTS[joint])
        )
        half = np.maximum(np.abs(end - JOINTS[joint]) / 2, 0.05)
        faces.append(sphere.faces + len(vertices) * len(sphere.vertices))
        vertices.append(sphere.vertices * half + (JOINTS[joint] + end) / 2)
        weights.append(np.tile(np.eye(24)[joint], (len(sphere.vertices), 1)))
    points = np.concatenate(vertices)
    shapedirs = np.zeros((len(points), 3, 10))
    shapedirs[..., 0] = 0.03 * points
    shapedirs[..., 1] = 0.03 * points * [1, 0, 1]
    regressor = np.zeros((24, len(points)))
    for joint in range(24):  # affine weights that hit the joint exactly
        system = np.concatenate([points.T, np.ones((1, len(points)))])
        regressor[joint] = np.linalg.lstsq(system, np.append(JOINTS[joint], 1), rcond=None)[0]

    def real(array: np.ndarray) -> torch.Tensor:
        return torch.as_tensor(array, dtype=dtype)

    return Body(
        v_template=real(points),
        shapedirs=real(shapedirs),
        posedirs=None,
        joint_regressor=real(regressor),
        weights=real(np.concatenate(weights)),
        faces=torch.as_tensor(np.concatenate(faces), dtype=torch.long),
        uv=None,
        uv_faces=None,
        mirror=None,
        topology="toy",
    )
