"""The body in three dimensions: the mouse turns and shifts it, the wheel comes nearer."""

from __future__ import annotations

import math
from collections.abc import Hashable

import dearpygui.dearpygui as dpg
import numpy as np
from jaxtyping import Float

from app import theme
from app.geometry.frustum import SHARE, clipped, frustum_lines, photo_corners
from app.geometry.orbit import Orbit
from app.geometry.plane import Point
from app.geometry.units import px, scale
from app.panels.handles import GRASP, joints_in_panel, paint_handles, place_at
from app.panels.panel import Panel
from app.panels.swatches import paint_swatches
from app.panels.texture import Texture
from app.pose_hand import PoseHand
from app.protocol.commands import Commands
from app.protocol.events import TurnedBody
from app.protocol.scene import ImageScene, Legend
from app.session import Session
from app.state import BEST_COLOR, OTHER_COLOR, START_COLOR
from app.view import CAMERA, POSE
from core.pictures.palette import ALIKE, UNLIKE

GRID_CELLS = 4  # on each side of the middle, half a metre each
GRID_CELL = 0.5
RAY = 1.4  # distances of the body's middle that a pixel's ray is long
NEAREST = 0.1  # metres from the eye to what is drawn
DOT = px(9)  # pixels: radius of a part that makes a pixel alone
AXES = (
    ((1.0, 0.0, 0.0), (235, 100, 90), "x"),
    ((0.0, 1.0, 0.0), (120, 205, 120), "y"),
    ((0.0, 0.0, 1.0), (95, 150, 245), "z"),
)


class BodyPanel(Panel):
    """Drag turns, right drag shifts, wheel zooms, double click looks from the photo's side again.

    Attributes:
        photo: the photo's picture, for its camera.
        pixel: of the photo under the mouse, whose ray is drawn; None for none.
    """

    name = "body"
    title = "BODY"
    hint = (
        "The body of the step on screen. Drag turns it, right drag shifts it, the wheel zooms, "
        "{frame} frames it, a double click goes back to the photo's own view. {other bodies} shows "
        "the start (grey), the best step (green) and the compared run (orange), {camera} the "
        "photo's camera, {kernels} the kernels. Grid squares are half a metre; the axes are the "
        "camera's. Dots are the kernels that make the pixel that is asked about. A line is the ray "
        "of the pixel under the mouse in the photo or a map, its ring as far away as the body."
    )

    def __init__(self, fonts: theme.Fonts) -> None:
        super().__init__(fonts)
        self.texture = Texture()
        self.photo = Texture()
        self.pixel: Point | None = None
        self.version = 0
        self.posing = PoseHand()
        self._held: Point = (0, 0)

    def show(self, picture: np.ndarray) -> None:
        """A new picture of the body on nothing."""
        self.texture.show(picture)
        self.version += 1

    def draw(self, session: Session) -> None:
        """Say where the eye is, then draw."""
        orbit = session.view.orbit
        yaw, pitch = math.degrees(orbit.yaw), math.degrees(orbit.pitch)
        turned = f"turned {yaw:.0f}°, {pitch:.0f}°" if (yaw or pitch) else "as in the photo"
        step = f" · {session.pictured_step}" if session.pictured else ""
        self.note(turned + step if session.turned else "")
        super().draw(session)

    def key(self, session: Session) -> Hashable:
        """The picture, and how it was seen."""
        camera = self.photo.tag if CAMERA in session.view.overlays else ""
        legend, by_hand = self._legend(session), (session.view.tool == POSE, self.posing.joint)
        shown = self.version, session.turned, self._points(session), camera, self.pixel
        return *shown, legend, by_hand

    def paint(self, session: Session) -> None:
        """Floor, body and axes."""
        self.well()
        if session.turned is None or self.texture.empty:
            self.say(("the fitted body",))
            return
        self._paint_floor(session.turned)
        camera = CAMERA in session.view.overlays and session.scene is not None
        near = camera and self._photo_is_near(session)
        if camera and not near:
            self._paint_camera(session)
        dpg.draw_image(self.texture.tag, (0, 0), self.size)
        if near:
            self._paint_camera(session)
        self._paint_points(session.turned, self._points(session))
        if self.pixel is not None and session.scene is not None:
            self._paint_ray(session.turned, session.scene, self.pixel)
        legend = self._legend(session)
        room = sum(px(30) + self.width(word) for _, word in legend)
        paint_swatches((self.size[0] - room, self.size[1] - px(22)), legend, self.width)
        if session.view.tool == POSE and session.turned.joints:
            places = joints_in_panel(session.turned, self.size[0]).tolist()
            paint_handles([(x, y) for x, y in places], self.posing.joint)
        self._paint_axes(session.turned.view.orbit)

    def _paint_floor(self, turned: TurnedBody) -> None:
        """A grid under the feet, as the orbit sees it."""
        reach = GRID_CELLS * GRID_CELL
        ticks = np.linspace(-reach, reach, 2 * GRID_CELLS + 1)
        ends = np.full_like(ticks, reach)
        along_z = np.stack([ticks, 0 * ticks, -ends, ticks, 0 * ticks, ends], 1)
        along_x = along_z[:, [2, 1, 0, 5, 4, 3]]
        lines = np.concatenate([along_z, along_x]).reshape(-1, 2, 3)
        below = np.array([0.0, turned.floor - turned.middle[1], 0.0])
        orbit = turned.view.orbit
        seen = orbit.see((lines + below).reshape(-1, 3), np.zeros(3))
        if seen[:, 2].min() < NEAREST:
            return  # the floor reaches behind the eye
        width, height = turned.view.width, turned.view.height
        pixels = orbit.project(seen, width, height) * (self.size[0] / width)
        for a, b in pixels.reshape(-1, 2, 2).tolist():
            dpg.draw_line(a, b, color=(110, 122, 140, 60), thickness=1)

    def _legend(self, session: Session) -> Legend:
        """What the colours of kernels and of other bodies mean."""
        turned, scene = session.turned, session.scene
        if turned is None or scene is None:
            return ()
        by = turned.view.ink.kernels
        if by == "z":
            return scene.legend
        if by == "residual":
            return (ALIKE, "as observed"), (UNLIKE, "unlike")
        words = {START_COLOR: "start", BEST_COLOR: "best", OTHER_COLOR: "compared"}
        return tuple((other.color, words[other.color]) for other in turned.view.others if not by)

    def _paint_ray(self, turned: TurnedBody, scene: ImageScene, pixel: Point) -> None:
        """The ray of a pixel through the room, with a ring as far away as the body's middle."""
        x, y = ((p - s / 2) / scene.focal for p, s in zip(pixel, scene.size, strict=True))
        depths = np.array([0.0, 1.0, RAY]) * turned.middle[2]
        points = depths[:, None] * np.array([x, y, 1.0])
        orbit, place = turned.view.orbit, (turned.view.width, turned.view.height)
        seen, share = orbit.see(points, np.array(turned.middle)), self.size[0] / place[0]
        for line in clipped(seen[[0, 2]][None], NEAREST):
            ends = (orbit.project(line, *place) * share).tolist()
            dpg.draw_line(*ends, color=(*theme.TEXT[:3], 170), thickness=px(1))
        if seen[1, 2] > NEAREST:
            (middle,) = (orbit.project(seen[1:2], *place) * share).tolist()
            dpg.draw_circle(middle, px(5), color=theme.TEXT, thickness=px(2))

    def _camera(self, session: Session) -> tuple[TurnedBody, Float[np.ndarray, "4 3"]]:
        """What is shown, and the corners of the photo before its camera."""
        turned, scene = session.turned, session.scene
        assert turned is not None
        assert scene is not None
        return turned, photo_corners(scene.size, scene.focal, SHARE * turned.middle[2])

    def _photo_is_near(self, session: Session) -> bool:
        """Whether the photo is before the body as it is seen."""
        turned, corners = self._camera(session)
        orbit = turned.view.orbit
        depth = orbit.see(corners, np.array(turned.middle))[:, 2].mean()
        return bool(depth < orbit.distance)

    def _paint_camera(self, session: Session) -> None:
        """The camera's rays and the photo in them."""
        turned, corners = self._camera(session)
        orbit, middle = turned.view.orbit, np.array(turned.middle)
        place = turned.view.width, turned.view.height
        share = self.size[0] / place[0]
        seen = orbit.see(corners, middle)
        if seen[:, 2].min() > NEAREST and not self.photo.empty:
            quad = (orbit.project(seen, *place) * share).tolist()
            dpg.draw_image_quad(self.photo.tag, *quad, color=(255, 255, 255, 220))
        lines = orbit.see(frustum_lines(corners).reshape(-1, 3), middle).reshape(-1, 2, 3)
        for a, b in clipped(lines, NEAREST):
            ends = (orbit.project(np.stack([a, b]), *place) * share).tolist()
            dpg.draw_line(*ends, color=(*theme.ACCENT[:3], 170), thickness=1)

    def _points(self, session: Session) -> tuple[tuple[float, float, float, float], ...]:
        """The parts that make the pixel that is asked about, if they are of the step on screen."""
        probed, painted = session.probed, session.painted
        if not session.view.why or probed is None or painted is None:
            return ()
        return probed.answer.points if probed.step == painted.step else ()

    def _paint_points(
        self, turned: TurnedBody, points: tuple[tuple[float, float, float, float], ...]
    ) -> None:
        """Dots with areas in proportion to the shares."""
        if not points:
            return
        seen = turned.view.orbit.see(np.array(points)[:, :3], np.array(turned.middle))
        width, height = turned.view.width, turned.view.height
        pixels = turned.view.orbit.project(seen, width, height) * (self.size[0] / width)
        for pixel, (_, _, depth), (*_, share) in zip(pixels.tolist(), seen, points, strict=True):
            if depth > NEAREST:
                radius = DOT * math.sqrt(max(share, 0.01))
                dpg.draw_circle(pixel, radius, color=(0, 0, 0), fill=theme.BOX)

    def _paint_axes(self, orbit: Orbit) -> None:
        """The photo camera's axes in the corner."""
        origin = float(px(34)), self.size[1] - px(34)
        for axis, color, letter in AXES:
            x, y, _ = orbit.rotation @ np.array(axis)
            tip = origin[0] + px(22) * x, origin[1] + px(22) * y
            dpg.draw_line(origin, tip, color=color, thickness=2)
            at = origin[0] + px(30) * x - px(4), origin[1] + px(30) * y - px(8)
            if math.hypot(x, y) > 0.3:
                dpg.draw_text(at, letter, size=theme.SMALL_SIZE, color=color)

    # --- the mouse ---

    def press(self, session: Session, point: Point, button: int) -> Commands:
        """Remember where, and take hold of a joint if they are in hand."""
        self._held = point
        turned = session.turned
        if button != 0 or session.view.tool != POSE or turned is None or not turned.joints:
            return []
        away = np.linalg.norm(joints_in_panel(turned, self.size[0]) - point, axis=1)
        return self.posing.hold(session, int(away.argmin()) if away.min() <= GRASP else None)

    def release(self, session: Session, point: Point, button: int) -> Commands:  # noqa: ARG002
        """Let go."""
        self.posing.joint = None
        return []

    def cancel(self, session: Session) -> Commands:
        """The joint stays where it was."""
        return self.posing.cancel(session)

    def drag(self, session: Session, point: Point, button: int) -> Commands:
        """Turn, shift, or bring the held joint to the point, parallel to the picture."""
        if self.posing.joint is not None and button == 0:
            if session.turned is None or point == self._held:
                return []
            self._held = point
            place = place_at(session.turned, self.size[0], self.posing.joint, point)
            return self.posing.pull(session, place)
        dx, dy = point[0] - self._held[0], point[1] - self._held[1]
        self._held = point
        orbit = session.view.orbit
        moved = (
            orbit.turned(dx / scale(), dy / scale())
            if button == 0
            else orbit.shifted(dx, dy, self.size[1])
        )
        return session.turn(moved) if dx or dy else []

    def double_click(self, session: Session, point: Point) -> Commands:  # noqa: ARG002
        """Look from the photo's side."""
        return session.turn(Orbit())

    def wheel(self, session: Session, point: Point, notches: float) -> Commands:  # noqa: ARG002
        """Come nearer."""
        return session.turn(session.view.orbit.zoomed(notches))
