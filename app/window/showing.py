"""Pictures of the worker on their way to the panels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from app.panels.body import BodyPanel
from app.panels.maps import ObservedPanel, OcclusionPanel, RenderedPanel
from app.panels.photo import PhotoPanel
from app.protocol.events import Opened, Painted, PaintedInput, Previewed, WithPictures


@dataclass(frozen=True)
class Pictured:
    """The panels that show pictures."""

    photo: PhotoPanel
    observed: ObservedPanel
    rendered: RenderedPanel
    occlusion: OcclusionPanel
    body: BodyPanel

    def show(self, event: WithPictures) -> None:
        """The pictures of the run on screen."""
        pictures = event.pictures
        if isinstance(event, Opened | PaintedInput | Previewed):
            self._show_input(pictures)
        if isinstance(event, Painted | Previewed):
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
        if "kernels" in pictures:
            self.photo.show_kernels(pictures["kernels"])
        if "hits" in pictures:
            self.photo.show_hits(pictures["hits"])
            self.occlusion.show_hits(pictures["hits"])
