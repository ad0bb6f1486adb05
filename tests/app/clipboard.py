"""A program that has the clipboard and hands it over by ICCCM, large content in pieces."""

import threading
from contextlib import contextmanager

PIECE = 50_000  # bytes: more goes in pieces


@contextmanager
def holding(display, **contents):
    """Hold the clipboard for as long as the block lasts; formats have __ for the slash."""
    owner = Owner(display, {name.replace("__", "/"): data for name, data in contents.items()})
    thread = threading.Thread(target=owner.serve, daemon=True)
    thread.start()
    try:
        yield owner
    finally:
        owner.stop = True
        thread.join(10)


class Owner:
    def __init__(self, display, contents):
        from Xlib import X
        from Xlib.display import Display

        self.X = X
        self.connection = Display(display)
        self.atom = self.connection.intern_atom
        root = self.connection.screen().root
        self.window = root.create_window(0, 0, 1, 1, 0, X.CopyFromParent)
        self.contents = {self.atom(name): data for name, data in contents.items()}
        self.window.set_selection_owner(self.atom("CLIPBOARD"), X.CurrentTime)
        self.connection.sync()
        self.left = None  # of content that goes in pieces: window, property, format, bytes
        self.stop = False

    def serve(self):
        import time

        while not self.stop:
            if not self.connection.pending_events():
                time.sleep(0.002)
                continue
            event = self.connection.next_event()
            if event.type == self.X.SelectionRequest:
                self.answer(event)
            elif event.type == self.X.PropertyNotify and event.state == self.X.PropertyDelete:
                self.go_on(event)
        self.connection.close()

    def answer(self, request):
        from Xlib import Xatom
        from Xlib.protocol.event import SelectionNotify

        window, place, kind = request.requestor, request.property, request.target
        content = self.contents.get(kind)
        if kind == self.atom("TARGETS"):
            window.change_property(place, Xatom.ATOM, 32, list(self.contents))
        elif content is None:
            place = self.X.NONE
        elif len(content) > PIECE:
            window.change_attributes(event_mask=self.X.PropertyChangeMask)
            window.change_property(place, self.atom("INCR"), 32, [len(content)])
            self.left = window, place, kind, content
        else:
            window.change_property(place, kind, 8, content)
        answer = SelectionNotify(
            time=request.time,
            requestor=window,
            selection=request.selection,
            target=kind,
            property=place,
        )
        window.send_event(answer)
        self.connection.flush()

    def go_on(self, event):
        if self.left is None or event.atom != self.left[1]:
            return
        window, place, kind, content = self.left
        window.change_property(place, kind, 8, content[:PIECE])
        self.left = (window, place, kind, content[PIECE:]) if content else None
        self.connection.flush()
