"""How long the window's frames take, and how fast they should come."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

IDLE_RATE = 30.0  # frames per second
BUSY_RATE = 15.0  # while the engine computes: the window is drawn on the same cores


@dataclass
class FrameClock:
    """Paces the frames and remembers the longest.

    Durations are from the start of a frame to the start of the next: what a hand feels.

    Attributes:
        worst, worst_busy: longest frame in seconds; of all, and of those while the engine worked.
        worst_cpu: most processor seconds that this process has spent in a frame; unlike the others
            it does not grow when other programs take the processor away.
    """

    worst: float = 0.0
    worst_busy: float = 0.0
    worst_cpu: float = 0.0
    frames: int = 0
    busy_frames: int = 0
    _last: float | None = None
    _last_cpu: float = 0.0
    _durations: list[float] = field(default_factory=list)

    def tick(self, busy: bool) -> None:
        """A frame begins."""
        now, cpu = time.perf_counter(), time.process_time()
        if self._last is not None:
            self.worst_cpu = max(self.worst_cpu, cpu - self._last_cpu)
            duration = now - self._last
            self._durations = [*self._durations[-99:], duration]
            self.worst = max(self.worst, duration)
            if busy:
                self.worst_busy = max(self.worst_busy, duration)
                self.busy_frames += 1
        self._last, self._last_cpu = now, cpu
        self.frames += 1

    def wait(self, busy: bool) -> None:
        """Sleep for what is left of the frame's time."""
        assert self._last is not None
        period = 1 / (BUSY_RATE if busy else IDLE_RATE)
        left = period - (time.perf_counter() - self._last)
        if left > 0:
            time.sleep(left)

    @property
    def median(self) -> float:
        """Seconds of a usual frame of late."""
        ordered = sorted(self._durations)
        return ordered[len(ordered) // 2] if ordered else 0.0
