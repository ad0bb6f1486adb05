"""The film of a fit: most of it is drawn while the fit goes on."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from core.fit.sheet import Look, Picture, Sheet
from core.fit.trace import StepRecord

STRIDE = 3  # steps between two frames
TILE = (300, 300)
RATE = 12.0


class Film:
    """Frames of a fit. A thread draws each step's body and maps as soon as it is taken.

    Only the losses need the whole fit. A step of the fit waits for the thread as little as the
    machine's other core is free: drawing and fitting both leave Python's lock most of the time.
    """

    def __init__(self, sheet: Sheet) -> None:
        self.sheet = sheet
        self._pool = ThreadPoolExecutor(1, "film")
        self._looks: dict[int, Future[Look]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def after(self, record: StepRecord) -> None:
        """Have a step drawn, if the film shows it."""
        if record.step % STRIDE == 0:
            self._ask(record.step)

    def frames(self, best: int) -> Iterator[Picture]:
        """Every few of the steps that there are now, then the best one for a second."""
        return map(self._frame, self.steps(best))

    def steps(self, best: int) -> list[int]:
        """The step of each frame."""
        return [*range(0, len(self.sheet.fit.trace), STRIDE), *[best] * round(RATE)]

    def _frame(self, step: int) -> Picture:
        return self.sheet.draw(step, tile=TILE, look=self._ask(step).result())

    def _ask(self, step: int) -> Future[Look]:
        """The look of a step, now or later."""
        if step not in self._looks:
            self._looks[step] = self._pool.submit(self.sheet.look, step, max(TILE))
        return self._looks[step]
