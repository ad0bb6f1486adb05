"""Another X client: drops files by the XDND protocol as a file manager does, and sees pixels."""

import os
import time
from urllib.parse import quote

import numpy as np

VERSION = 5
PATIENCE = 10.0
NAMES = ("XdndEnter", "XdndPosition", "XdndStatus", "XdndDrop", "XdndFinished", "XdndSelection")
MORE = ("XdndActionCopy", "XdndAware", "text/uri-list")


def environment(display):
    """The environment of a program on that display, and on no other."""
    kept = {k: v for k, v in os.environ.items() if k not in ("WAYLAND_DISPLAY", "XAUTHORITY")}
    return {**kept, "DISPLAY": display, "OMP_NUM_THREADS": "1"}


def grab(display):
    """The whole screen, (height, width, 3) uint8."""
    from Xlib import X
    from Xlib.display import Display

    connection = Display(display)
    try:
        root = connection.screen().root
        size = root.get_geometry()
        image = root.get_image(0, 0, size.width, size.height, X.ZPixmap, 0xFFFFFFFF)
        pixels = np.frombuffer(image.data, np.uint8).reshape(size.height, size.width, 4)
        return pixels[..., 2::-1].copy()
    finally:
        connection.close()


def set_resources(display, text):
    """Set what desktops tell all programs, such as Xft.dpi."""
    from Xlib import Xatom
    from Xlib.display import Display

    connection = Display(display)
    root = connection.screen().root
    root.change_property(Xatom.RESOURCE_MANAGER, Xatom.STRING, 8, text.encode())
    connection.sync()
    connection.close()


def press(display):
    """Press and release the left button, in less time than it takes to start a program."""
    from Xlib import X
    from Xlib.display import Display
    from Xlib.ext import xtest

    connection = Display(display)
    xtest.fake_input(connection, X.ButtonPress, 1)
    connection.sync()
    pressed = time.monotonic()
    time.sleep(0.03)  # or the window would see neither
    xtest.fake_input(connection, X.ButtonRelease, 1)
    connection.sync()
    connection.close()
    return pressed


def wait_for_server(display):
    """Until the X server has taken in what other clients have sent: it may be slower than they."""
    from Xlib.display import Display

    connection = Display(display)
    connection.sync()
    connection.close()


def drop_files(display, window, paths, at):
    """Offer files to a window, drop them, hand them over, and wait until it has taken them."""
    from Xlib.display import Display

    connection = Display(display)
    try:
        Source(connection, window).drop(paths, at)
    finally:
        connection.close()


class Source:
    """The side that the files come from."""

    def __init__(self, connection, window):
        from Xlib import X

        self.connection = connection
        self.target = connection.create_resource_object("window", window)
        self.atoms = {name: connection.intern_atom(name) for name in (*NAMES, *MORE)}
        root = connection.screen().root
        self.window = root.create_window(0, 0, 1, 1, 0, X.CopyFromParent)

    def drop(self, paths, at):
        from Xlib import X

        aware = self.target.get_full_property(self.atoms["XdndAware"], X.AnyPropertyType)
        assert aware is not None, "the window does not take drops"
        self.window.set_selection_owner(self.atoms["XdndSelection"], X.CurrentTime)
        places = (path if "://" in path else f"file://{quote(path)}" for path in paths)
        listed = "".join(f"{place}\r\n" for place in places).encode()
        self.send("XdndEnter", VERSION << 24, self.atoms["text/uri-list"], 0, 0)
        position = at[0] << 16 | at[1]
        self.send("XdndPosition", 0, position, X.CurrentTime, self.atoms["XdndActionCopy"])
        dropped, finished = False, False
        limit = time.monotonic() + PATIENCE
        while not finished:
            assert time.monotonic() < limit, "the window did not take the drop"
            if not self.connection.pending_events():
                time.sleep(0.005)
                continue
            event = self.connection.next_event()
            if event.type == X.SelectionRequest:
                self.hand_over(event, listed)
            elif event.type == X.ClientMessage:
                kind, data = event.client_type, event.data[1]
                if kind == self.atoms["XdndStatus"] and not dropped:
                    assert data[1] & 1, "the window refuses the drop"
                    self.send("XdndDrop", 0, X.CurrentTime, 0, 0)
                    dropped = True
                finished = kind == self.atoms["XdndFinished"]

    def send(self, name, *values):
        from Xlib.protocol.event import ClientMessage

        data = (32, [self.window.id, *values])
        message = ClientMessage(window=self.target, client_type=self.atoms[name], data=data)
        self.target.send_event(message, event_mask=0)
        self.connection.flush()

    def hand_over(self, request, listed):
        from Xlib import X
        from Xlib.protocol.event import SelectionNotify

        known = request.target == self.atoms["text/uri-list"]
        if known:
            request.requestor.change_property(request.property, request.target, 8, listed)
        answer = SelectionNotify(
            time=request.time,
            requestor=request.requestor,
            selection=request.selection,
            target=request.target,
            property=request.property if known else X.NONE,
        )
        request.requestor.send_event(answer)
        self.connection.flush()
