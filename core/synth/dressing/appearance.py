"""Materials: texture patches, skins and panoramas, from a folder or procedural."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from core.errors import UserError
from core.io.files import check_file, readable
from core.pictures.patterns import noise, pattern, random_color

PATCH = 256  # pixels of a texture patch
_MAX_BYTES = 512 * 2**20
SKIN = 384  # pixels of a skin's texture
# Tiles of a catalogue sheet in pixels: side, distance between rows and columns, border.
TILE, PITCH, MARGIN = 128, (176, 144), 16
HELD_OUT = 5  # every fifth file of a kind is kept for the test split


@dataclass(frozen=True)
class MaterialLibrary:
    """The materials of people, objects and surroundings.

    Attributes:
        tiles: square pictures of materials (may be empty).
        skins: body textures in the body's own UV layout (may be empty).
        panoramas: equirectangular linear radiance, rows from the zenith down (may be empty).
    """

    tiles: list[UInt8[np.ndarray, "side side 3"]]
    skins: list[UInt8[np.ndarray, "rows columns 3"]]
    panoramas: list[Float32[np.ndarray, "rows columns 3"]]

    @staticmethod
    def load(data: Path | None, split: str) -> MaterialLibrary:
        """The split's share of a data folder; empty lists without a folder.

        Raises:
            UserError: the folder lacks a kind of material, or a picture is damaged.
        """
        if data is None:
            return MaterialLibrary([], [], [])
        sheets = _split_files(data, "backgrounds/ambientcg_sheets/*.webp", split)
        skins = _split_files(data, "makehuman/skins/textures/*_diffuse*.jpg", split)
        panoramas = _split_files(data, "backgrounds/hdri/*.hdr", split)
        return MaterialLibrary(
            [tile for path in sheets for tile in _cut_tiles(_read(path))],
            [cv2.resize(_read(p), (SKIN, SKIN), interpolation=cv2.INTER_AREA) for p in skins],
            [_normalised(_read(path)) for path in panoramas],
        )

    def patch(self, rng: np.random.Generator, size: int = PATCH) -> UInt8[np.ndarray, "s s 3"]:
        """A square patch of a random texture."""
        if not self.tiles or rng.random() < 0.25:
            return pattern(size, rng)
        tile = self.tiles[rng.integers(len(self.tiles))]
        return _random_square(tile, int(rng.integers(len(tile) // 3, len(tile) + 1)), size, rng)

    def skin(self, rng: np.random.Generator) -> UInt8[np.ndarray, "s s 3"]:
        """A body texture of random tone."""
        if self.skins:
            texture = self.skins[rng.integers(len(self.skins))]
            gain = rng.uniform(0.7, 1.15) * rng.uniform(0.93, 1.07, 3)
            table = np.arange(256)[:, None] * gain
            return cv2.LUT(texture, table.clip(0, 255).astype(np.uint8)[:, None])
        tone = _skin_tone(rng)
        mottle = 1 - 0.25 * noise(SKIN, rng, octaves=6)
        return cv2.merge([(255 * c * mottle).clip(0, 255).astype(np.uint8) for c in tone])

    def panorama(self, rng: np.random.Generator) -> Float32[np.ndarray, "rows columns 3"]:
        """A panorama of linear radiance."""
        if self.panoramas:
            return self.panoramas[rng.integers(len(self.panoramas))]
        return _procedural_panorama(rng)


def _split_files(data: Path, glob: str, split: str) -> list[Path]:
    """The files of one split: every fifth file of a kind is for testing only."""
    paths = sorted(data.glob(glob))
    if not paths:
        raise UserError(f"data folder {data} has no {glob}; check --data or leave it out")
    return [p for i, p in enumerate(paths) if (i % HELD_OUT == 2) == (split == "test")]


def _read(path: Path) -> np.ndarray:
    """RGB of a picture file."""
    with readable(path, "picture", "copy it again"):
        check_file(path, _MAX_BYTES)
        picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if picture is None:
            raise ValueError("OpenCV cannot decode it")
    return np.ascontiguousarray(picture[..., 2::-1])


def _cut_tiles(sheet: np.ndarray) -> list[np.ndarray]:
    """The tiles of a catalogue sheet without captions; tiles with a white border are left out."""
    tiles = []
    for top in range(MARGIN, sheet.shape[0] - TILE + 1, PITCH[0]):
        for left in range(MARGIN, sheet.shape[1] - TILE + 1, PITCH[1]):
            tile = sheet[top : top + TILE, left : left + TILE]
            border = np.concatenate([tile[[0, -1]].reshape(-1, 3), tile[:, [0, -1]].reshape(-1, 3)])
            if (border.min(1) > 245).mean() < 0.2:
                tiles.append(np.ascontiguousarray(tile))
    return tiles


def _normalised(panorama: np.ndarray) -> np.ndarray:
    """Radiance with a median of 0.2 (a mid grey), clipped at 50 (the sun's disc)."""
    scaled = panorama * (0.2 / max(float(np.median(panorama)), 1e-6))
    return np.minimum(scaled, 50).astype(np.float32)


def _random_square(
    picture: np.ndarray, side: int, size: int, rng: np.random.Generator
) -> np.ndarray:
    """A random square of a picture, resized."""
    rows, columns = picture.shape[:2]
    top, left = rng.integers(rows - side + 1), rng.integers(columns - side + 1)
    method = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
    return cv2.resize(
        picture[top : top + side, left : left + side], (size, size), interpolation=method
    )


def _skin_tone(rng: np.random.Generator) -> np.ndarray:
    """A colour between very light and very dark skin, RGB in 0..1."""
    tones = np.array(
        [[0.95, 0.78, 0.69], [0.78, 0.57, 0.44], [0.50, 0.33, 0.24], [0.25, 0.16, 0.12]]
    )
    place = rng.uniform(0, 3)
    tone = [np.interp(place, range(4), channel) for channel in tones.T]
    return np.array(tone, np.float32) * rng.uniform(0.94, 1.06, 3).astype(np.float32)


def _procedural_panorama(rng: np.random.Generator) -> np.ndarray:
    """A sky over a ground, both mottled, with a bright spot."""
    size = 256
    below = np.linspace(0, 1, size)[:, None, None] > rng.uniform(0.42, 0.58)
    base = np.where(below, random_color(rng), random_color(rng)).astype(np.float32)
    mottle = 0.3 + 0.9 * noise(size, rng, octaves=6)[..., None]
    picture = np.tile(base, (1, size, 1)) * mottle
    spot = rng.integers([size // 10, 0], [size // 2, size])
    cv2.circle(picture, (int(spot[1]), int(spot[0])), 10, (8.0, 8.0, 8.0), -1)
    return np.ascontiguousarray(np.concatenate([picture, picture[:, ::-1]], 1))
