"""Pictures on the graphics card."""

from __future__ import annotations

import itertools

import dearpygui.dearpygui as dpg
import numpy as np
from jaxtyping import UInt8

REGISTRY = "textures"


class Texture:
    """A picture that can be replaced by another one, of another size too.

    Each picture is a *static* texture of its own. Dear PyGui's other kinds are copied to the
    graphics card again in every frame, and their memory is never given back.
    """

    _numbers = itertools.count()

    def __init__(self) -> None:
        self.tag = ""

    @property
    def empty(self) -> bool:
        """Whether there is no picture yet."""
        return not self.tag

    def show(self, picture: UInt8[np.ndarray, "height width channels"], enlarge: int = 1) -> None:
        """Replace the picture; ``enlarge`` repeats every pixel, which keeps its edges sharp.

        What was drawn with the old ``tag`` must be drawn anew before the next frame.
        """
        assert picture.dtype == np.uint8
        assert picture.shape[2] in (3, 4)
        if enlarge > 1:
            picture = picture.repeat(enlarge, 0).repeat(enlarge, 1)
        height, width, channels = picture.shape
        pixels = np.ones((height, width, 4), np.float32)
        np.multiply(picture, np.float32(1 / 255), out=pixels[..., :channels])
        if self.tag:
            dpg.delete_item(self.tag)
        self.tag = f"texture {next(self._numbers)}"
        dpg.add_static_texture(width, height, pixels, tag=self.tag, parent=REGISTRY)
