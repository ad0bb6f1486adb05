"""Colours, fonts and spacing of the window, in one place."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import dearpygui.dearpygui as dpg

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
FAINT: Color = (78, 86, 98)
ACCENT: Color = (86, 182, 255)
ACCENT_DARK: Color = (34, 84, 128)
BOX: Color = (255, 184, 76)
WARN: Color = (84, 58, 18, 240)
GOOD: Color = (126, 214, 143)
BAD: Color = (255, 112, 105)
STAGES: tuple[Color, ...] = ((52, 92, 128), (74, 74, 132), (52, 108, 92), (116, 86, 60))

TEXT_SIZE = 16
SMALL_SIZE = 14

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


def bind_theme() -> None:
    """The look of everything."""
    with dpg.theme() as theme:
        with dpg.theme_component(dpg.mvAll):
            _colors()
            _styles()
        with dpg.theme_component(dpg.mvButton, enabled_state=False):
            dpg.add_theme_color(dpg.mvThemeCol_Text, FAINT)
            for part in (
                dpg.mvThemeCol_Button,
                dpg.mvThemeCol_ButtonHovered,
                dpg.mvThemeCol_ButtonActive,
            ):
                dpg.add_theme_color(part, (28, 32, 39))
    dpg.bind_theme(theme)


def accent_theme() -> int | str:
    """Theme of the one button that matters most."""
    with dpg.theme() as theme, dpg.theme_component(dpg.mvButton):
        dpg.add_theme_color(dpg.mvThemeCol_Button, ACCENT_DARK)
        dpg.add_theme_color(dpg.mvThemeCol_ButtonHovered, (44, 108, 164))
        dpg.add_theme_color(dpg.mvThemeCol_ButtonActive, (54, 130, 196))
        dpg.add_theme_color(dpg.mvThemeCol_Text, (240, 246, 252))
    return theme


def bare_theme() -> int | str:
    """Theme of the root: no padding, and no ground over the viewport's own of the same colour."""
    with dpg.theme() as theme, dpg.theme_component(dpg.mvAll):
        dpg.add_theme_color(dpg.mvThemeCol_WindowBg, CLEAR)
        dpg.add_theme_style(dpg.mvStyleVar_WindowPadding, 0, 0)
        dpg.add_theme_style(dpg.mvStyleVar_WindowBorderSize, 0)
    return theme


def tall_theme(height: int) -> int | str:
    """Theme of a slider that is as tall as the buttons beside it."""
    with dpg.theme() as theme, dpg.theme_component(dpg.mvAll):
        dpg.add_theme_style(dpg.mvStyleVar_FramePadding, 10, (height - TEXT_SIZE) / 2)
    return theme


def clear_theme() -> int | str:
    """Theme of a child window without a ground. Where the processor draws, each ground costs."""
    with dpg.theme() as theme, dpg.theme_component(dpg.mvAll):
        dpg.add_theme_color(dpg.mvThemeCol_ChildBg, CLEAR)
    return theme


def _colors() -> None:
    pairs = {
        dpg.mvThemeCol_WindowBg: BACKGROUND,
        dpg.mvThemeCol_ChildBg: PANEL,
        dpg.mvThemeCol_PopupBg: (28, 32, 39),
        dpg.mvThemeCol_Border: LINE,
        dpg.mvThemeCol_Text: TEXT,
        dpg.mvThemeCol_TextDisabled: FAINT,
        dpg.mvThemeCol_FrameBg: (33, 37, 45),
        dpg.mvThemeCol_FrameBgHovered: (42, 47, 57),
        dpg.mvThemeCol_FrameBgActive: (48, 54, 66),
        dpg.mvThemeCol_Button: (38, 43, 52),
        dpg.mvThemeCol_ButtonHovered: (52, 58, 70),
        dpg.mvThemeCol_ButtonActive: (64, 72, 86),
        dpg.mvThemeCol_SliderGrab: ACCENT,
        dpg.mvThemeCol_SliderGrabActive: ACCENT,
        dpg.mvThemeCol_CheckMark: ACCENT,
        dpg.mvThemeCol_Header: ACCENT_DARK,
        dpg.mvThemeCol_HeaderHovered: (44, 108, 164),
        dpg.mvThemeCol_TitleBgActive: (28, 32, 39),
        dpg.mvThemeCol_TitleBg: (28, 32, 39),
        dpg.mvThemeCol_ModalWindowDimBg: (8, 9, 12, 170),
    }
    for part, color in pairs.items():
        dpg.add_theme_color(part, color)


def _styles() -> None:
    dpg.add_theme_style(dpg.mvStyleVar_FrameRounding, 4)
    dpg.add_theme_style(dpg.mvStyleVar_ChildRounding, 6)
    dpg.add_theme_style(dpg.mvStyleVar_WindowRounding, 6)
    dpg.add_theme_style(dpg.mvStyleVar_PopupRounding, 6)
    dpg.add_theme_style(dpg.mvStyleVar_GrabRounding, 4)
    dpg.add_theme_style(dpg.mvStyleVar_FramePadding, 10, 6)
    dpg.add_theme_style(dpg.mvStyleVar_ItemSpacing, 8, 6)
    dpg.add_theme_style(dpg.mvStyleVar_WindowPadding, 12, 10)
