"""Pictures on the graphics card."""

from __future__ import annotations

import itertools

import dearpygui.dearpygui as dpg
import numpy as np
from jaxtyping import UInt8

REGISTRY = "textures"


class Texture:
    """A picture that can be replaced by another one, of another size too.

    Dear PyGui reads the buffer of a *raw* texture in every frame, so new pixels of the same shape
    are simply copied into it. It checks neither type nor size: both are asserted here.
    """

    _numbers = itertools.count()

    def __init__(self) -> None:
        self.tag = ""
        self.size = (0, 0)
        self._buffer: np.ndarray | None = None

    @property
    def empty(self) -> bool:
        """Whether there is no picture yet."""
        return self._buffer is None

    def show(self, picture: UInt8[np.ndarray, "height width channels"], enlarge: int = 1) -> None:
        """Replace the picture; ``enlarge`` repeats every pixel, which keeps its edges sharp."""
        assert picture.dtype == np.uint8
        assert picture.shape[2] in (3, 4)
        if enlarge > 1:
            picture = picture.repeat(enlarge, 0).repeat(enlarge, 1)
        height, width, channels = picture.shape
        if self.size != (width, height):
            self._create(width, height)
        assert self._buffer is not None
        np.multiply(picture, np.float32(1 / 255), out=self._buffer[..., :channels])

    def _create(self, width: int, height: int) -> None:
        """A new texture in place of the old one, which no frame may use from now on."""
        if self.tag:
            dpg.delete_item(self.tag)
        self.tag = f"texture {next(self._numbers)}"
        self.size = width, height
        self._buffer = np.ones((height, width, 4), np.float32)
        dpg.add_raw_texture(
            width,
            height,
            self._buffer,
            format=dpg.mvFormat_Float_rgba,
            tag=self.tag,
            parent=REGISTRY,
        )
