"""Presets of the network's shape: ``frozen``, ``lite`` and ``paper``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from core.errors import UserError


@dataclass(frozen=True)
class NetworkPreset:
    """Shape of a :class:`core.nets.network.PoseNetwork`.

    Attributes:
        trunk: "blazepose" also passes its landmarks to the regressor, and so does "detectors",
            which is never trained; "resnet50" has none.
        image_size: side of the square input crop in pixels.
        feature_dim: dimensions D of the feature map at stride 4.
        skips, widths: see :class:`core.nets.unet.UNetDecoder`.
        part_width: channels of the regression head's pooled part features.
        context_width: channels of the regression head's whole-body context.
    """

    name: str
    trunk: Literal["blazepose", "detectors", "resnet50"]
    image_size: int
    feature_dim: int
    skips: tuple[int, int, int]
    widths: tuple[int, int, int, int]
    part_width: int
    context_width: int


_LITE = NetworkPreset(
    name="lite",
    trunk="blazepose",
    image_size=256,
    feature_dim=64,
    skips=(48, 64, 96),
    widths=(64, 64, 96, 128),
    part_width=128,
    context_width=256,
)
PRESETS = {
    preset.name: preset
    for preset in (
        replace(_LITE, name="frozen", trunk="detectors"),
        _LITE,
        NetworkPreset(
            name="paper",
            trunk="resnet50",
            image_size=320,
            feature_dim=64,
            skips=(256, 256, 256),
            widths=(256, 256, 256, 256),
            part_width=128,
            context_width=1024,
        ),
    )
}


DEFAULT_PRESET = "frozen"
"""The preset that ships with weights."""


def find_preset(name: str, dim: object = None) -> NetworkPreset:
    """The preset called ``name``.

    Args:
        dim: dimensions of the feature map; None leaves the preset's.

    Raises:
        UserError: there is no such preset (the message lists them), or ``dim`` is out of range.
    """
    if name not in PRESETS:
        raise UserError(f"unknown preset {name!r}; choose from {', '.join(PRESETS)}")
    if dim is None:
        return PRESETS[name]
    if type(dim) is not int or not 1 <= dim <= 1024:
        raise UserError(f"a feature map has 1 to 1024 dimensions, not {dim!r}")
    return replace(PRESETS[name], feature_dim=dim)
