"""Picture files that must open, and those that must be refused in one line."""

import io
import math
import os
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import IFDRational

from core.errors import UserError
from core.io import images
from core.io.files import printable
from core.io.images import BACKDROP, load_image, save_image

WIDTH, HEIGHT = 48, 32


def picture(width=WIDTH, height=HEIGHT):
    """A smooth picture whose four corners differ: red grows to the right, green downwards."""
    x = np.linspace(20, 230, width)[None, :].repeat(height, 0)
    y = np.linspace(20, 230, height)[:, None].repeat(width, 1)
    return np.stack([x, y, np.full_like(x, 90)], -1).round().astype(np.uint8)


def png_header(width, height):
    """A PNG that claims a size and has hardly any data."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(b"\0" * 100))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IEND", b"")


def exif(orientation=None, **tags):
    data = Image.Exif()
    if orientation:
        data[ExifTags.Base.Orientation] = orientation
    for name, value in tags.items():
        data.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base[name]] = value
    return data


def encoded(**options):
    buffer = io.BytesIO()
    Image.fromarray(picture()).save(buffer, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("suffix", "options", "tolerance"),
    [
        (".png", {}, 0),
        (".bmp", {}, 0),
        (".tif", {}, 0),
        (".tif", {"compression": "tiff_lzw"}, 0),
        (".webp", {"lossless": True}, 0),
        (".webp", {"quality": 90}, 12),
        (".jpg", {"quality": 95}, 8),
        (".jpg", {"quality": 95, "progressive": True}, 8),
        (".ppm", {}, 0),
    ],
)
def test_formats_give_their_pixels(tmp_path, suffix, options, tolerance):
    path = tmp_path / f"photo{suffix}"
    Image.fromarray(picture()).save(path, **options)
    photo = load_image(path)
    assert photo.pixels.dtype == np.uint8 and photo.pixels.shape == (HEIGHT, WIDTH, 3)
    assert photo.pixels.flags.c_contiguous
    assert photo.size == (WIDTH, HEIGHT) and photo.name == "photo" and photo.focal_px is None
    assert np.abs(photo.pixels.astype(int) - picture()).max() <= tolerance


def test_the_content_decides_not_the_suffix(tmp_path):
    path = tmp_path / "really_a_png.jpg"
    path.write_bytes(encoded(format="PNG"))
    assert (load_image(path).pixels == picture()).all()


@pytest.mark.parametrize("folder", ["with space", "Büro/naïve café", "日本"])
def test_paths_with_spaces_and_accents(tmp_path, folder):
    path = tmp_path / folder / "ein Bild é.png"
    save_image(path, picture())
    photo = load_image(str(path))
    assert photo.name == "ein Bild é" and (photo.pixels == picture()).all()


def test_cmyk_jpeg(tmp_path):
    path = tmp_path / "print.jpg"
    Image.fromarray(picture()).convert("CMYK").save(path, quality=98)
    assert np.abs(load_image(path).pixels.astype(int) - picture()).max() <= 12


def test_sixteen_bit_grey_keeps_its_tones(tmp_path):
    path = tmp_path / "deep.png"
    grey = np.linspace(0, 65535, WIDTH * HEIGHT).reshape(HEIGHT, WIDTH).astype(np.uint16)
    Image.fromarray(grey).save(path)
    pixels = load_image(path).pixels
    expected = np.rint(grey / 65535 * 255)
    assert (pixels == expected[..., None]).all()


def test_sixteen_bit_rgb(tmp_path):
    rows = b"".join(
        b"\0" + (row.astype(np.uint16) * 257).astype(">u2").tobytes() for row in picture()
    )

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 16, 2, 0, 0, 0)
    path = tmp_path / "deep.png"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
    assert np.abs(load_image(path).pixels.astype(int) - picture()).max() <= 1


def test_float_tiff_spans_zero_to_one(tmp_path):
    path = tmp_path / "float.tif"
    values = np.linspace(0, 1, WIDTH * HEIGHT, dtype=np.float32).reshape(HEIGHT, WIDTH)
    Image.fromarray(values).save(path)
    assert (load_image(path).pixels[..., 0] == np.rint(values * 255)).all()


def test_transparency_shows_grey(tmp_path):
    path = tmp_path / "cut out.png"
    alpha = np.full((HEIGHT, WIDTH, 1), 255, np.uint8)
    alpha[:, : WIDTH // 2] = 0
    Image.fromarray(np.concatenate([picture(), alpha], -1)).save(path)
    pixels = load_image(path).pixels
    assert (pixels[:, : WIDTH // 2] == BACKDROP).all()
    assert (pixels[:, WIDTH // 2 :] == picture()[:, WIDTH // 2 :]).all()


def test_palette_with_transparency_and_grey_with_alpha(tmp_path):
    indexed = Image.new("P", (WIDTH, HEIGHT), 1)
    indexed.putpalette([0, 0, 0, 250, 10, 20])
    indexed.putpixel((0, 0), 0)
    indexed.save(tmp_path / "p.png", transparency=0)
    pixels = load_image(tmp_path / "p.png").pixels
    assert tuple(pixels[0, 0]) == BACKDROP and tuple(pixels[5, 5]) == (250, 10, 20)
    Image.new("LA", (WIDTH, HEIGHT), (200, 255)).save(tmp_path / "la.png")
    assert (load_image(tmp_path / "la.png").pixels == 200).all()


@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_greyscale_and_palette(tmp_path, mode):
    path = tmp_path / "few.png"
    image = Image.fromarray(picture()).convert(mode)
    image.save(path)
    assert (load_image(path).pixels == np.asarray(image.convert("RGB"))).all()


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied(tmp_path, suffix, orientation):
    """Store the picture rotated, with the tag that reverses it."""
    undo = {5: 5, 6: 8, 7: 7, 8: 6}.get(orientation, orientation)
    stored = Image.fromarray(picture())
    if undo > 1:
        stored = stored.transpose(images._UPRIGHT[undo])
    path = tmp_path / f"turned{suffix}"
    options = {"lossless": True} if suffix == ".webp" else {"quality": 95}
    stored.save(path, exif=exif(orientation), **({} if suffix in (".png", ".tif") else options))
    pixels = load_image(path).pixels
    assert pixels.shape == (HEIGHT, WIDTH, 3)
    assert np.abs(pixels.astype(int) - picture()).max() <= 8


def test_animation_gives_its_first_frame(tmp_path):
    frames = [Image.new("RGB", (WIDTH, HEIGHT), color) for color in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert (load_image(tmp_path / "a.gif").pixels == (255, 0, 0)).all()


def test_bytes_and_samples():
    assert (load_image(encoded(format="PNG")).pixels == picture()).all()
    camera = load_image("skimage:camera")
    assert camera.pixels.shape == (512, 512, 3) and camera.name == "camera"
    assert load_image("skimage:astronaut").pixels.shape == (512, 512, 3)


class TestFocal:
    diagonal = math.hypot(WIDTH, HEIGHT)

    def focal(self, tmp_path, image=None, **tags):
        path = tmp_path / "exif.jpg"
        (image or Image.fromarray(picture())).save(path, exif=exif(**tags))
        return load_image(path).focal_px

    def test_equivalent_uses_the_diagonal(self, tmp_path):
        found = self.focal(tmp_path, FocalLengthIn35mmFilm=50)
        assert found == pytest.approx(50 / 43.2666 * self.diagonal, rel=1e-4)

    def test_rotated_photo(self, tmp_path):
        turned = self.focal(tmp_path, orientation=6, FocalLengthIn35mmFilm=50)
        assert turned == pytest.approx(50 / 43.2666 * self.diagonal, rel=1e-4)

    @pytest.mark.parametrize(("unit", "mm"), [(2, 25.4), (3, 10.0), (4, 1.0)])
    def test_sensor_resolution(self, tmp_path, unit, mm):
        per_mm = WIDTH / 12.0  # a sensor 12 mm wide
        found = self.focal(
            tmp_path,
            FocalLength=IFDRational(24),
            FocalPlaneXResolution=IFDRational(round(per_mm * mm * 1e6), 10**6),
            FocalPlaneResolutionUnit=unit,
        )
        assert found == pytest.approx(24 * WIDTH / 12, rel=1e-4)

    def test_resized_photo_scales_the_sensor_resolution(self, tmp_path):
        found = self.focal(
            tmp_path,
            FocalLength=IFDRational(24),
            FocalPlaneXResolution=IFDRational(400),
            FocalPlaneResolutionUnit=4,
            ExifImageWidth=WIDTH * 100,
            ExifImageHeight=HEIGHT * 100,
        )
        assert found == pytest.approx(24 * 400 / 100, rel=1e-4)

    def test_cropped_photo_tells_nothing(self, tmp_path):
        tags = {"FocalLengthIn35mmFilm": 50, "ExifImageWidth": 4000}
        assert self.focal(tmp_path, ExifImageHeight=4000, **tags) is None
        assert self.focal(tmp_path, ExifImageHeight=4000 * HEIGHT // WIDTH, **tags) is not None

    @pytest.mark.parametrize(
        "tags",
        [
            {"FocalLengthIn35mmFilm": 0},
            {"FocalLengthIn35mmFilm": 60000},
            {"FocalLength": IFDRational(50)},
            {"FocalPlaneXResolution": IFDRational(1000)},
            {"FocalLength": IFDRational(0), "FocalPlaneXResolution": IFDRational(1000)},
        ],
    )
    def test_nonsense_is_ignored(self, tmp_path, tags):
        assert self.focal(tmp_path, **tags) is None

    def test_zero_denominator_is_ignored(self, tmp_path):
        """Pillow cannot write 1/0, so the denominator is zeroed in the file."""
        path = tmp_path / "zero.jpg"
        tags = {"FocalLength": IFDRational(24), "FocalPlaneXResolution": IFDRational(7001, 7)}
        Image.fromarray(picture()).save(path, exif=exif(**tags))
        data = path.read_bytes()
        broken = data.replace(struct.pack(">II", 7001, 7), struct.pack(">II", 7001, 0))
        broken = broken.replace(struct.pack("<II", 7001, 7), struct.pack("<II", 7001, 0))
        assert broken != data
        path.write_bytes(broken)
        assert load_image(path).focal_px is None

    def test_damaged_exif_does_not_matter(self, tmp_path):
        path = tmp_path / "damaged.jpg"
        Image.fromarray(picture()).save(path, exif=b"Exif\0\0MM\0*\xff\xff\xff\xff garbage")
        photo = load_image(path)
        assert photo.focal_px is None and photo.size == (WIDTH, HEIGHT)


def refused(source, *words):
    """Load a bad source; the message must be one line that holds all the words."""
    with pytest.raises(UserError) as caught:
        load_image(source)
    message = str(caught.value)
    assert "\n" not in message and len(message) < 400
    for word in words:
        assert word in message
    return message


class TestRefused:
    def test_missing(self, tmp_path):
        refused(tmp_path / "none.jpg", "none.jpg", "does not exist")
        (tmp_path / "file").write_bytes(b"x")
        refused(tmp_path / "file" / "below.jpg", "does not exist")

    def test_folder(self, tmp_path):
        refused(tmp_path, tmp_path.name, "folder")

    def test_pipe_does_not_hang(self, tmp_path):
        os.mkfifo(tmp_path / "pipe.jpg")
        refused(tmp_path / "pipe.jpg", "not a regular file")

    def test_impossible_names(self):
        refused("nul\0.jpg", "nul", "name the file")
        refused("b" * 300, "name the file")

    def test_empty(self, tmp_path):
        (tmp_path / "empty.png").touch()
        refused(tmp_path / "empty.png", "empty.png", "empty")
        refused(b"", "pasted", "empty")

    def test_text_with_an_image_suffix(self, tmp_path):
        (tmp_path / "notes.jpg").write_text("Dear diary, this is no photo.\n" * 20)
        refused(tmp_path / "notes.jpg", "notes.jpg", "not an image")

    @pytest.mark.parametrize("suffix", ["tga", "pcx", "ico", "eps"])
    def test_formats_that_are_no_photos_reach_no_decoder(self, tmp_path, suffix):
        Image.fromarray(picture()).save(tmp_path / f"f.{suffix}")
        refused(tmp_path / f"f.{suffix}", "not an image")

    @pytest.mark.parametrize("suffix", ["svg", "eps", "psd"])
    def test_other_formats(self, tmp_path, suffix):
        start = {"svg": b"<svg/>", "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n", "psd": b"8BPS\0\1"}[suffix]
        (tmp_path / f"f.{suffix}").write_bytes(start + b"\0" * 100)
        refused(tmp_path / f"f.{suffix}", "not an image")

    @pytest.mark.parametrize(
        "options",
        [
            {"format": "JPEG"},
            {"format": "JPEG", "progressive": True},
            {"format": "PNG"},
            {"format": "WEBP"},
            {"format": "TIFF", "compression": "tiff_lzw"},
        ],
    )
    @pytest.mark.parametrize("share", [0.5, 0.95])
    def test_truncated(self, tmp_path, options, share):
        noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(noise).save(buffer, **options)
        data = buffer.getvalue()
        path = tmp_path / "cut.jpg"
        path.write_bytes(data[: int(len(data) * share)])
        message = refused(path, "cut.jpg")
        assert "damaged" in message or "not an image" in message

    @pytest.mark.parametrize("size", [(1, 1), (15, 400), (400, 15)])
    def test_tiny(self, tmp_path, size):
        Image.new("RGB", size).save(tmp_path / "tiny.png")
        refused(tmp_path / "tiny.png", "tiny.png", f"{size[0]} x {size[1]}", "16 x 16")

    @pytest.mark.parametrize("size", [(20000, 20000), (2_000_000_000, 2), (11_000, 11_000)])
    def test_bomb_is_refused_by_its_header(self, tmp_path, size):
        (tmp_path / "bomb.png").write_bytes(png_header(*size))
        refused(tmp_path / "bomb.png", "bomb.png", "120 million pixels")

    def test_file_size_limit(self, tmp_path, monkeypatch):
        monkeypatch.setattr(images, "MAX_BYTES", 2**20)
        (tmp_path / "big.png").write_bytes(encoded(format="PNG") + b"\0" * 2**20)
        refused(tmp_path / "big.png", "big.png", "1 MiB")

    def test_heic_says_how_to_convert(self, tmp_path):
        (tmp_path / "IMG_0001.HEIC").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 50)
        refused(tmp_path / "IMG_0001.HEIC", "IMG_0001.HEIC", "HEIC", "convert")

    def test_no_permission(self, tmp_path, monkeypatch):
        path = tmp_path / "locked.png"
        save_image(path, picture())
        path.chmod(0)
        if os.access(path, os.R_OK):  # root reads everything

            def deny(*args, **kwargs):
                raise PermissionError(13, "Permission denied")

            monkeypatch.setattr("core.io.files.os.open", deny)
        refused(path, "locked.png", "permission")

    def test_unknown_sample(self):
        refused("skimage:nobody", "skimage:nobody", "camera", "astronaut")
        refused("skimage:../../etc/passwd", "not in the scikit-image wheel")

    def test_newline_in_a_name(self, tmp_path):
        refused(tmp_path / "two\nlines.jpg", "two\\nlines.jpg")
        assert printable(tmp_path / os.fsdecode(b"\xff.jpg")).endswith("\\udcff.jpg")


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_damaged_bytes_never_raise_anything_else(data):
    """Flip bytes anywhere: the picture opens or a UserError says why not."""
    options = data.draw(
        st.sampled_from([{"format": f} for f in ("PNG", "JPEG", "GIF", "WEBP", "TIFF")])
    )
    raw = bytearray(encoded(**options))
    for _ in range(data.draw(st.integers(1, 8))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        photo = load_image(bytes(raw))
    except UserError:
        return
    assert photo.pixels.dtype == np.uint8 and photo.pixels.shape[2] == 3


def test_saved_picture_reads_back(tmp_path):
    save_image(tmp_path / "new" / "p.png", picture())
    assert (load_image(tmp_path / "new" / "p.png").pixels == picture()).all()
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["p.png"]
