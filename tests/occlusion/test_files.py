"""Sets of occluders in files."""

import base64
import json

import numpy as np
import pytest
from PIL import Image

from core.errors import UserError
from core.occlusion.files import load_occluders, load_picture, save_occluders
from core.occlusion.fills import LONGEST, Blur, Color, Mosaic, Noise, Picture, Texture
from core.occlusion.occluder import drawn


@pytest.fixture
def leaf(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 30, 4), np.uint8)
    path = tmp_path / "leaf.png"
    Image.fromarray(pixels).save(path)
    return path


def entry(**changes):
    return {
        "shape": {"kind": "rectangle", "width": 10, "height": 5},
        "center": [20, 30],
        **changes,
    }


def written(path, *entries, **changes):
    document = {"format": "nbf-occluders", "version": 1, "occluders": list(entries), **changes}
    path.write_text(json.dumps(document))
    return path


def test_everything_comes_back(tmp_path, leaf):
    path = [(0.5, 1), (20, 30), (7, 9)]
    fills = [Color((1, 2, 3)), Noise(4), Blur(2.5), Mosaic(9), Texture(7), load_picture(leaf)]
    kinds = ["rectangle", "ellipse", "polygon", "stroke", "rectangle", "ellipse"]
    pairs = zip(kinds, fills, strict=True)
    occluders = tuple(drawn(kind, path, 3.0, fill).turned(10).scaled(2) for kind, fill in pairs)
    save_occluders(tmp_path / "set.json", occluders)
    assert load_occluders(tmp_path / "set.json") == occluders


def test_a_hand_written_set_needs_only_shape_and_middle(tmp_path):
    (occluder,) = load_occluders(written(tmp_path / "set.json", entry()))
    assert occluder == drawn("rectangle", [(15, 27.5), (25, 32.5)])


def test_a_picture_named_by_its_file_is_taken_in(tmp_path, leaf):
    path = written(tmp_path / "set.json", entry(fill={"kind": "picture", "file": "leaf.png"}))
    (occluder,) = load_occluders(path)
    leaf.unlink()
    save_occluders(path, (occluder,))
    assert load_occluders(path) == (occluder,) and occluder.fill.name == "leaf.png"


def test_large_pictures_are_scaled_down(tmp_path):
    Image.new("RGB", (3000, 1500), (9, 9, 9)).save(tmp_path / "large.jpg")
    fill = load_picture(tmp_path / "large.jpg")
    assert isinstance(fill, Picture) and len(fill.png) < 100_000
    Image.new("RGB", (LONGEST + 1, LONGEST)).save(tmp_path / "wide.png")
    with pytest.raises(UserError, match="more than 1 million pixels"):
        Picture(base64.b64encode((tmp_path / "wide.png").read_bytes()).decode())


@pytest.mark.parametrize(
    ("entries", "changes", "message"),
    [
        ([], {"format": "other"}, "is not a set of occluders"),
        ([], {"version": 2}, "this version reads 1: update nbf"),
        ([], {"occluders": {}}, "occluders is {}"),
        ([entry(shape={"kind": "heart"})], {}, "kind 'heart'; there are rectangle, ellipse"),
        ([entry(shape=None)], {}, "shape has the kind None"),
        ([entry(center=[1])], {}, "center is [1]"),
        ([entry(center=[1, 1e9])], {}, "middle cannot be 1, 1e+09"),
        ([entry(fill={"kind": "color", "rgb": [1, 2]})], {}, "rgb is [1, 2]"),
        ([entry(fill={"kind": "picture", "png": "AAAA"})], {}, "is not an image"),
        ([entry(fill={"kind": "picture", "file": "none.png"})], {}, "none.png does not exist"),
        ([entry(fill={"kind": "picture", "file": "../x.png"})], {}, "not below the folder"),
        ([entry(fill={"kind": "picture", "file": "/etc/passwd"})], {}, "not below the folder"),
        ([entry()] * 257, {}, "257 occluders are more than"),
        ([entry(glow=3)], {}, "unknown fields: glow"),
    ],
)
def test_a_bad_set_is_refused_in_one_line_that_names_it(tmp_path, entries, changes, message):
    path = written(tmp_path / "set.json", *entries, **changes)
    with pytest.raises(UserError) as caught:
        load_occluders(path)
    said = str(caught.value)
    assert message in said and str(path) in said and "\n" not in said


def test_no_file_and_no_json(tmp_path):
    with pytest.raises(UserError, match=r"set of occluders .* is missing; docs/occluders\.md"):
        load_occluders(tmp_path / "none.json")
    (tmp_path / "text.json").write_text("{")
    with pytest.raises(UserError, match="is not a readable set of occluders"):
        load_occluders(tmp_path / "text.json")
