"""The window: carries messages between the panels, the session and the worker, frame by frame."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import wait
from pathlib import Path

import dearpygui.dearpygui as dpg

from app import theme
from app.action import Action
from app.link import Link
from app.panels.body import BodyPanel
from app.panels.controls import Controls
from app.panels.files import FileDialog
from app.panels.help import Help
from app.panels.loss import LossPanel
from app.panels.maps import MapPanel, ObservedPanel
from app.panels.model_maps import OcclusionPanel, RenderedPanel
from app.panels.palette import Palette
from app.panels.panel import Panel
from app.panels.photo import PhotoPanel
from app.panels.status import Status
from app.panels.strip import StripPanel
from app.panels.texture import REGISTRY
from app.panels.timeline import TimelinePanel
from app.panels.tour import TourDialog
from app.panels.why import WhyPanel
from app.protocol.commands import Commands
from app.protocol.events import Event, Stepped, WithPictures
from app.session import Session
from app.shared import BODY_SIDE
from app.state import Message, Phase
from app.window.beside import is_beside, put_beside
from app.window.desk import Desk
from app.window.dialogs import Dialogs
from app.window.drops import open_dropped
from app.window.exporting import Exporting
from app.window.frames import FrameClock
from app.window.glfw import Waiting, accept_drops, clipboard_text
from app.window.keys import Keys
from app.window.linking import link_cells, link_zoom
from app.window.mouse import Mouse
from app.window.occluder_files import fill, save_set
from app.window.paste import fetch_picture, open_pasted, path_in_text
from app.window.rest import Rest
from app.window.showing import Pictured
from app.window.tables import open_files
from app.window.views import Views

FRAMES_SHOWN = 1  # after which new pictures are on screen
NAP = 0.1  # seconds: other threads and Ctrl-C are heard after at most this


class Window(Views):
    """Owns everything that is on screen."""

    def __init__(self, session: Session, link: Link, size: tuple[int, int]) -> None:
        self.session = session
        self.link = link
        self.clock, self.rest = FrameClock(), Rest()
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.turns = 0
        self._use: Callable[[str], None] = self.open
        self.on_toured: Callable[[], None] = lambda: None
        self._pictures_came = 0
        self._create(size)

    # --- building ---

    def _create(self, size: tuple[int, int]) -> None:
        """Context, viewport and all items."""
        dpg.create_context()
        dpg.configure_app(manual_callback_management=True)
        title = "nbf · fitting debugger"
        dpg.create_viewport(title=title, width=size[0], height=size[1], x_pos=0, y_pos=0)
        dpg.set_viewport_vsync(False)
        dpg.set_viewport_clear_color([*theme.BACKGROUND[:3], 255])
        dpg.add_texture_registry(tag=REGISTRY)
        fonts = theme.load_fonts()
        dpg.bind_font(fonts.text)
        theme.bind_theme()
        self._create_panels(fonts)
        with dpg.window(tag="root", no_scrollbar=True, no_scroll_with_mouse=True):
            self.controls.build()
            for panel in self.panels.values():
                panel.build()
            self.status.build()
        dpg.bind_item_theme("root", theme.bare_theme())
        dpg.set_primary_window("root", True)
        bare = {"no_scrollbar": True, "no_scroll_with_mouse": True, "no_background": True}
        dpg.configure_item("root", **bare)  # the ground is the viewport's
        for dialog in (self.help, self.files, self.palette, self.tour, self.dialogs):
            dialog.build()
        self.desk.build()
        Keys(self.do, self._in_dialog).listen()
        self.mouse.listen()
        dpg.setup_dearpygui()
        dpg.show_viewport()
        dpg.render_dearpygui_frame()  # from now on texts can be measured

    def _create_panels(self, fonts: theme.Fonts) -> None:
        self.photo, self.body, self.loss = PhotoPanel(fonts), BodyPanel(fonts), LossPanel(fonts)
        self.body.photo = self.photo.bare.texture
        self.observed, self.rendered = ObservedPanel(fonts), RenderedPanel(fonts)
        self.occlusion = OcclusionPanel(fonts)
        maps = self.observed, self.rendered, self.occlusion
        self.pictured = Pictured(self.photo, *maps, self.body)
        self.maps: list[MapPanel] = list(maps)
        self.timeline, self.strip, why = TimelinePanel(fonts), StripPanel(fonts), WhyPanel(fonts)
        others = (self.photo, self.body, *self.maps, self.loss, self.timeline, self.strip, why)
        self.panels: dict[str, Panel] = {panel.name: panel for panel in others}
        self.help, self.status = Help(fonts), Status(fonts)
        self.files = FileDialog(fonts, self._chosen)
        self.palette = Palette(fonts, self)
        self.tour = TourDialog(fonts, lambda: self.on_toured())
        exporting = Exporting(fonts, self.session, self.panels, self.files, self._act)
        self.dialogs = Dialogs(fonts, self.do, self._act, self.photo.bare.texture, exporting)
        self.timeline.open_time = self.show_time
        self.controls = Controls(fonts, self.do, self._set_opacity)
        self.desk = Desk(self.panels, self.controls, self.status)
        self.mouse = Mouse([self.desk, *self.panels.values()])

    # --- what buttons, keys, drops and messages do ---

    def open(self, path: str) -> None:
        """Open a photo or a table, or use a file that belongs to the photo on screen."""
        beside = is_beside(path)
        self.send(put_beside(self.session, path) if beside else open_files(self.session, [path]))

    def restart(self) -> None:
        """Start the fit again, or the engine if it is dead."""
        if self.session.phase is Phase.DOWN:
            self.link.restart()
            self.session.revived()
        else:
            self.send(self.session.restart())

    def paste(self) -> None:
        """Open what the clipboard holds: the path of a photo, or a picture."""
        path = path_in_text(clipboard_text())
        if path:
            self.open(path)
            return
        self.session.message = Message("Looking at the clipboard…")
        pasted = partial(open_pasted, self.session, self.open)
        fetch_picture(lambda found: self._inbox.put(lambda: pasted(found)))

    def drop(self, items: list[str]) -> None:
        """Open the first of the dropped files, and let the others wait."""
        self.send(open_dropped(self.session, items))

    def ask_for_file(self) -> None:
        """Show the file dialog."""
        self._ask_for(self.open)

    def ask_for_picture(self) -> None:
        """Show the file dialog, to fill an occluder."""
        self._ask_for(lambda path: self.send(fill(self.session, path)))

    def ask_for_truth(self) -> None:
        """Show the file dialog, to choose a true body."""
        self._ask_for(lambda path: self.send(self.session.set_truth(path)))

    def _ask_for(self, use: Callable[[str], None]) -> None:
        self._use = use
        self.files.show(*self.size)

    def _chosen(self, path: str) -> None:
        """A file has been chosen."""
        self._use(path)

    def save_occluders(self) -> None:
        """Save the occluders on screen as a set."""
        self.send(save_set(self.session))

    def occlude(self) -> None:
        """Show or hide the dialog of occluders."""
        self.dialogs.occluding.toggle(*self.size)

    def pose(self) -> None:
        """Take the joints in hand with the dialog, or put both away."""
        self.dialogs.posing.toggle(*self.size)
        self.send(self.session.take_pose(self.dialogs.posing.shown))

    def search(self) -> None:
        """Show or hide the dialog of sweeps and searches."""
        self.dialogs.searching.toggle(*self.size)

    def show_time(self) -> None:
        """Show or hide the dialog of speed, jumps and bookmarks."""
        self.dialogs.time.toggle(*self.size)

    def show_exports(self) -> None:
        """Show or hide the dialog of what can be written."""
        self.dialogs.exporting.toggle(*self.size)

    def _act(self, act: Callable[[Session], Commands]) -> None:
        """Have a dialog do something."""
        self.send(act(self.session))

    def choose(self) -> None:
        """Run what is chosen in the list of commands, or open it in the file dialog."""
        if self.tour.shown and not self._in_dialog():
            self.tour.go(1)
            return
        self.palette.enter() if self.palette.shown else self.files.enter()

    def choose_next(self, count: int) -> None:
        """Choose another command, or another file in the file dialog."""
        self.palette.move(count) if self.palette.shown else self.files.move(count)

    def edit(self) -> None:
        """Show or hide the dialog of weights and steps."""
        self.dialogs.editing.toggle(*self.size)

    def toggle_help(self) -> None:
        """Show or hide the help sheet."""
        self.help.toggle(*self.size)

    def cancel(self) -> None:
        """Hide the help sheet and the file dialog, give up a drag."""
        if self.tour.shown:
            self.tour.end()
        for dialog in (self.files, self.palette, self.help, self.dialogs):
            dialog.hide()
        self.send(self.mouse.cancel(self.session))
        self.send(self.photo.cancel(self.session))

    def stride(self) -> int:
        """Ten steps with Shift."""
        return 10 if dpg.is_key_down(dpg.mvKey_LShift) else 1

    def do(self, action: Action) -> None:
        """Do an action; one that is not enabled does nothing, or shows why."""
        action.do(self)

    def send(self, commands: Commands) -> None:
        """Send commands to the worker."""
        for command in commands:
            self.link.send(command)

    def _set_opacity(self, opacity: float) -> None:
        self.send(self.session.set_opacity(opacity))

    def _in_dialog(self) -> bool:
        return self.files.shown or self.palette.shown or self.dialogs.typing

    # --- one frame ---

    def turn(self) -> None:
        """Messages and input, and a frame if anything may look different."""
        events = self.link.receive()
        for event in events:
            self._take(event)
        if self._take_in() or any(not isinstance(event, Stepped) for event in events):
            self.clock.changed()
        elif events and self.session.asked is None:  # else the step comes with its picture
            self.clock.stepped()
        if self.session.tick(time.monotonic()):
            self.pictured.follow_turns(self.session)
            self.clock.changed()
        if not self.clock.awake:
            self.clock.rest()
            self.turns += 1
        elif self.clock.left(self.session.busy) <= 0:
            self._frame()
            self.turns += 1
        self._ask()

    def _ask(self) -> None:
        """Ask the worker for what the screen lacks, and for work behind it."""
        self.session.view.hurried = self.clock.hurried
        self.send([*self.session.ask(), *self.session.work()])

    def _frame(self) -> None:
        """Input, drawing."""
        self.clock.tick(self.session.busy)
        self.desk.arrange(self.session)
        at = self.mouse.position
        over = self.dialogs.cover(at) or self.tour.covers(at)
        blocked = self._in_dialog() or self.help.shown or over
        self.send(self.mouse.poll(self.session, blocked))
        self.send(self.rest.poll(self.session, self.mouse))
        self._draw()
        width, height = (min(int(side), BODY_SIDE) for side in self.body.size)
        self.session.resize(self.photo.photo_side, (width, height))
        self._ask()  # the worker paints while this frame is drawn
        dpg.render_dearpygui_frame()
        self._hear()
        if self.dialogs.exporting.after_frame():
            self.clock.changed()

    def _hear(self) -> None:
        """Take in what the user did while the frame was drawn, which `_sleep` has not seen."""
        callbacks = dpg.get_callback_queue() or []
        dpg.run_callbacks(callbacks)
        if callbacks or self.mouse.ahead:
            self.clock.linger()  # else it would wait for the next input

    def _sleep(self) -> None:
        """Until the next frame is due, or a message comes; if none is due, until an input, too."""
        if self.clock.awake and (left := self.clock.left(self.session.busy)) > 0:
            wait(self.link.signals, left)
        rest = self.session.rest(time.monotonic())
        nap = self._nap if rest is None else min(self._nap, rest)
        if self._waiting.sleep(0.0 if self.clock.awake else nap, self.link.signals):
            self.clock.touched()

    def _take(self, event: Event) -> None:
        """A message: change the state, show its pictures, then ask for the next."""
        commands = self.session.receive(event)
        if isinstance(event, WithPictures):
            self._pictures_came = self.clock.frames
            if event.key == self.session.view.key:
                self.pictured.show(event)
            self.strip.take(event)
        self.send(commands)

    def _take_in(self) -> bool:
        """What other threads and the drop callback want done here; whether there was anything."""
        found = not self._inbox.empty()
        while not self._inbox.empty():
            self._inbox.get()()
        return found

    def _draw(self) -> None:
        if self.session.view.light != theme.is_light():
            theme.use(self.session.view.light)
        self._link()
        self.controls.draw(self.session)
        for panel in self.panels.values():
            if panel.area.width > 1 or panel is self.strip:  # which forgets pictures
                panel.draw(self.session)
        self.status.draw(self.session)
        self.dialogs.draw(self.session, self.size)
        self.tour.follow(self.desk.places, self.size)

    def _link(self) -> None:
        """What is under the mouse, and what panels show together."""
        over = self.mouse.under()
        for hovered in (self.photo, self.strip):
            inside = self.mouse.inside(hovered) if over is hovered else None
            hovered.hover(self.session, inside)
        self.desk.hover(self.mouse.position if over is self.desk else None)
        link_zoom(self.session, self.photo, self.maps)
        link_cells(self.session, self.mouse, self.photo, self.maps, self.body)

    # --- the loop ---

    def run(self, after_turn: Callable[[], bool], nap: float = NAP) -> None:
        """Turns until the window is closed or ``after_turn`` returns False.

        Args:
            nap: seconds between two turns if nothing happens.
        """
        self._nap = nap
        self.turn()
        self._waiting = Waiting()
        if not accept_drops(lambda items: self._inbox.put(lambda: self.drop(items))):
            self.session.message = Message(
                "This system cannot drop files here: press {open} instead."
            )
        while dpg.is_dearpygui_running() and after_turn():
            self._sleep()
            self.turn()

    @property
    def settled(self) -> bool:
        """Whether all pictures of the shown step are on screen."""
        return self.session.settled and self.clock.frames > self._pictures_came + FRAMES_SHOWN

    def close(self) -> None:
        """End the worker and the window."""
        self.link.close()
        dpg.destroy_context()

    def save_screenshot(self, path: Path) -> None:
        """Save the next frame as PNG; the file is there a frame or two later."""
        dpg.output_frame_buffer(str(path))
        self.clock.changed()
