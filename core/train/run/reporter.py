"""Progress of a run on the screen: a bar on a terminal, a line every 50 steps in a log."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

_SHOWN = ("keypoints3d", "keypoints2d", "pose", "parts", "kernel", "clutter", "orientation")
_LOG_EVERY = 50


class Reporter:
    """Shows step, progress, speed and smoothed losses."""

    def __init__(self) -> None:
        self.console = Console(stderr=True)
        columns = [TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()]
        self.progress = Progress(*columns, TimeRemainingColumn(), console=self.console)
        self.task = self.progress.add_task("training", total=1.0)
        self._last = (time.monotonic(), 0)

    def __enter__(self) -> Reporter:
        if self.console.is_terminal:
            self.progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.progress.stop()

    def __call__(self, step: int, done: float, losses: dict[str, float]) -> None:
        """Report a step: its number, the progress from 0 to 1, and smoothed losses."""
        shown = "  ".join(f"{name} {losses[name]:.3f}" for name in _SHOWN if name in losses)
        text = f"step {step}  {shown}"
        if self.console.is_terminal:
            self.progress.update(self.task, completed=done, description=text)
        elif step % _LOG_EVERY == 0:
            now, before = time.monotonic(), self._last
            speed = (step - before[1]) / max(now - before[0], 1e-9)
            self._last = (now, step)
            print(f"{100 * done:5.1f} %  {speed:.2f} steps/s  {text}", flush=True)
