"""What the user does with the window itself: layouts, panels, and how they are looked at."""

from __future__ import annotations

from dataclasses import dataclass, replace

from app.geometry.layout import BARS, BUILT_IN, PANELS, Divider, Layout, completed
from app.geometry.plane import Rect
from app.protocol.commands import KERNEL_COLORS, Commands
from app.state import Level, Message, SessionState
from app.view import KERNELS

LONGEST_NAME = 40
"""Letters of a layout's name."""
MOST_LAYOUTS = 20


@dataclass
class Viewing(SessionState):
    """The state, and the methods about the window's looks. None of them touches a run."""

    @property
    def layouts(self) -> dict[str, Layout]:
        """All layouts by name, the user's own last."""
        return BUILT_IN | self.view.own_layouts

    def use_layout(self, name: str) -> Commands:
        """Arrange the panels as a layout says."""
        if name in self.layouts:
            self.view.layout_name = name
            self.view.layout = completed(self.layouts[name])
            self.view.largest, self.view.turn = "", 0
            self.message = Message(f"Layout: {name}")
        return []

    def next_layout(self) -> Commands:
        """The next one of all layouts."""
        names = list(self.layouts)
        here = self.view.layout_name
        place = names.index(here) + 1 if here in names else 0
        return self.use_layout(names[place % len(names)])

    def keep_layout(self, name: str) -> Commands:
        """Give the panels as they are now a name, under which they come back."""
        name = " ".join(name.split())[:LONGEST_NAME]
        own = self.view.own_layouts
        if not name or name in BUILT_IN:
            text = "A layout of your own needs a name that no built-in one has."
            self.message = Message(text, Level.WARNING)
        elif len(own) >= MOST_LAYOUTS and name not in own:
            text = f"There are {MOST_LAYOUTS} layouts already: {{forget layout}} forgets one."
            self.message = Message(text, Level.WARNING)
        else:
            self.view.own_layouts = own | {name: self.view.layout}
            self.view.layout_name = name
            self.message = Message(f"Kept the layout as {name}")
        return []

    def forget_layout(self) -> Commands:
        """Forget the layout of the user's own that is on screen; the panels stay."""
        name = self.view.layout_name
        if name in self.view.own_layouts:
            others = {n: layout for n, layout in self.view.own_layouts.items() if n != name}
            self.view.own_layouts = others
            self.view.layout_name = ""
            self.message = Message(f"Forgot the layout {name}")
        return []

    def toggle_panel(self, name: str) -> Commands:
        """Hide a panel or bar, or show it."""
        if name in (*PANELS, *BARS):
            self.view.layout = self.view.layout.toggled(name)
            self.view.largest = ""
        return []

    def enlarge(self, name: str) -> Commands:
        """Give a panel the place of all, or take it away again."""
        if self.view.largest:
            self.view.largest = ""
        elif name in PANELS:
            self.view.largest = name
        return []

    def turn_panels(self) -> Commands:
        """Where there is no room for all panels: show others."""
        self.view.turn += 1
        if self.view.largest:
            panels = self.view.layout.panels
            here = panels.index(self.view.largest) if self.view.largest in panels else -1
            self.view.largest = panels[(here + 1) % len(panels)]
        return []

    def move_divider(self, divider: Divider, pixels: float, places: dict[str, Rect]) -> Commands:
        """Move a divider from where it was when the panels had these places."""
        self.view.layout = self.view.layout.moved(divider, pixels, places)
        return []

    def toggle_look(self, name: str) -> Commands:
        """Switch something of the window's looks, such as the linked zoom."""
        self.view.looks ^= {name}
        return []

    def next_kernel_color(self) -> Commands:
        """Colour kernels by something else; they appear if they were not there."""
        colors, view = KERNEL_COLORS, self.view
        if self.record is not None:
            if KERNELS in view.overlays:
                place = colors.index(view.kernel_color) + 1
                view.kernel_color = colors[place % len(colors)]
            view.overlays |= {KERNELS}
            self.message = Message(f"Kernels are coloured by {view.kernel_color}.")
        return []

    def frame(self) -> Commands:
        """Bring the body to the middle, as large as there is room."""
        if self.turned is not None:
            self.view.orbit = self.view.orbit.framed(self.turned.reach)
        return []

    def toggle_split(self) -> Commands:
        """Split the photo in its middle into the bare photo and what is drawn over it, or not."""
        if self.record is not None:
            self.view.split = 0.5 if self.view.split is None else None
        return []

    def set_split(self, share: float | None) -> Commands:
        """Show the bare photo at the left of a share of its width; None for nowhere."""
        self.view.split = None if share is None else min(max(share, 0.0), 1.0)
        return []

    def toggle_theme(self) -> Commands:
        """Light or dark."""
        self.view.light = not self.view.light
        return []

    def restore(self, layout: Layout, name: str, own: dict[str, Layout]) -> None:
        """Layouts of an earlier session."""
        self.view.layout, self.view.layout_name = completed(layout), name
        self.view.own_layouts = {n: replace(kept) for n, kept in own.items()}
