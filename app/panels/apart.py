"""The dialog about two compared runs: which one is on screen, and how far joints are apart."""

from __future__ import annotations

from collections.abc import Callable

import dearpygui.dearpygui as dpg

from app import theme
from app.geometry.units import px
from app.panels.dialog import ActionDialog
from app.playing import BLINKS
from app.protocol.commands import Commands
from app.protocol.scan import JointDifference
from app.protocol.why import JointTarget
from app.session import Session

DIALOG, TABLE, TURNS, ABOUT = (f"apart {n}" for n in ("dialog", "table", "turns", "about"))
WIDTH, HEIGHT, WIDE = px(340), px(330), px(100)
BELOW = px(124)
"""Pixels of timeline and status line with two runs."""
COLUMNS = ("joint", "mm", "mm, roots aligned")


class ApartDialog(ActionDialog):
    """A table that a click on a heading sorts; a click on a joint asks why it is where it is.

    Attributes:
        by: column by which the table is sorted: 0 for the joints' own order.
        rows: the joints in the order of the table.
    """

    tag, width, room = DIALOG, WIDTH, HEIGHT
    by = 1
    rows: tuple[int, ...] = ()

    def build(self) -> None:
        """Create the dialog (once), hidden."""
        with self.frame("Two runs", height=HEIGHT):
            self.add_buttons(("swap", "blink", "difference"), WIDE)
            dpg.add_slider_float(
                tag=TURNS,
                width=-1,
                min_value=BLINKS[0],
                max_value=BLINKS[1],
                clamped=True,
                format="%.1f turns a second",
                callback=lambda _, rate: self._send(lambda s: s.set_blink(rate)),
            )
            dpg.add_text("", tag=ABOUT, color=theme.DIM, wrap=WIDTH - px(20))
            dpg.bind_item_font(ABOUT, self._fonts.small)
            with dpg.table(
                tag=TABLE,
                sortable=True,
                scrollY=True,
                height=-1,
                policy=dpg.mvTable_SizingStretchProp,
                callback=self._sort,
            ):
                for number, heading in enumerate(COLUMNS):
                    dpg.add_table_column(
                        label=heading,
                        tag=f"{TABLE} {number}",
                        default_sort=number == self.by,
                        prefer_sort_descending=number > 0,
                    )

    def corner(self, width: int, height: int) -> tuple[int, int]:  # noqa: ARG002
        """Over the curves: photo, maps and body stay in sight."""
        return 12, max(height - self.room - BELOW, 0)

    def hide(self) -> None:
        """Take it away; the session is told, since it asks for what is in the table."""
        super().hide()
        self._send(_close)

    @property
    def items(self) -> list[str]:
        """Its buttons, and the rows of the table."""
        return [*super().items, *(f"{TABLE} row {joint}" for joint in self.rows)]

    def draw(self, session: Session) -> None:
        """Show the differences."""
        if not self.shown:
            return
        self.draw_buttons(session)
        if not dpg.is_item_active(TURNS):
            rate = session.view.play.turns.rate
            self.changed("turns", rate, lambda _: dpg.set_value(TURNS, rate))
        differed = session.difference
        joints = differed.joints if differed is not None else ()
        target = session.view.target if session.view.why else None
        chosen = target.joint if isinstance(target, JointTarget) else None
        self.changed("about", _about(session), lambda words: dpg.set_value(ABOUT, words))
        self.changed("table", (joints, self.by, chosen), lambda _: self._list(joints, chosen))

    def _list(self, joints: tuple[JointDifference, ...], chosen: int | None) -> None:
        """A row for each joint."""
        dpg.delete_item(TABLE, children_only=True, slot=1)
        self.rows = order(joints, self.by)
        for joint in self.rows:
            about = joints[joint]
            with dpg.table_row(parent=TABLE):
                dpg.add_selectable(
                    label=about.name,
                    tag=f"{TABLE} row {joint}",
                    default_value=joint == chosen,
                    callback=self._asking(joint),
                )
                for metres in (about.distance, about.aligned):
                    dpg.add_selectable(
                        label=f"{1000 * metres:.1f}",
                        default_value=joint == chosen,
                        callback=self._asking(joint),
                    )

    def _sort(self, _sender: object, wanted: list[list[int]] | None) -> None:
        """A heading was clicked."""
        if wanted:
            tags = [dpg.get_alias_id(f"{TABLE} {number}") for number in range(len(COLUMNS))]
            self.by = tags.index(wanted[0][0])

    def _asking(self, joint: int) -> Callable[[], None]:
        return lambda: self._send(lambda session: session.ask_why(JointTarget(joint)))


def order(joints: tuple[JointDifference, ...], by: int) -> tuple[int, ...]:
    """The joints' own order, or the largest distance first, in the camera or aligned."""
    numbers = range(len(joints))
    if by == 0:
        return tuple(numbers)
    amounts = [joint.distance if by == 1 else joint.aligned for joint in joints]
    return tuple(sorted(numbers, key=lambda joint: -amounts[joint]))


def _close(session: Session) -> Commands:
    return session.toggle_joint_table() if session.view.joint_table else []


def _about(session: Session) -> str:
    """Which steps are compared."""
    differed = session.difference
    if session.view.other is None:
        return "Compare with another run: a right click on its lane."
    if differed is None:
        return "Looking…"
    return (
        f"Run {differed.run} at step {differed.step} against run {differed.other[1]} at step "
        f"{differed.other_step}: in the camera's frame, and with the pelvis in one place."
    )
