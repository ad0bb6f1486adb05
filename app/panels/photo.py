"""The photo with the fitted body over it, and the person's box to draw and drag."""

from __future__ import annotations

import math
from collections.abc import Hashable

import dearpygui.dearpygui as dpg
import numpy as np

from app import theme
from app.actions import with_keys
from app.geometry.boxes import Grip, dragged, grip_at
from app.geometry.homography import cell_center, inside_crop
from app.geometry.people import person_at
from app.geometry.plane import Point, Rect, View
from app.geometry.units import px
from app.hand import Hand
from app.panels import text
from app.panels.joints import LINE, joint_at, joint_text, paint_joints, paint_lines
from app.panels.loss import term_colors
from app.panels.maps import SHARP_SIDE
from app.panels.marks import (
    at_split,
    paint_points,
    paint_skeleton,
    paint_split,
    point_at,
    point_text,
)
from app.panels.occluders import paint_occluders
from app.panels.panel import Panel
from app.panels.people import paint_people
from app.panels.texture import Texture
from app.panels.why import paint_arrows
from app.protocol.commands import Commands
from app.protocol.why import JointTarget, PixelTarget
from app.session import Session
from app.shared import PHOTO_SIDE
from app.state import Phase
from app.view import BOX, HITS, JOINTS, KERNELS, PEOPLE, POINTS, SKELETON
from core.pictures.palette import NOWHERE

SIDES = 128  # pixels: the body's layer is painted in multiples of this
HITS_ALPHA = 170
"""Opacity of hits and misses over the photo, 0 to 255."""
SLIP = px(5)  # screen pixels that the mouse may move in a click
KNOB = px(4)
REACH = px(8)  # screen pixels around an edge that still take hold of it


class PhotoPanel(Panel):
    """Left drag draws, moves or resizes the box, a click picks a person; right or middle drag pans.

    Attributes:
        cell: corners, in pixels of the photo, of the map cell to outline.
        cells: columns and rows of the maps.
        joint: the joint under the mouse, of those that are drawn.
        point: source and number of the detected point under the mouse, of those that are drawn.
        under: the person under the mouse.
        hovered: the mouse is over the photo.
        draft: the box that is being dragged.
    """

    name = "photo"
    title = "PHOTO AND BODY"
    hint = (
        "Drag on the photo to draw the person's box, drag the box to move it, its edges to resize "
        "it: the person inside is fitted anew. Click on a person to fit that one. Wheel zooms, "
        "right drag pans, double click shows all. With a tool of {occlude} in hand the left button "
        "works on occluders. The thin quadrilateral is the crop that the networks see. {joints} "
        "draws the joints that the network estimates (a circle of one standard deviation), tied to "
        "the body's. After {why}, a click asks why a pixel or a joint is as it is."
    )

    def __init__(self, fonts: theme.Fonts) -> None:
        super().__init__(fonts)
        self.texture = Texture()
        self.layer = Texture()
        self.hits = Texture()
        self.kernels = Texture()
        self.hand = Hand()
        self.version = 0
        self.view = View(1.0, (0.0, 0.0))
        self._fitted_to: tuple[int | None, Point] | None = None
        self._photo: Point = (1, 1)
        self._grip: Grip | None = None
        self._start: Point = (0, 0)
        self.draft: Rect | None = None
        self._held: Point = (0, 0)
        self._pressed: Point = (0, 0)
        self._moved = False
        self.cell: tuple[Point, ...] | None = None
        self.cells = (1, 1)
        self.joint: int | None = None
        self.point: tuple[int, int] | None = None
        self._splitting = False
        self.under: int | None = None
        self.hovered = False

    def show(self, picture: np.ndarray) -> None:
        """A new photo."""
        self.texture.show(picture)
        self.version += 1

    def show_body(self, layer: np.ndarray) -> None:
        """A new picture of the body alone, as large as the photo or smaller."""
        self.layer.show(layer)
        self.version += 1

    def show_kernels(self, layer: np.ndarray) -> None:
        """A new picture of the kernels alone."""
        self.kernels.show(layer)
        self.version += 1

    def show_hits(self, hits: np.ndarray) -> None:
        """A new picture of hits and misses, one pixel a cell; cells off the body are clear."""
        alpha = np.where((hits == NOWHERE).all(-1, keepdims=True), 0, HITS_ALPHA).astype(np.uint8)
        enlarge = max(1, SHARP_SIDE // max(hits.shape[:2]))
        self.hits.show(np.concatenate([hits, alpha], -1), enlarge)
        self.version += 1

    @property
    def photo_side(self) -> int:
        """Pixels on screen along the photo's longer side, rounded up: zooming repaints seldom."""
        side = max(self._photo) * self.view.scale
        return int(min(max(math.ceil(side / SIDES), 1) * SIDES, PHOTO_SIDE))

    def draw(self, session: Session) -> None:
        """Fit a new photo into the panel, then draw."""
        scene, image = session.scene, session.view.image
        if scene is not None and self._fitted_to != (image, self.size):
            if self._fitted_to is not None and self._fitted_to[0] == image:
                self.view = self.view.resized(scene.size, self._fitted_to[1], self.size)
            else:
                self.view = View.fitted(scene.size, self.size)
            self._fitted_to = image, self.size
            self._photo = scene.size
        self.note(_summary(session))
        super().draw(session)

    def key(self, session: Session) -> Hashable:
        """The picture, where it lies, and the boxes."""
        scene = session.scene
        corners = scene.corners if scene else None
        boxes = session.box, self.draft, corners, self.cell
        marks = session.view.overlays, session.view.split, self.joint, self.point
        shown = marks, session.input, session.view.key
        body = session.view.opacity, session.pictured is not None, session.banner
        occluders = session.occluders, session.view.chosen, session.view.tool
        drawn = *occluders, tuple(self.hand.corners), session.previewed
        people = session.people, self.under, self.hovered
        why = session.view.why, session.probed
        return self.version, self.view, boxes, session.phase, shown, body, drawn, people, why

    def paint(self, session: Session) -> None:
        """The picture, the crop and the box."""
        self.well()
        scene = session.scene
        if scene is None or self.texture.empty:
            self._paint_empty(session)
            return
        if session.input is None or session.input[0] != session.view.image:
            return  # the picture of another image is still here
        corners = [self.view.to_panel(corner) for corner in scene.corners]
        self._paint_pictures(session, corners)
        self._paint_marks(session)
        dpg.draw_polygon([*corners, corners[0]], color=(255, 255, 255, 70), thickness=1)
        if self.cell is not None:
            cell = [self.view.to_panel(corner) for corner in self.cell]
            dpg.draw_polygon([*cell, cell[0]], color=(0, 0, 0, 200), thickness=4)
            dpg.draw_polygon([*cell, cell[0]], color=(255, 255, 255), thickness=2)
        if session.view.tool != BOX:
            paint_occluders(self.view, session, self.hand.corners, REACH / self.view.scale)
        elif (box := self.draft or session.box) is not None:
            self._paint_box(box)
        if self.hovered or PEOPLE in session.view.overlays:
            paint_people(self.view, session.people, session.box, self.under, self.width)
        if self.joint is not None or self.point is not None:
            self._paint_words(session)
        if session.view.why and session.probed is not None:
            paint_arrows(session.probed.answer, self.view, term_colors(session))
        if session.banner:
            self._paint_banner(with_keys(session.banner))

    def _paint_pictures(self, session: Session, corners: list[Point]) -> None:
        """The photo, and the body, kernels, hits and misses over it."""
        scene = session.scene
        assert scene is not None
        low, high = self.view.to_panel((0, 0)), self.view.to_panel(scene.size)
        dpg.draw_image(self.texture.tag, low, high)
        if session.pictured is not None and not self.layer.empty:
            strength = round(255 * session.view.opacity)
            dpg.draw_image(self.layer.tag, low, high, color=(255, 255, 255, strength))
            if KERNELS in session.view.overlays and session.pictured.ink.kernels:
                dpg.draw_image(self.kernels.tag, low, high)
        if HITS in session.view.overlays and session.pictured and session.pictured.found:
            dpg.draw_image_quad(self.hits.tag, *corners)

    def show_all(self) -> None:
        """Fit the photo into the panel again."""
        self._fitted_to = None

    @property
    def room(self) -> Point:
        """Size of the drawing area, or while the panel is hidden that which it had."""
        return self._fitted_to[1] if self._fitted_to is not None else self.size

    def show_person(self, session: Session) -> None:
        """Zoom to the person's box."""
        if session.box is not None:
            self.view = View.framing(session.box, self.room)

    def hover(self, session: Session, point: Point | None) -> None:
        """The mouse is at a point of the panel, or elsewhere."""
        scene, overlays = session.scene, session.view.overlays
        joints = scene.estimated_joints if scene is not None and JOINTS in overlays else ()
        self.joint = None if point is None else joint_at(self.view, joints, point)
        points = scene.points if scene is not None and POINTS in overlays else ()
        picks = point is not None and self.joint is None
        self.point = point_at(self.view, points, point) if picks and point is not None else None
        self.hovered = point is not None
        at = None if point is None else self.view.to_image(point)
        picks = session.view.tool == BOX and not session.view.why
        self.under = person_at(session.people, at) if at is not None and picks else None

    def _paint_empty(self, session: Session) -> None:
        """Words instead of a picture."""
        if session.phase is Phase.EMPTY:
            keys = with_keys("or press {open} to open one, {paste} to paste one")
            self.say(("Drop a photo here", keys))
            width, height = self.size
            dpg.draw_rectangle(
                (14, 14), (width - 14, height - 14), color=theme.LINE, thickness=2, rounding=10
            )
        else:
            self.say((session.phase.value + "…",))

    def _paint_marks(self, session: Session) -> None:
        """Joints, points and skeleton, and the bare photo over them at the left of the split."""
        scene, body = session.scene, session.pictured.joints if session.pictured else ()
        overlays, split = session.view.overlays, session.view.split
        assert scene is not None
        if SKELETON in overlays:
            paint_skeleton(self.view, body)
        if JOINTS in overlays:
            paint_joints(self.view, scene.estimated_joints, scene.sigmas, body)
        if POINTS in overlays:
            paint_points(self.view, scene.points, self.point)
        if split is not None:
            paint_split(self.view, self.texture.tag, scene.size, self.size, split, self.width)

    def _paint_words(self, session: Session) -> None:
        """Words about the joint or the point under the mouse."""
        scene, body = session.scene, session.pictured.joints if session.pictured else ()
        assert scene is not None
        if self.joint is not None:
            there = body[self.joint] if body else None
            estimated, sigma = scene.estimated_joints[self.joint], scene.sigmas[self.joint]
            words, place = joint_text(self.joint, estimated, sigma, there), estimated[:2]
        else:
            assert self.point is not None
            words = point_text(scene.points, self.point)
            place = scene.points[self.point[0]].places[self.point[1]]
        lines = text.wrapped(words, self.size[0] - 16, self.width)
        paint_lines(lines, self.size, self.view.to_panel(place))

    def _paint_banner(self, words: str) -> None:
        """Words across the top that stay, on as many lines as they need."""
        lines = text.wrapped(words, self.size[0] - px(20), self.width)
        height = LINE * len(lines) + px(8)
        dpg.draw_rectangle((0, 0), (self.size[0], height), color=theme.BOX, fill=theme.WARN)
        for i, line in enumerate(lines):
            dpg.draw_text((px(10), px(3) + i * LINE), line, size=theme.SMALL_SIZE, color=theme.TEXT)

    def _paint_box(self, box: Rect) -> None:
        """The box with its grips."""
        low = self.view.to_panel((box.x, box.y))
        high = self.view.to_panel((box.right, box.bottom))
        dpg.draw_rectangle(low, high, color=theme.BOX, thickness=2)
        for x in (low[0], high[0]):
            for y in (low[1], high[1]):
                knob = (x - KNOB, y - KNOB), (x + KNOB, y + KNOB)
                dpg.draw_rectangle(*knob, color=theme.BOX, fill=theme.BOX)

    # --- the mouse ---

    def press(self, session: Session, point: Point, button: int) -> Commands:
        """Take hold of the box, or of the photo."""
        self._held = self._pressed = point
        self._moved = False
        size = session.scene.size if session.scene else (1, 1)
        self._splitting = button == 0 and at_split(self.view, size, session.view.split, point)
        if self._splitting:
            return []
        if self._with_hand(session, button):
            return self.hand.press(session, self.view.to_image(point), REACH / self.view.scale)
        if button == 0 and session.scene is not None:
            self._start = self.view.to_image(point)
            self._grip = grip_at(session.box, self._start, REACH / self.view.scale)
        return []

    def drag(self, session: Session, point: Point, button: int) -> Commands:
        """Change the draft of the box, or pan, or move the split."""
        if self._splitting and session.scene is not None:
            x = self.view.to_image(point)[0]
            return session.set_split(x / session.scene.size[0]) if button == 0 else []
        if not self._moved and math.dist(point, self._pressed) < SLIP:
            return []  # the hand was not quite still
        self._moved = True
        if self._with_hand(session, button):
            return self.hand.drag(session, self.view.to_image(point), REACH / self.view.scale)
        if button == 0 and self._grip is not None and session.scene is not None:
            end = self.view.to_image(point)
            self.draft = dragged(session.box, self._grip, self._start, end, session.scene.size)
        elif button != 0:
            self.view = self.view.panned((point[0] - self._held[0], point[1] - self._held[1]))
            self._held = point
        return []

    def release(self, session: Session, point: Point, button: int) -> Commands:
        """The draft becomes the box, what the hand has drawn a run; a click picks or asks why."""
        if self._splitting and button == 0:
            self._splitting = False
            return []
        if self._with_hand(session, button):
            at, reach = self.view.to_image(point), REACH / self.view.scale
            return self.hand.release(session, at, reach, self._moved)
        draft, grip = self.draft, self._grip
        self.draft = self._grip = None
        if button != 0:
            return []
        if draft is not None:
            return [] if draft == session.box else session.set_box(draft)
        if grip is None or self._moved:
            return []
        if session.view.why:
            return self._ask_why(session, point)
        return session.pick(self.view.to_image(point))

    def _ask_why(self, session: Session, point: Point) -> Commands:
        """About the joint at a point, if joints are drawn, or else about the map's cell."""
        if session.scene is None:
            return []
        if self.joint is not None:
            return session.ask_why(JointTarget(self.joint))
        at = inside_crop(session.scene.to_crop, self.view.to_image(point))
        return [] if at is None else session.ask_why(PixelTarget(cell_center(self.cells, at)))

    def cancel(self, session: Session) -> Commands:
        """The box and the occluders stay as they were."""
        self.draft = self._grip = None
        return self.hand.cancel(session)

    def double_click(self, session: Session, point: Point) -> Commands:  # noqa: ARG002
        """Show the whole photo, or end a polygon."""
        if self.hand.corners:
            return self.hand.close(session)
        self.show_all()
        return []

    @staticmethod
    def _with_hand(session: Session, button: int) -> bool:
        """Whether a button works on occluders."""
        return button == 0 and session.scene is not None and session.view.tool != BOX

    def wheel(self, session: Session, point: Point, notches: float) -> Commands:
        """Zoom about the mouse."""
        if session.scene is not None:
            self.view = self.view.zoomed(point, 1.2**notches)
        return []


def _summary(session: Session) -> str:
    """Size of the photo, and where the box came from."""
    scene = session.scene
    if scene is None:
        return ""
    who = f", person {session.person + 1} of {len(session.people)}" if session.person else ""
    found = ("found" if scene.person else "nobody found") if scene.detected else "given"
    box = scene.box
    size = f"{scene.size[0]} × {scene.size[1]} px"
    if session.view.tool != BOX:
        size = f"a drag draws: {session.view.tool} · {size}"
    points = f" · points: {', '.join(scene.detectors)}" if scene.detectors else ""
    return f"{size} · box {box.width:.0f} × {box.height:.0f}, {found}{who}{points}"
