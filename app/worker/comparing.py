"""Steps compared with those before them, and runs with each other."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from app.protocol.backend import Backend
from app.protocol.commands import Differ, Scan
from app.protocol.events import Differed, Scanned
from app.protocol.scan import Change, JointDifference, ScanKind
from app.worker.painting import Painter
from app.worker.runs import HeldRun
from core.errors import UserError
from core.pictures.heat import difference_colors, heat_colors

Map = Float[np.ndarray, "height width"]


class Compared:
    """Compares what the backend and the painter know of recorded steps."""

    def __init__(self, backend: Backend, painter: Painter) -> None:
        self._backend = backend
        self._painter = painter

    # --- neighbouring steps ---

    def scan(self, held: HeldRun, command: Scan) -> Scanned:
        """What each of some steps changes."""
        find = self._movement if command.what is ScanKind.MOVEMENT else self._flips
        changes = find(held, command)
        return Scanned(*command.key, command.what, command.first, tuple(changes))

    def _movement(self, held: HeldRun, command: Scan) -> list[Change]:
        """The joint that moves farthest. Nothing is rendered."""
        before = max(command.first - 1, 0)
        places = self._backend.places(held.observed, held.fit, range(before, command.last))
        ways = np.linalg.norm(np.diff(places, axis=0), axis=-1)
        names, joints = self._backend.joint_names, ways.argmax(1)
        changes = [Change(float(way[j]), names[j]) for way, j in zip(ways, joints, strict=True)]
        return changes if command.first else [Change(0.0), *changes]

    def _flips(self, held: HeldRun, command: Scan) -> list[Change]:
        """The share of pixels whose z crosses 1/2, on the maps that the panel shows."""

        def visible(step: int) -> Map:
            return self._painter.visible(held, command.key, step)

        steps = range(command.first, command.last)
        return [Change(flipped(visible(max(k - 1, 0)), visible(k))) for k in steps]

    # --- two runs ---

    def differ(self, held: HeldRun, other: HeldRun | None, command: Differ) -> Differed:
        """How a step of a run differs from a step of another one.

        Raises:
            UserError: the other run is no longer held.
        """
        if other is None:
            raise UserError("the run to compare with has been dropped; compare with another")
        ours = self._backend.places(held.observed, held.fit, [command.step])[0]
        theirs = self._backend.places(other.observed, other.fit, [command.other_step])[0]
        joints = joint_differences(self._backend.joint_names, ours, theirs)
        about = *command.key, command.step, command.other, command.other_step, command.maps
        distance = self._distance(held, other, command) if command.maps else None
        if distance is None:
            return Differed(*about, joints)
        visible = (
            self._painter.visible(held, command.key, command.step),
            self._painter.visible(other, command.other, command.other_step),
        )
        change = (visible[0] - visible[1]).astype(np.float32)
        largest = float(distance.max())
        pictures = {
            "feature change": heat_colors(distance / max(largest, 1e-9)),
            "z change": difference_colors(change),
            "feature distance": distance,
            "z difference": change,
        }
        return Differed(*about, joints, largest, pictures=pictures)

    def _distance(self, held: HeldRun, other: HeldRun, command: Differ) -> Map | None:
        """Distance of the rendered features."""
        params = held.fit.params(command.step)
        others = other.fit.params(command.other_step)
        found = self._backend.contrast(
            held.observed, held.run, params, other.observed, other.run, others
        )
        return None if found is None else found.astype(np.float32)


def flipped(before: Map, now: Map) -> float:
    """Share of the pixels that a body covers at both steps whose p(z = 1) crosses 1/2."""
    inside = np.isfinite(before) & np.isfinite(now)
    crossed = (before[inside] < 0.5) != (now[inside] < 0.5)
    return float(crossed.mean()) if crossed.size else 0.0


def joint_differences(
    names: tuple[str, ...],
    ours: Float[np.ndarray, "joints 3"],
    theirs: Float[np.ndarray, "joints 3"],
) -> tuple[JointDifference, ...]:
    """How far joints are from each other in the camera's frame, and with the roots aligned."""
    apart = np.linalg.norm(ours - theirs, axis=-1)
    aligned = np.linalg.norm((ours - ours[0]) - (theirs - theirs[0]), axis=-1)
    rows = zip(names, apart.tolist(), aligned.tolist(), strict=True)
    return tuple(JointDifference(*row) for row in rows)
