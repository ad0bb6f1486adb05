"""Writing H.264 videos."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from jaxtyping import UInt8

from core.errors import UserError
from core.io.atomic import write_atomic

QUALITY = 8
"""imageio's scale from 1 to 10 (variable bit rate)."""

Frame = UInt8[np.ndarray, "height width 3"]


def save_video(path: Path, frames: Iterable[Frame], fps: float = 25.0) -> None:
    """Write RGB frames of one size as mp4.

    Odd sizes are padded by one row or column, because yuv420p needs even ones.

    Raises:
        UserError: ffmpeg is missing on this machine, or fails.
        ValueError: there is no frame, or frames differ in size.
    """
    try:
        imageio_ffmpeg.get_ffmpeg_exe()
    except RuntimeError as error:
        raise UserError(f"no ffmpeg for {path}; pip install imageio-ffmpeg") from error
    write_atomic(path, lambda temporary: _encode(temporary, frames, fps))


def _encode(path: Path, frames: Iterable[Frame], fps: float) -> None:
    """Stream the frames through ffmpeg."""
    source = iter(frames)
    first = next(source, None)
    if first is None:
        raise ValueError("a video needs at least one frame")
    height, width = _even(first).shape[:2]
    writer = imageio_ffmpeg.write_frames(
        str(path),
        (width, height),
        fps=fps,
        quality=QUALITY,
        codec="libx264",
        pix_fmt_out="yuv420p",
        macro_block_size=1,
        ffmpeg_log_level="error",
        output_params=["-movflags", "+faststart"],
    )
    try:
        writer.send(None)  # starts ffmpeg
        for frame in chain([first], source):
            if frame.shape != first.shape:
                raise ValueError(f"frames of {first.shape} and {frame.shape} in one video")
            writer.send(_even(frame))
    finally:
        writer.close()


def _even(frame: Frame) -> Frame:
    """The frame with its last row or column repeated where their number is odd."""
    height, width = frame.shape[:2]
    padded = np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return np.ascontiguousarray(padded, dtype=np.uint8)
