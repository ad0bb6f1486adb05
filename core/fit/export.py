"""Files of one step's body, in the format that the name ends in."""

from __future__ import annotations

from pathlib import Path

from core.errors import UserError
from core.fit.course import bodies_at
from core.fit.engine import Engine
from core.fit.observation import Observation
from core.fit.trace import Trace
from core.io.mesh import save_mesh
from core.render.shade.render import vertex_normals


def save_body(
    path: Path, engine: Engine, observation: Observation, trace: Trace, step: int
) -> None:
    """Write the body of a recorded step: .npz for its parameters, else see `save_mesh`.

    It is in the photo's camera frame, and a mesh in the same as glTF has it.

    Raises:
        UserError: another suffix, no such step, or the file cannot be written.
    """
    if not 0 <= step < len(trace):
        raise UserError(f"no step {step}; there are 0 to {len(trace) - 1}")
    params = bodies_at(trace, [step], observation.view, engine.volume)
    if path.suffix.lower() == ".npz":
        params.save(path)
        return
    vertices, faces = engine.vertices(params)[0].numpy(), engine.body.faces.numpy()
    save_mesh(path, vertices, vertex_normals(vertices, faces), faces)
