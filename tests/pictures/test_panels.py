import numpy as np
import pytest
from PIL import Image

from core.pictures.loss_plot import _ticks, plot_losses
from core.pictures.palette import SERIES, WELL
from core.pictures.panels import HEADER, MARGIN, Panel, compose_panels, fit_into
from core.pictures.text import Canvas, shorten, text_width


def picture(height, width, color=(200, 30, 60)):
    return np.full((height, width, 3), color, np.uint8)


def contains(sheet, color, least=20):
    return (sheet == np.array(color)).all(-1).sum() >= least


def test_sheet_shows_every_panel_with_its_words():
    colors = [(250, 0, 0), (0, 250, 0), (0, 0, 250), (250, 250, 0)]
    panels = [Panel(f"no {i}", picture(50, 80, c)) for i, c in enumerate(colors)]
    sheet = compose_panels(panels, columns=2, tile=(160, 120))
    assert all(contains(sheet, color, 160 * 100 - 50) for color in colors)
    bare = compose_panels([Panel("", p.image) for p in panels], columns=2, tile=(160, 120))
    assert sheet.shape == bare.shape and (sheet != bare).any()
    legend = compose_panels([Panel("", picture(9, 9), legend=[((1, 99, 7), "moss")])])
    assert contains(legend, (1, 99, 7), 100)


@pytest.mark.parametrize(("count", "columns", "rows"), [(1, 1, 1), (3, 3, 1), (4, 3, 2), (7, 3, 3)])
def test_sheet_size(count, columns, rows):
    tile = (100, 90)
    one = compose_panels([Panel("t", picture(10, 10))], tile=tile)
    card = one.shape[0] - 2 * MARGIN, one.shape[1] - 2 * MARGIN
    sheet = compose_panels([Panel("t", picture(10, 10))] * count, "title", tile=tile)
    assert sheet.shape[0] == HEADER + MARGIN + rows * (card[0] + MARGIN)
    assert sheet.shape[1] == MARGIN + columns * (card[1] + MARGIN)


def test_sheet_needs_a_panel():
    with pytest.raises(ValueError, match="at least one"):
        compose_panels([])


@pytest.mark.parametrize(("height", "width"), [(1, 1), (600, 100), (100, 600), (64, 64), (3000, 2)])
def test_pictures_touch_their_frame_from_inside(height, width):
    fitted = fit_into(picture(height, width), 200, 150)
    assert fitted.shape[0] <= 150 and fitted.shape[1] <= 200
    assert fitted.shape[0] == 150 or fitted.shape[1] == 200


def test_small_maps_keep_square_pixels_and_photos_are_smoothed():
    checker = np.zeros((4, 4, 3), np.uint8)
    checker[::2, ::2] = 255
    assert set(np.unique(fit_into(checker, 40, 40))) == {0, 255}
    fine = np.zeros((400, 400, 3), np.uint8)
    fine[::2] = 255
    assert np.abs(fit_into(fine, 200, 200).astype(int) - 127).max() <= 1


def test_text_that_is_too_wide_loses_its_middle():
    name = "a very long name of a photo.jpg"
    short = shorten(name, 15, 120)
    assert text_width(short, 15) <= 120 and short.startswith("a v") and short.endswith("jpg")
    assert shorten(name, 15, 10_000) == name
    assert shorten(name, 15, 0) == "..."


def test_any_file_name_can_be_drawn():
    canvas = Canvas(300, 40)
    canvas.text(0, 0, "Jörg\n日本\t\U0001f600\udcff")
    assert canvas.pixels().shape == (40, 300, 3)


def curves():
    steps = np.arange(121)
    return {"total": 100 * np.exp(-steps / 20), "nll": np.exp(-steps / 5), "flat": np.zeros(121)}


def test_plot_shows_each_curve_in_its_own_range():
    plot = plot_losses(curves(), 640, 360, [(0, "root"), (40, "pose")], best=118)
    assert plot.shape == (360, 640, 3) and plot.dtype == np.uint8
    area = plot[25:345, :410]
    bright = np.argwhere((area.astype(int) - np.array(SERIES[0])).__abs__().sum(-1) < 60)
    assert bright[:, 0].min() < 20 and bright[:, 0].max() > 290  # from the top to the bottom
    top = bright[bright[:, 0] < 20]
    assert top[:, 1].max() < 60  # the high values are the early ones
    for color in SERIES[:3]:
        assert contains(plot, color)


@pytest.mark.filterwarnings("error")
def test_missing_values_leave_a_gap():
    values = np.concatenate([np.ones(50), np.full(21, np.nan), np.zeros(50)])
    plot = plot_losses({"total": values}, 640, 360)
    bright = (np.abs(plot[25:340, 10:410].astype(int) - np.array(SERIES[0])).sum(-1) < 60).any(0)
    assert bright[:150].any() and bright[250:].any() and not bright[180:225].any()


def test_plot_is_pure():
    assert (plot_losses(curves()) == plot_losses(curves())).all()


@pytest.mark.parametrize(
    "values", [[], [1.0], [np.nan] * 5, [1.0, np.inf, 3.0], [np.nan, 2.0, np.nan, 1.0], [5.0] * 9]
)
def test_plot_of_odd_values(values):
    plot = plot_losses({"total": np.array(values)}, 300, 200, [(0, "root")], best=0)
    assert plot.shape == (200, 300, 3) and contains(plot, WELL)


def test_plot_of_nothing():
    assert plot_losses({}).shape == (360, 640, 3)


@pytest.mark.parametrize("steps", [1, 2, 7, 8, 121, 1000, 12345])
def test_ticks_are_few_and_round(steps):
    ticks = _ticks(steps, 7)
    assert ticks[0] == 0 and ticks[-1] < max(steps, 1) and len(ticks) <= 8
    assert all(int(str(tick).rstrip("0") or 0) < 100 for tick in ticks)


def test_drawing_makes_ordinary_pictures(tmp_path):
    Image.fromarray(plot_losses(curves())).save(tmp_path / "p.png")
    assert Image.open(tmp_path / "p.png").size == (640, 360)
