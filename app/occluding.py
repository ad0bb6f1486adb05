"""What the user does with occluders: draw, change, order, carry to another image.

The occluders on screen are those of the run on screen. Changing them makes a new run, so that
undoing a change is undoing a run, and both can be compared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from app.document import counted
from app.protocol.commands import Begin, Commands
from app.runs import RunTree
from app.state import Message, Phase
from app.view import BOX
from core.occlusion.fills import Blur, Color, Fill, Mosaic, Noise, Texture
from core.occlusion.occluder import MAX_OCCLUDERS, Occluder, Occluders

FILLS: tuple[Fill, ...] = (Color((96, 96, 96)), Noise(0), Texture(3), Blur(12.0), Mosaic(16))
"""One of each kind that needs no file, in the order in which a key goes through them."""
BRUSHES = (0.01, 0.3)
TURN = 15.0  # degrees that a key turns


@dataclass
class Occluding(RunTree):
    """The state, and the methods about occluders. Each returns what the worker must get."""

    # --- the tool in hand ---

    def take(self, tool: str) -> Commands:
        """Take a tool, or put it away."""
        if self.record is not None:
            self.view.tool = BOX if self.view.tool == tool else tool
            self.view.chosen = None
        return []

    def put_away(self) -> Commands:
        """Draw boxes of people again."""
        self.view.tool, self.view.chosen = BOX, None
        return []

    def choose(self, number: int | None) -> Commands:
        """Choose one of the occluders on screen, or none."""
        if number is None or 0 <= number < len(self.occluders):
            self.view.chosen = number
        return []

    def set_brush(self, share: float) -> Commands:
        """Take a brush of this diameter, as a share of the photo's longer side."""
        self.view.brush = min(max(share, BRUSHES[0]), BRUSHES[1])
        return []

    def choose_start(self) -> Commands:
        """Have new occluders go on from the step on screen, or from the start again."""
        if self.record is not None:
            self.view.from_step = not self.view.from_step
        return []

    # --- change ---

    def sketch(self, occluders: Occluders, chosen: int | None = None) -> Commands:
        """Show occluders while the mouse drags them; `settle` makes a run of them."""
        if not self.answering or len(occluders) > MAX_OCCLUDERS:
            return []
        self.view.sketch, self.view.chosen = occluders, chosen
        return self.pause()

    def settle(self) -> Commands:
        """Fit behind the sketched occluders: a new run, from the same start or from this step."""
        sketch, key, record = self.view.sketch, self.view.key, self.record
        if sketch is None or key is None or record is None or not self.answering:
            return []
        if sketch == record.scene.occluders or not self.steps:
            return self.drop_sketch()
        # The first record of a run is its start. At the last one there is no step left to take.
        going_on = self.view.from_step and self.view.step < self.planned - 1
        step = self.view.step if going_on else 0
        box = record.run.box
        run = self._another_run(occluders=sketch, box=box, parent=key[1], at_step=step)
        words = counted(sketch) or "no occluder"
        where = f"step {step}" if going_on else "the same start"
        text = f"Fitting behind {words} from {where}; {{undo}} takes it back"
        looking = "Looking at the photo with the occluders…"
        return self._ask_for(Begin(key[0], run), Phase.OPENING, looking, True, text, True)

    def drop_sketch(self) -> Commands:
        """Show the run's own occluders again."""
        self.view.sketch = None
        if self.previewed is not None:
            self.previewed = self.input = self.painted = self.turned = None
        return []

    def change(self, change: Callable[[Occluder], Occluder]) -> Commands:
        """Change the chosen occluder, and fit behind it."""
        occluder, chosen = self.occluder, self.view.chosen
        if occluder is None or chosen is None:
            return []
        return self._replace_all(_with(self.occluders, chosen, change(occluder)), chosen)

    def switch(self) -> Commands:
        """Switch the chosen occluder off, or on again."""
        return self.change(lambda occluder: replace(occluder, on=not occluder.on))

    def turn_occluder(self, way: int) -> Commands:
        """Turn the chosen occluder a little, clockwise (1) or back (-1)."""
        return self.change(lambda occluder: occluder.turned(TURN * way))

    def raise_occluder(self) -> Commands:
        """Put the chosen occluder over the one above it; the topmost goes to the bottom."""
        chosen, occluders = self.view.chosen, list(self.occluders)
        if self.occluder is None or chosen is None or len(occluders) < 2:
            return []
        above = (chosen + 1) % len(occluders)
        occluders.insert(above, occluders.pop(chosen))
        return self._replace_all(tuple(occluders), above)

    def delete_occluder(self) -> Commands:
        """Take the chosen occluder away."""
        chosen, occluders = self.view.chosen, self.occluders
        if self.occluder is None or chosen is None:
            return []
        return self._replace_all((*occluders[:chosen], *occluders[chosen + 1 :]), None)

    def set_fill(self, fill: Fill) -> Commands:
        """Fill the chosen occluder, and those that are drawn from now on."""
        self.view.fill = fill
        return self.change(lambda occluder: replace(occluder, fill=fill))

    def sketch_fill(self, fill: Fill) -> Commands:
        """Show the chosen occluder with a fill, as a slider is dragged."""
        self.view.fill = fill
        occluder, chosen = self.occluder, self.view.chosen
        if occluder is None or chosen is None or not self.can_change:
            return []
        return self.sketch(_with(self.occluders, chosen, replace(occluder, fill=fill)), chosen)

    def next_fill(self) -> Commands:
        """Fill with the next kind of `FILLS`."""
        if self.record is None:
            return []
        now = self.occluder.fill if self.occluder is not None else self.view.fill
        kinds = [fill.kind for fill in FILLS]
        place = kinds.index(now.kind) if now.kind in kinds else -1
        return self.set_fill(FILLS[(place + 1) % len(FILLS)])

    # --- from image to image ---

    def carry(self) -> Commands:
        """Remember the occluders on screen, to put them before another image."""
        if self.occluders:
            self.view.carried = self.occluders
            count = len(self.occluders)
            what = "1 occluder" if count == 1 else f"{count} occluders"
            self.message = Message(f"Copied {what}; {{put occluders}} puts them before an image")
        return []

    def put(self) -> Commands:
        """Put the remembered occluders before the image on screen, over those that are there."""
        scene = self.scene
        if not self.can_put or scene is None:
            return []
        fitted = tuple(_kept_in(occluder, scene.size) for occluder in self.view.carried)
        return self._replace_all((*self.occluders, *fitted), None)

    @property
    def can_put(self) -> bool:
        """Whether there are remembered occluders, and an image to put them before."""
        room = MAX_OCCLUDERS - len(self.occluders)
        return 0 < len(self.view.carried) <= room and self.answering and self.steps > 0

    @property
    def can_change(self) -> bool:
        """Whether there is a chosen occluder, and a fit that could follow its changes."""
        return self.occluder is not None and self.answering and self.steps > 0

    def _replace_all(self, occluders: Occluders, chosen: int | None) -> Commands:
        """Fit behind other occluders at once."""
        if not self.answering or not self.steps:
            return []
        return [*self.sketch(occluders, chosen), *self.settle()]


def _with(occluders: Occluders, number: int, occluder: Occluder) -> Occluders:
    """Occluders with one replaced."""
    return (*occluders[:number], occluder, *occluders[number + 1 :])


def _kept_in(occluder: Occluder, size: tuple[int, int]) -> Occluder:
    """The occluder with its middle inside an image of this size."""
    (x, y), (width, height) = occluder.corners.mean(0).tolist(), size
    return occluder.moved(min(max(x, 0.0), width) - x, min(max(y, 0.0), height) - y)
