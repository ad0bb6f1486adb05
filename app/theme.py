"""Colours, fonts and spacing of the window, in one place."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dearpygui.dearpygui as dpg

from app.geometry.units import px
from core.pictures import palette

Color = tuple[int, int, int] | tuple[int, int, int, int]

BACKGROUND: Color = palette.BACKGROUND
PANEL: Color = palette.SURFACE
WELL: Color = palette.WELL
LINE: Color = palette.LINE
TEXT: Color = palette.TEXT
DIM: Color = palette.DIM
SERIES: tuple[Color, ...] = palette.SERIES
CLEAR: Color = (0, 0, 0, 0)
POPUP: Color = (28, 32, 39)
FRAME: Color = (33, 37, 45)
FRAME_HOVERED: Color = (42, 47, 57)
FRAME_ACTIVE: Color = (48, 54, 66)
BUTTON: Color = (38, 43, 52)
BUTTON_HOVERED: Color = (52, 58, 70)
BUTTON_ACTIVE: Color = (64, 72, 86)
SHADOW: Color = (8, 9, 12, 170)
FAINT: Color = (78, 86, 98)
ACCENT: Color = (86, 182, 255)
ACCENT_DARK: Color = (34, 84, 128)
ACCENT_HOVERED: Color = (44, 108, 164)
ACCENT_ACTIVE: Color = (54, 130, 196)
ON_ACCENT: Color = (240, 246, 252)
BOX: Color = (255, 184, 76)
WARN: Color = (84, 58, 18, 240)
GOOD: Color = (126, 214, 143)
BAD: Color = (255, 112, 105)
STAGES: tuple[Color, ...] = ((52, 92, 128), (74, 74, 132), (52, 108, 92), (116, 86, 60))

_LIGHT: dict[str, object] = {
    "BACKGROUND": (222, 226, 232),
    "PANEL": (244, 246, 249),
    "WELL": (232, 235, 240),
    "LINE": (200, 206, 214),
    "TEXT": (28, 34, 44),
    "DIM": (92, 102, 116),
    "SERIES": (
        (40, 46, 56),
        (20, 110, 190),
        (190, 110, 0),
        (30, 130, 60),
        (190, 50, 120),
        (110, 76, 200),
        (0, 130, 126),
        (170, 70, 40),
        (118, 126, 0),
        (100, 116, 146),
        (128, 88, 48),
    ),
    "POPUP": (250, 251, 253),
    "FRAME": (226, 230, 236),
    "FRAME_HOVERED": (214, 220, 228),
    "FRAME_ACTIVE": (202, 210, 220),
    "BUTTON": (222, 227, 234),
    "BUTTON_HOVERED": (206, 213, 222),
    "BUTTON_ACTIVE": (190, 199, 210),
    "SHADOW": (120, 126, 136, 140),
    "FAINT": (158, 166, 178),
    "ACCENT": (20, 112, 196),
    "ACCENT_DARK": (178, 212, 244),
    "ACCENT_HOVERED": (158, 200, 238),
    "ACCENT_ACTIVE": (136, 188, 232),
    "ON_ACCENT": (12, 44, 78),
    "BOX": (214, 128, 0),
    "WARN": (255, 234, 196, 240),
    "GOOD": (32, 140, 66),
    "BAD": (200, 44, 36),
    "STAGES": ((150, 192, 226), (176, 176, 228), (152, 208, 186), (218, 194, 168)),
}
"""The colours of the light window; those above are the dark one's."""
_DARK = {name: globals()[name] for name in _LIGHT}
_made: list[tuple[int | str, str]] = []
"""Colours of Dear PyGui's themes, with their names here."""

TEXT_SIZE = px(16)
SMALL_SIZE = px(14)

SYSTEM_FONTS = (
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "/usr/share/fonts/dejavu-sans-fonts/DejaVuSans.ttf",
    "/usr/share/fonts/TTF/DejaVuSans.ttf",
    "/System/Library/Fonts/Helvetica.ttc",
    "C:/Windows/Fonts/segoeui.ttf",
)


@dataclass(frozen=True)
class Fonts:
    """Fonts to bind; 0 is Dear PyGui's own bitmap font."""

    text: int | str = 0
    small: int | str = 0
    strong: int | str = 0


def load_fonts() -> Fonts:
    """Open Sans, which lies in the pyrender wheel, else a system font, else the built-in one."""
    regular, strong = _font_files()
    if regular is None or strong is None:
        return Fonts()
    with dpg.font_registry():
        return Fonts(
            _font(regular, TEXT_SIZE), _font(regular, SMALL_SIZE), _font(strong, SMALL_SIZE)
        )


def _font_files() -> tuple[Path | None, Path | None]:
    """Files of the regular and of the strong cut."""
    spec = importlib.util.find_spec("pyrender")  # does not import it
    for folder in spec.submodule_search_locations or [] if spec else []:
        fonts = Path(folder) / "fonts"
        regular, strong = fonts / "OpenSans-Regular.ttf", fonts / "OpenSans-Semibold.ttf"
        if regular.is_file() and strong.is_file():
            return regular, strong
    system = next((Path(name) for name in SYSTEM_FONTS if Path(name).is_file()), None)
    return system, system


def _font(path: Path, size: int) -> int | str:
    """A font; its characters are drawn as they are needed."""
    return dpg.add_font(str(path), size)


def is_light() -> bool:
    """Whether the colours are the light ones."""
    return _LIGHT["TEXT"] == TEXT


def use(light: bool) -> None:
    """Take the light or the dark colours, for all that is drawn from now on."""
    old, new = (_DARK, _LIGHT) if light else (_LIGHT, _DARK)
    globals().update(new)
    for item, name in _made:
        dpg.set_value(item, [*globals()[name][:3], *(globals()[name][3:] or (255,))])
    dpg.set_viewport_clear_color([*BACKGROUND[:3], 255])
    pairs = {_rgba(old[name]): new[name] for name in ("TEXT", "DIM", "FAINT", "ACCENT")}
    for item in dpg.get_all_items():
        if dpg.get_item_type(item) == "mvAppItemType::mvText":
            color = tuple(round(255 * part) for part in dpg.get_item_configuration(item)["color"])
            if color in pairs:
                dpg.configure_item(item, color=pairs[color])


def _rgba(color: Any) -> tuple[int, ...]:
    return (*color[:3], *(color[3:] or (255,)))


def _color(part: int, name: str) -> None:
    """A colour of the theme that is being made."""
    _made.append((dpg.add_theme_color(part, globals()[name]), name))


def bind_theme() -> None:
    """The look of everything."""
    with dpg.theme() as theme:
        with dpg.theme_component(dpg.mvAll):
            _colors()
            _styles()
        with dpg.theme_component(dpg.mvButton, enabled_state=False):
            _color(dpg.mvThemeCol_Text, "FAINT")
            for part in (
                dpg.mvThemeCol_Button,
                dpg.mvThemeCol_ButtonHovered,
                dpg.mvThemeCol_ButtonActive,
            ):
                _color(part, "POPUP")
    dpg.bind_theme(theme)


def accent_theme() -> int | str:
    """Theme of the one button that matters most."""
    with dpg.theme() as theme, dpg.theme_component(dpg.mvButton):
        _color(dpg.mvThemeCol_Button, "ACCENT_DARK")
        _color(dpg.mvThemeCol_ButtonHovered, "ACCENT_HOVERED")
        _color(dpg.mvThemeCol_ButtonActive, "ACCENT_ACTIVE")
        _color(dpg.mvThemeCol_Text, "ON_ACCENT")
    return theme


def bare_theme() -> int | str:
    """Theme of the root: no padding, and no ground over the viewport's own of the same colour."""
    with dpg.theme() as theme, dpg.theme_component(dpg.mvAll):
        dpg.add_theme_color(dpg.mvThemeCol_WindowBg, CLEAR)
        dpg.add_theme_style(dpg.mvStyleVar_WindowPadding, 0, 0)
        dpg.add_theme_style(dpg.mvStyleVar_WindowBorderSize, 0)
    return theme


def bar_theme(air: int) -> int | str:
    """Buttons whose labels may come as near to their edges; labels are in the middle."""
    with dpg.theme() as made, dpg.theme_component(dpg.mvAll):
        dpg.add_theme_style(dpg.mvStyleVar_FramePadding, air, px(6))
    return made


def tall_theme(height: int) -> int | str:
    """Theme of a slider that is as tall as the buttons beside it."""
    with dpg.theme() as theme, dpg.theme_component(dpg.mvAll):
        dpg.add_theme_style(dpg.mvStyleVar_FramePadding, px(10), (height - TEXT_SIZE) / 2)
    return theme


def clear_theme() -> int | str:
    """Theme of a child window without a ground. Where the processor draws, each ground costs."""
    with dpg.theme() as theme, dpg.theme_component(dpg.mvAll):
        dpg.add_theme_color(dpg.mvThemeCol_ChildBg, CLEAR)
    return theme


def _colors() -> None:
    pairs = {
        dpg.mvThemeCol_WindowBg: "BACKGROUND",
        dpg.mvThemeCol_ChildBg: "PANEL",
        dpg.mvThemeCol_PopupBg: "POPUP",
        dpg.mvThemeCol_Border: "LINE",
        dpg.mvThemeCol_Text: "TEXT",
        dpg.mvThemeCol_TextDisabled: "FAINT",
        dpg.mvThemeCol_FrameBg: "FRAME",
        dpg.mvThemeCol_FrameBgHovered: "FRAME_HOVERED",
        dpg.mvThemeCol_FrameBgActive: "FRAME_ACTIVE",
        dpg.mvThemeCol_Button: "BUTTON",
        dpg.mvThemeCol_ButtonHovered: "BUTTON_HOVERED",
        dpg.mvThemeCol_ButtonActive: "BUTTON_ACTIVE",
        dpg.mvThemeCol_SliderGrab: "ACCENT",
        dpg.mvThemeCol_SliderGrabActive: "ACCENT",
        dpg.mvThemeCol_CheckMark: "ACCENT",
        dpg.mvThemeCol_Header: "ACCENT_DARK",
        dpg.mvThemeCol_HeaderHovered: "ACCENT_HOVERED",
        dpg.mvThemeCol_HeaderActive: "ACCENT_ACTIVE",
        dpg.mvThemeCol_TitleBgActive: "POPUP",
        dpg.mvThemeCol_TitleBg: "POPUP",
        dpg.mvThemeCol_ModalWindowDimBg: "SHADOW",
        dpg.mvThemeCol_ScrollbarBg: "FRAME",
        dpg.mvThemeCol_ScrollbarGrab: "BUTTON_HOVERED",
        dpg.mvThemeCol_ScrollbarGrabHovered: "BUTTON_ACTIVE",
        dpg.mvThemeCol_ScrollbarGrabActive: "BUTTON_ACTIVE",
    }
    for part, name in pairs.items():
        _color(part, name)


def _styles() -> None:
    dpg.add_theme_style(dpg.mvStyleVar_FrameRounding, px(4))
    dpg.add_theme_style(dpg.mvStyleVar_ChildRounding, px(6))
    dpg.add_theme_style(dpg.mvStyleVar_WindowRounding, px(6))
    dpg.add_theme_style(dpg.mvStyleVar_PopupRounding, px(6))
    dpg.add_theme_style(dpg.mvStyleVar_GrabRounding, px(4))
    dpg.add_theme_style(dpg.mvStyleVar_FramePadding, px(10), px(6))
    dpg.add_theme_style(dpg.mvStyleVar_ItemSpacing, px(8), px(6))
    dpg.add_theme_style(dpg.mvStyleVar_WindowPadding, px(12), px(10))
    dpg.add_theme_style(dpg.mvStyleVar_ScrollbarSize, px(14))
    dpg.add_theme_style(dpg.mvStyleVar_GrabMinSize, px(12))
