"""The dialog of what can be written: bodies, films, pictures of panels, curves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import dearpygui.dearpygui as dpg

from app import theme
from app.actions import BY_NAME
from app.geometry.units import px
from app.panels.dialog import SideDialog
from app.session import Session

DIALOG, PANEL = "export dialog", "export panel"
WIDTH, HEIGHT, BUTTON, LABELS = px(436), px(240), px(54), px(156)


@dataclass(frozen=True)
class Kind:
    """Something that can be written.

    Attributes:
        suffixes: of the formats.
    """

    name: str
    label: str
    suffixes: tuple[str, ...]
    tip: str


KINDS = (
    Kind(
        "body",
        "body of this step",
        (".glb", ".obj", ".ply", ".npz"),
        "The surface in metres, or pose, shape and place (npz), in the photo's camera frame.",
    ),
    Kind(
        "animation",
        "all steps, animated",
        (".glb",),
        "A body with skeleton and skin, whose animation goes through the steps.",
    ),
    Kind("film", "all steps, as a film", (".mp4", ".gif"), "Photo, body, maps and losses."),
    Kind("curves", "curves", (".csv",), "Total and weighted terms, a line a step."),
    Kind("panel", "panel", (".png",), "As it is on screen."),
)


class ExportDialog(SideDialog):
    """A button for each format; then the window asks for the name."""

    tag, width, room = DIALOG, WIDTH, HEIGHT

    def __init__(
        self, fonts: theme.Fonts, panels: Mapping[str, str], chosen: Callable[[str, str], None]
    ) -> None:
        """Dialog that calls ``chosen`` with the name of a kind and a suffix.

        Args:
            panels: names by title.
        """
        self._fonts = fonts
        self._panels = panels
        self._chosen = chosen

    def build(self) -> None:
        """Create the dialog (once), hidden."""
        with (
            dpg.window(
                tag=DIALOG,
                label=BY_NAME["export"].label,
                show=False,
                no_resize=True,
                no_collapse=True,
                width=WIDTH,
                on_close=self.hide,
            ),
            dpg.table(header_row=False, policy=dpg.mvTable_SizingFixedFit),
        ):
            dpg.add_table_column(width_fixed=True, init_width_or_weight=LABELS)
            dpg.add_table_column(width_stretch=True)
            for kind in KINDS:
                with dpg.table_row():
                    label = self._build_label(kind)
                    self._build_buttons(kind)
                with dpg.tooltip(label, delay=0.4):
                    dpg.add_text(kind.tip, wrap=px(320))

    def _build_label(self, kind: Kind) -> int | str:
        """What is written; for panels, which one."""
        if kind.name != "panel":
            return dpg.add_text(kind.label)
        titles = list(self._panels)
        return dpg.add_combo(titles, tag=PANEL, default_value=titles[0], width=LABELS - px(12))

    def _build_buttons(self, kind: Kind) -> None:
        with dpg.group(horizontal=True):
            for suffix in kind.suffixes:
                dpg.add_button(
                    tag=item(kind.name, suffix),
                    label=suffix.removeprefix("."),
                    width=BUTTON,
                    callback=self._choosing(kind.name, suffix),
                )

    @property
    def items(self) -> list[str]:
        """Its buttons."""
        return [item(kind.name, suffix) for kind in KINDS for suffix in kind.suffixes]

    @property
    def panel(self) -> str:
        """Name of the chosen panel."""
        return self._panels[dpg.get_value(PANEL)]

    def _choosing(self, name: str, suffix: str) -> Callable[[], None]:
        return lambda: self._chosen(name, suffix)


def item(name: str, suffix: str) -> str:
    """The tag of a button."""
    return f"export {name}{suffix}"


def proposed(session: Session, name: str, suffix: str) -> str:
    """A name for the file."""
    image = session.image.name if session.image is not None else "fit"
    stem = image.rpartition(":")[2].rpartition(".")[0] or image.rpartition(":")[2]
    run = session.view.key[1] if session.view.key is not None else 0
    parts = {"body": f"step-{session.view.step}", "animation": "steps", "film": "film"}
    what = parts.get(name, name)
    return f"{stem}-run-{run}-{what}{suffix}"
