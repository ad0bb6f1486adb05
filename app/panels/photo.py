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
from app.panels.bare import BarePhoto
from app.panels.handles import GRASP, paint_handles, paint_truth, paint_wishes
from app.panels.joints import joint_at, paint_joints
from app.panels.loss import term_colors
from app.panels.maps import SHARP_SIDE
from app.panels.marks import at_split, paint_points, paint_skeleton, paint_split, point_at
from app.panels.occluders import paint_occluders
from app.panels.panel import Panel
from app.panels.people import paint_people
from app.panels.photo_words import drawn_joints, paint_banner, paint_words, summary
from app.panels.texture import Texture
from app.panels.votes import drawn_points, paint_legend, paint_votes
from app.panels.why import paint_arrows
from app.pose_hand import PoseHand
from app.protocol.commands import Commands
from app.protocol.why import JointTarget, PixelTarget, Target
from app.session import Session
from app.shared import PHOTO_SIDE
from app.state import Phase
from app.view import BOX, HITS, JOINTS, KERNELS, PEOPLE, POINTS, POSE, SKELETON, SMOOTH, VOTES
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
        self.bare = BarePhoto()
        self.layer = Texture()
        self.hits = Texture()
        self.kernels = Texture()
        self.hand, self.posing = Hand(), PoseHand()
        self.version = 0
        self.view = View(1.0, (0.0, 0.0))
        self._fitted_to: tuple[int | None, Point] | None = None
        self._room: Point = (1.0, 1.0)  # when it was last drawn
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
        self.bare.show(picture)
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
        if scene is not None:
            self._photo = scene.size
        self._room = self.size
        self.note(summary(session))
        super().draw(session)

    def key(self, session: Session) -> Hashable:
        """The picture, where it lies, and the boxes."""
        scene = session.scene
        corners = scene.corners if scene else None
        boxes = session.box, self.draft, corners, self.cell
        smooth = SMOOTH in session.view.looks
        marks = smooth, session.view.overlays, session.view.split, self.joint, self.point
        shown = marks, session.input, session.view.key
        body = session.view.opacity, session.pictured is not None, session.banner
        occluders = session.occluders, session.view.chosen, session.view.tool
        by_hand = session.wishes, self.posing.joint, session.truth
        drawn = *occluders, tuple(self.hand.corners), session.previewed
        people = session.people, self.under, self.hovered
        why = session.view.why, session.probed
        whole = self.version, self.view, boxes, session.phase, shown, body
        return *whole, drawn, people, why, by_hand

    def paint(self, session: Session) -> None:
        """The picture, the crop and the box."""
        scene = session.scene
        if scene is None or self.bare.texture.empty:
            self.well()
            self._paint_empty(session)
            return
        if session.input is None or session.input[0] != session.view.image:
            self.well()
            return  # the picture of another image is still here
        self.well(self.view.to_panel((0, 0)), self.view.to_panel(scene.size))
        corners = [self.view.to_panel(corner) for corner in scene.corners]
        self._paint_pictures(session, corners)
        self._paint_marks(session)
        dpg.draw_polygon([*corners, corners[0]], color=(255, 255, 255, 70), thickness=1)
        if self.cell is not None:
            cell = [self.view.to_panel(corner) for corner in self.cell]
            dpg.draw_polygon([*cell, cell[0]], color=(0, 0, 0, 200), thickness=4)
            dpg.draw_polygon([*cell, cell[0]], color=(255, 255, 255), thickness=2)
        self._paint_tool(session)
        if self.hovered or PEOPLE in session.view.overlays:
            paint_people(self.view, session.people, session.box, self.under, self.width)
        if VOTES in session.view.overlays:
            paint_legend(scene, self.size, self.width)
        if session.view.why and session.probed is not None:
            paint_arrows(session.probed.answer, self.view, term_colors(session))
        below = paint_banner(with_keys(session.banner), self.size, self.width)
        if self.joint is not None or self.point is not None:
            place = self.joint, self.point
            paint_words(self.view, session, *place, self.size, self.width, below)

    def _paint_pictures(self, session: Session, corners: list[Point]) -> None:
        """The photo, and the body, kernels, hits and misses over it."""
        scene = session.scene
        assert scene is not None
        low, high = self.view.to_panel((0, 0)), self.view.to_panel(scene.size)
        self.bare.place(scene.size, self.view, self.size, SMOOTH in session.view.looks)
        self.bare.draw()
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
        return self.size if min(self.size) > 0 else self._room

    def show_person(self, session: Session) -> None:
        """Zoom to the person's box."""
        if session.box is not None:
            self.view = View.framing(session.box, self.room)
            self._fitted_to = session.view.image, self.room

    def hover(self, session: Session, point: Point | None) -> None:
        """The mouse is at a point of the panel, or elsewhere."""
        joints = drawn_joints(session)
        self.joint = None if point is None else joint_at(self.view, joints, point)
        points = drawn_points(session)
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
        unseen = session.pictured.unseen if session.pictured else ()
        overlays, split = session.view.overlays, session.view.split
        assert scene is not None
        if SKELETON in overlays:
            paint_skeleton(self.view, body, unseen)
        if JOINTS in overlays:
            paint_joints(self.view, scene.estimated_joints, scene.sigmas, body, unseen)
            paint_truth(self.view, session)
        if POINTS in overlays:
            paint_points(self.view, scene.points, self.point)
        if VOTES in overlays:
            paint_votes(self.view, scene)
        if split is not None:
            self.bare.draw(until=self.view.to_panel((split * scene.size[0], 0))[0])
            paint_split(self.view, scene.size, self.size, split, self.width)

    def _paint_tool(self, session: Session) -> None:
        """What the tool in hand works on."""
        if session.view.tool == POSE:
            self._paint_pose(session)
        elif session.view.tool != BOX:
            paint_occluders(self.view, session, self.hand.corners, self._reach(session))
        elif (box := self.draft or session.box) is not None:
            self._paint_box(box)

    def _paint_pose(self, session: Session) -> None:
        """The joints to drag, and where they should be."""
        joints = session.pictured.joints if session.pictured is not None else ()
        paint_handles([self.view.to_panel(joint[:2]) for joint in joints], self.posing.joint)
        paint_wishes(self.view, session)

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
            at, reach = self.view.to_image(point), self._reach(session)
            return self._hand(session).press(session, at, reach)
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
            at, reach = self.view.to_image(point), self._reach(session)
            return self._hand(session).drag(session, at, reach)
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
            at, reach = self.view.to_image(point), self._reach(session)
            return self._hand(session).release(session, at, reach, self._moved)
        draft, grip = self.draft, self._grip
        self.draft = self._grip = None
        if button != 0:
            return []
        if draft is not None:
            return [] if draft == session.box else session.set_box(draft)
        if grip is None or self._moved:
            return []
        if session.view.why:
            target = self.target_at(session, point)
            return [] if target is None else session.click_why(target)
        return session.pick(self.view.to_image(point))

    def target_at(self, session: Session, point: Point) -> Target | None:
        """The joint at a point, if joints are drawn, or else the map's cell."""
        if session.scene is None:
            return None
        if self.joint is not None:
            return JointTarget(self.joint)
        at = inside_crop(session.scene.to_crop, self.view.to_image(point))
        return None if at is None else PixelTarget(cell_center(self.cells, at))

    def cancel(self, session: Session) -> Commands:
        """The box and the occluders stay as they were."""
        self.draft = self._grip = None
        return [*self.posing.cancel(session), *self.hand.cancel(session)]

    def double_click(self, session: Session, point: Point) -> Commands:  # noqa: ARG002
        """Show the whole photo, or end a polygon."""
        if self.hand.corners:
            return self.hand.close(session)
        self.show_all()
        return []

    def _hand(self, session: Session) -> Hand | PoseHand:
        """Works on occluders, or on the body's joints."""
        return self.posing if session.view.tool == POSE else self.hand

    def _reach(self, session: Session) -> float:
        """Pixels of the photo within which the mouse takes hold."""
        return (GRASP if session.view.tool == POSE else REACH) / self.view.scale

    @staticmethod
    def _with_hand(session: Session, button: int) -> bool:
        """Whether a button works on occluders or joints."""
        return button == 0 and session.scene is not None and session.view.tool != BOX

    def wheel(self, session: Session, point: Point, notches: float) -> Commands:
        """Zoom about the mouse."""
        if session.scene is not None:
            self.view = self.view.zoomed(point, 1.2**notches)
        return []
