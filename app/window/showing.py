"""The worker's pictures on their way into the panels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from app.panels.body import BodyPanel
from app.panels.maps import ObservedPanel
from app.panels.model_maps import OcclusionPanel, RenderedPanel
from app.panels.photo import PhotoPanel
from app.protocol.events import (
    Differed,
    Opened,
    Painted,
    PaintedInput,
    Previewed,
    Tried,
    WithPictures,
)
from app.session import Session


@dataclass
class Pictured:
    """The panels that draw pictures.

    Attributes:
        drawn: the step whose pictures are on screen.
    """

    photo: PhotoPanel
    observed: ObservedPanel
    rendered: RenderedPanel
    occlusion: OcclusionPanel
    body: BodyPanel
    drawn: Painted | None = None

    def follow_turns(self, session: Session) -> None:
        """Show the other one of two runs that take turns, or the run on screen again."""
        pictured = session.pictured
        if pictured is not None and pictured.pictures and pictured is not self.drawn:
            self.show(pictured)

    def show(self, event: WithPictures) -> None:
        """The pictures of a message about the run on screen."""
        pictures = event.pictures
        match event:
            case Opened() | PaintedInput():
                self._show_input(pictures)
            case Previewed():
                self._show_input(pictures)
                self._show_step(pictures)
            case Painted():
                self.drawn = event
                self._show_step(pictures)
            case Tried():
                self._show_step(pictures)
            case Differed() if pictures:
                for panel in (self.rendered, self.occlusion):
                    panel.show_change(*(pictures[kind] for kind in panel.kinds))
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
