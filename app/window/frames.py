"""When the window is drawn, how fast frames come, and how long they take."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

IDLE_RATE = 60.0  # frames per second
BUSY_RATE = 30.0  # while the engine computes
BUSY_SHARE = 0.7  # of a core that frames may take meanwhile: without a graphics card they are dear
_LATELY = 0.2  # weight of the last frame in the mean of their costs
CALM = 0.25  # seconds after the last input: before them the hand is still at it
LINGER = 0.7  # seconds of frames after the last input: tooltips wait 0.4 s, dialogs fade in
FRAMES_A_CHANGE = 3  # that Dear PyGui takes to lay out what has changed


@dataclass
class FrameClock:
    """Decides when a frame is needed, paces the frames, and remembers the longest.

    Durations are from the start of a frame to the start of the next: what a hand feels.

    Attributes:
        worst, worst_busy: longest frame in seconds; of all, and of those while the engine worked.
        worst_cpu: most processor seconds that this process has spent in a frame; unlike the others
            it does not grow when other programs take the processor away.
        frames: number of frames drawn.
    """

    worst: float = 0.0
    worst_busy: float = 0.0
    worst_cpu: float = 0.0
    frames: int = 0
    busy_frames: int = 0
    _last: float | None = None
    _last_cpu: float = 0.0
    _cost: float = 0.0
    _durations: list[float] = field(default_factory=list)
    _needed: int = FRAMES_A_CHANGE
    _until: float = 0.0
    _calm: float = 0.0

    # --- when ---

    def changed(self) -> None:
        """Something on screen may look different."""
        self._needed = FRAMES_A_CHANGE

    def stepped(self) -> None:
        """The fit has taken a step, which moves little on screen."""
        self._needed = max(self._needed, 1)

    def linger(self) -> None:
        """What has been done may lead to something a moment later."""
        self.changed()
        self._until = time.perf_counter() + LINGER

    def touched(self) -> None:
        """The user has done something: what it leads to may come a moment later."""
        self.linger()
        self._calm = time.perf_counter() + CALM

    @property
    def awake(self) -> bool:
        """Whether a frame is needed."""
        return self._needed > 0 or time.perf_counter() < self._until

    @property
    def hurried(self) -> bool:
        """Whether the user has just done something, and what follows must come soon."""
        return time.perf_counter() < self._calm

    def left(self, busy: bool) -> float:
        """Seconds until the next frame may come, at most 0 if it may come now."""
        if self._last is None:
            return 0.0
        interval = max(1 / BUSY_RATE, self._cost / BUSY_SHARE) if busy else 1 / IDLE_RATE
        return interval - (time.perf_counter() - self._last)

    # --- how long ---

    def tick(self, busy: bool) -> None:
        """A frame begins."""
        now, cpu = time.perf_counter(), time.process_time()
        if self._last is not None:
            self.worst_cpu = max(self.worst_cpu, cpu - self._last_cpu)
            self._cost += _LATELY * (cpu - self._last_cpu - self._cost)
            duration = now - self._last
            self._durations = [*self._durations[-99:], duration]
            self.worst = max(self.worst, duration)
            if busy:
                self.worst_busy = max(self.worst_busy, duration)
                self.busy_frames += 1
        self._last, self._last_cpu = now, cpu
        self.frames += 1
        self._needed = max(self._needed - 1, 0)

    def rest(self) -> None:
        """No frame is needed: the next one is not counted as a long one."""
        self._last = None

    @property
    def median(self) -> float:
        """Seconds of a usual frame of late."""
        ordered = sorted(self._durations)
        return ordered[len(ordered) // 2] if ordered else 0.0
