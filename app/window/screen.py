"""Which panels show the pictures of a message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from app.panels.body import BodyPanel
from app.panels.maps import ObservedPanel, OcclusionPanel, RenderedPanel
from app.panels.photo import PhotoPanel
from app.protocol.events import Opened, Painted, PaintedInput, Previewed, Tried, WithPictures


@dataclass(frozen=True)
class Screen:
    """The panels with pictures of the run on screen."""

    photo: PhotoPanel
    body: BodyPanel
    observed: ObservedPanel
    rendered: RenderedPanel
    occlusion: OcclusionPanel

    def show(self, event: WithPictures) -> None:
        """The pictures of the run on screen."""
        pictures = event.pictures
        match event:
            case Opened() | PaintedInput():
                self._show_input(pictures)
            case Previewed():
                self._show_input(pictures)
                self._show_step(pictures)
            case Painted() | Tried():
                self._show_step(pictures)
        if "body" in pictures:
            self.body.show(pictures["body"])

    def _show_input(self, pictures: Mapping[str, np.ndarray]) -> None:
        self.observed.show(pictures["observed"])
        self.photo.show(pictures["photo"])
        self.photo.cells = self.observed.cells

    def _show_step(self, pictures: Mapping[str, np.ndarray]) -> None:
        self.photo.show_body(pictures["layer"])
        self.rendered.show(pictures["rendered"])
        self.occlusion.show(pictures["occlusion"])
        self.occlusion.visible = pictures["visible"]
        if "hits" in pictures:
            self.photo.show_hits(pictures["hits"])
            self.occlusion.show_hits(pictures["hits"])
