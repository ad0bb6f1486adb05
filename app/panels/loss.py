"""Every term of the objective over the steps."""

from __future__ import annotations

import math
from collections.abc import Hashable

import dearpygui.dearpygui as dpg

from app import theme
from app.document import Curves
from app.geometry.plane import Point
from app.panels.panel import HEADER, MARGIN, Panel
from app.protocol.run import TermInfo
from app.session import Commands, Session


class LossPanel(Panel):
    """Curves; the step on screen is a line that the mouse can drag.

    The terms are those that the steps name. The engine's description of them is in the tooltip.
    """

    name = "loss"
    title = "LOSS BY TERM"
    hint = (
        "Weighted terms, which add up to the total. Logarithmic, or symmetric-logarithmic as soon "
        "as a term is negative (a log-likelihood ratio may be). Drag in the plot to scrub; click "
        "a name to hide its curve."
    )

    def __init__(self, fonts: theme.Fonts) -> None:
        super().__init__(fonts)
        self._series: dict[str, int | str] = {}
        self._drawn: Hashable = None
        self._signed: bool | None = None
        self._terms: tuple[TermInfo, ...] = ()

    def build_content(self) -> None:
        """The plot."""
        with dpg.plot(
            tag="loss plot",
            pos=(MARGIN, HEADER),
            no_menus=True,
            no_box_select=True,
            no_mouse_pos=True,
            pan_button=dpg.mvMouseButton_Middle,
        ):
            dpg.add_plot_legend(location=dpg.mvPlot_Location_North, outside=True, horizontal=True)
            dpg.add_plot_axis(dpg.mvXAxis, tag="loss steps", no_gridlines=True)
            dpg.add_plot_axis(dpg.mvYAxis, tag="loss values")
            dpg.add_inf_line_series([], tag="loss now", parent="loss steps")
        dpg.set_axis_limits("loss values", 0.0, 1.0)
        dpg.bind_item_font("loss plot", self.fonts.small)
        dpg.bind_item_theme("loss now", theme.series_theme((*theme.ACCENT[:3], 200), 1.5))

    def place_content(self) -> None:
        """Fill the panel."""
        width, height = (int(v) for v in self.size)
        dpg.configure_item("loss plot", width=width, height=height)

    def draw(self, session: Session) -> None:
        """Bring the curves up to date."""
        key = session.view.key, session.steps, session.view.step, session.planned
        if key == self._drawn:
            return
        self._drawn = key
        self._describe(session.terms)
        self._draw_curves(session)
        dpg.set_value("loss now", [[float(session.view.step)] if session.steps else []])
        dpg.set_axis_limits("loss steps", 0, max(session.planned - 1, 1))
        if session.steps:
            curves = [session.curves.total, *session.curves.terms.values()]
            dpg.set_axis_limits("loss values", *value_range(curves))
        scale = "symmetric log" if self._signed else "log"
        self.note(f"{_summary(session)} · {scale}" if session.steps else "")

    def _describe(self, terms: tuple[TermInfo, ...]) -> None:
        """Units and descriptions in the tooltip."""
        if terms == self._terms:
            return
        self._terms = terms
        dpg.set_value(f"{self.name} hint", "\n".join([self.hint, *descriptions(terms)]))

    def _draw_curves(self, session: Session) -> None:
        """One series a term, in the order in which they came."""
        names, used = ["total", *session.curves.terms], drawn_curves(session.curves)
        for name in [name for name in self._series if name not in used]:
            dpg.delete_item(self._series.pop(name))
        signed = any(min(values) < 0 for values in used.values())
        if used and signed != self._signed:
            self._signed = signed
            scale = dpg.mvPlotScale_SymLog if signed else dpg.mvPlotScale_Log10
            dpg.configure_item("loss values", scale=scale)
        for name, values in used.items():
            if name not in self._series:
                self._add_series(name, names.index(name))
            steps = [float(step) for step in range(len(values))]
            shown = [v if v != 0 else math.nan for v in values]  # a gap: a log has no zero
            dpg.set_value(self._series[name], [steps, shown])

    def _add_series(self, name: str, index: int) -> None:
        """A curve that keeps its colour for the whole session."""
        tag = dpg.add_line_series([], [], label=name, parent="loss values")
        self._series[name] = tag
        color = theme.SERIES[index % len(theme.SERIES)]
        dpg.bind_item_theme(tag, theme.series_theme(color, 2.5 if name == "total" else 1.5))

    # --- the mouse ---

    def press(self, session: Session, point: Point, button: int) -> Commands:
        """Scrub to the step under the mouse."""
        return self.drag(session, point, button)

    def drag(self, session: Session, point: Point, button: int) -> Commands:  # noqa: ARG002
        """Scrub along."""
        if button != 0 or not session.steps or not dpg.is_item_hovered("loss plot"):
            return []
        return session.scrub(round(dpg.get_plot_mouse_pos()[0]))


def drawn_curves(curves: Curves) -> dict[str, list[float]]:
    """The total and the weighted terms by name, without those that are 0 at every step."""
    named = {"total": curves.total, **curves.terms}
    return {name: values for name, values in named.items() if any(values)}


def descriptions(terms: tuple[TermInfo, ...]) -> list[str]:
    """A line for each term that the engine describes, with the unit of the unweighted term."""
    return [
        f"{t.name} ({t.unit}): {t.description}" if t.unit else f"{t.name}: {t.description}"
        for t in terms
        if t.description
    ]


def value_range(curves: list[list[float]]) -> tuple[float, float]:
    """Limits of the axis: a little more than the values, and not more than seven decades."""
    values = [v for curve in curves for v in curve if v != 0 and math.isfinite(v)]
    low, high = min(values, default=0.0), max(values, default=1.0)
    if low > 0:
        return max(low, high * 1e-7) / 1.3, high * 1.3
    room = 0.08 * max(high - low, 1e-6)
    return low - room, high + room


def _summary(session: Session) -> str:
    """The shown step's total."""
    return f"total {session.curves.total[session.view.step]:.4g} at step {session.view.step}"
