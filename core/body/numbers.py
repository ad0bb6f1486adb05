"""Names of the numbers that make a body, for sweeps and for moves by hand.

``JOINT.x``, ``.y``, ``.z`` turn a joint about an axis of its own frame (degrees from where it is);
``JOINT.lateral`` and ``JOINT.depth`` turn the limb that begins there in the image plane, and
towards or away from the camera (degrees, too); ``x``, ``y`` and ``depth`` place the pelvis (metres
in the crop camera's frame; along its ray for ``depth``); ``shape0`` to ``shape9`` are coefficients
of the shape (standard deviations along principal components: none is height or weight alone).
"""

from __future__ import annotations

from core.body.names import JOINT_NAMES, LIMBS
from core.errors import UserError

AXES = ("x", "y", "z")
LIMB_JOINTS = {name: (start[0], end[0]) for name, (start, end) in LIMBS.items() if len(start) == 1}
"""Upper and lower joint of the arms' and legs' eight limbs."""
LIMB_OF_START = {JOINT_NAMES[start]: limb for limb, (start, _) in LIMB_JOINTS.items()}
"""Joints that can be turned in the camera's frame, with the limb that begins there."""
SIDES = ("lateral", "depth")
"""In the image plane, and towards or away from the camera."""
SHAPES = tuple(f"shape{i}" for i in range(10))
PLACES = ("x", "y", "depth")


def axes_of(joint: str) -> tuple[str, ...]:
    """How a joint can be turned."""
    return (*AXES, *SIDES) if joint in LIMB_OF_START else AXES


def check_parameter(name: str) -> None:
    """Refuse a name of nothing.

    Raises:
        UserError: there is no parameter of this name.
    """
    joint, dot, axis = name.partition(".")
    if name in (*PLACES, *SHAPES):
        return
    if not dot:
        raise UserError(
            f"no parameter {name!r}; there are {', '.join(PLACES)}, shape0 to shape9, and "
            "JOINT.x, .y, .z, .lateral and .depth"
        )
    if joint not in JOINT_NAMES:
        raise UserError(f"no joint {joint!r}; there are {', '.join(JOINT_NAMES)}")
    if axis not in axes_of(joint):
        raise UserError(f"no axis {axis!r} of {joint}; there are {', '.join(axes_of(joint))}")
