"""Films that every player opens (H.264) and animations that every browser shows (GIF)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path

import imageio.v2
import imageio.v3
import numpy as np
from imageio.core.format import Format
from jaxtyping import UInt8

from core.errors import UserError
from core.io.atomic import write_atomic

QUALITY = 8
"""imageio's scale from 1 to 10 (variable bit rate)."""
PRESET = "veryfast"
"""At this quality, sheets take no more bytes than with ffmpeg's own choice, and half the time."""

Frame = UInt8[np.ndarray, "_ _ 3"]


def save_video(path: Path, frames: Iterable[Frame], fps: float = 25.0) -> None:
    """Write RGB frames of one size as ``.mp4`` or ``.gif``.

    An mp4 is written while the frames come; an odd row or column is doubled, as yuv420p demands. A
    GIF holds all frames in memory, repeats for ever, and rounds a frame's time to 10 ms.

    Raises:
        UserError: another suffix, no ffmpeg on this machine, or it failed.
        ValueError: no frame at all, or frames of different sizes.
    """
    encode = _ENCODERS.get(Path(path).suffix.lower())
    if encode is None:
        raise UserError(f"{path}: a video ends in {' or '.join(_ENCODERS)}")
    write_atomic(path, lambda temporary: encode(temporary, _checked(frames), fps))


def _checked(frames: Iterable[Frame]) -> Iterator[Frame]:
    """The same frames; an error for none, and for one of another size than the first."""
    source = iter(frames)
    first = next(source, None)
    if first is None:
        raise ValueError("a video needs at least one frame")
    for frame in chain([first], source):
        if frame.shape != first.shape:
            raise ValueError(f"frames of {first.shape} and {frame.shape} in one video")
        yield frame


def _encode_mp4(path: Path, frames: Iterator[Frame], fps: float) -> None:
    """Stream the frames through ffmpeg."""
    writer = imageio.v2.get_writer(
        path,
        format="FFMPEG",
        mode="I",
        fps=fps,
        quality=QUALITY,
        codec="libx264",
        pixelformat="yuv420p",
        macro_block_size=1,
        ffmpeg_log_level="error",
        output_params=["-movflags", "+faststart", "-preset", PRESET],
    )
    try:
        for frame in frames:
            _append(writer, _even(frame))
    finally:
        writer.close()  # its own context leaves ffmpeg running after an error
    if not _is_whole_mp4(path):  # closing does not look at ffmpeg's exit code
        raise UserError("ffmpeg could not finish an mp4; is the disk full?")


def _is_whole_mp4(path: Path) -> bool:
    """Whether a file consists of whole boxes (ISO/IEC 14496-12), an index among them."""
    kinds, size = [], path.stat().st_size
    with path.open("rb") as file:
        while (start := file.tell()) < size:
            length, kind = struct.unpack(">I4s", file.read(8).ljust(8, b"\0"))
            if length == 1:  # the length follows, in 64 bits
                (length,) = struct.unpack(">Q", file.read(8).ljust(8, b"\0"))
            if length < 8 or start + length > size:
                return False
            kinds.append(kind)
            file.seek(start + length)
    return b"moov" in kinds and b"mdat" in kinds


def _append(writer: Format.Writer, frame: Frame) -> None:
    """Hand one frame to ffmpeg, whose process starts at the first."""
    try:
        writer.append_data(frame)
    except RuntimeError as error:
        raise UserError("no ffmpeg to write mp4 with; pip install imageio-ffmpeg") from error
    except OSError as error:  # it ended; what it had to say went to the terminal
        raise UserError("ffmpeg failed while it wrote an mp4; is the disk full?") from error


def _encode_gif(path: Path, frames: Iterator[Frame], fps: float) -> None:
    """Let Pillow choose each frame's 256 colours."""
    imageio.v3.imwrite(path, list(frames), plugin="pillow", duration=1000 / fps, loop=0)


_ENCODERS: dict[str, Callable[[Path, Iterator[Frame], float], None]] = {
    ".mp4": _encode_mp4,
    ".gif": _encode_gif,
}


def _even(frame: Frame) -> Frame:
    """The frame with its last row and column doubled where their number is odd."""
    height, width = frame.shape[:2]
    padded = np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return np.ascontiguousarray(padded, dtype=np.uint8)
