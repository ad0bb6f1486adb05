"""What is shown of the document: which image, run and step, and how."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.geometry.layout import STANDARD, Layout
from app.geometry.orbit import Orbit
from app.playing import Playing
from app.protocol.commands import Ink
from app.protocol.run import Changes, RunKey
from app.protocol.scan import ScanKind
from app.protocol.search import Inquiry, Slide
from app.protocol.why import Target
from core.body.moves import Moves
from core.occlusion.fills import GREY, Fill
from core.occlusion.occluder import Occluders

JOINTS = "joints"
PEOPLE = "people"
HITS = "hits"
POINTS, SKELETON, KERNELS, PARTS = "points", "skeleton", "kernels", "parts"
VOTES = "votes"
OTHERS, CAMERA = "other bodies", "camera"
LINKED = "linked zoom"
"""Maps show the place that the photo shows."""
SMOOTH = "smooth maps"
"""Maps without squares, and the photo too where it is large."""
BOX = "box"
POSE = "pose"
"""Tools that draw the person's box and drag joints; the others draw the shapes of occluders."""


@dataclass
class ViewState:
    """What is on screen.

    Attributes:
        key: numbers of the image and the run; None before the first.
        step: the recorded step.
        follow: the newest step is shown as it comes.
        opacity: how strongly the body covers the photo, 0 to 1.
        photo_side: pixels of the longer side that the photo has on screen.
        overlays: names of what is drawn over the photo, such as `JOINTS`.
        orbit: from where the body is seen.
        body_size: width and height of the body's panel in pixels.
        hidden_terms: names of the curves that are not drawn.
        loss_window: first and last step of the curves; None for all.
        loss_log: the curves have logarithmic axes.
        other: the run that the shown one is compared with.
        tool: what a drag on the photo draws: `BOX`, or the kind of a shape of occluders.
        fill: of the next occluder.
        brush: diameter of the brush as a share of the photo's longer side.
        chosen: number of the occluder that the mouse has chosen.
        sketch: the occluders as they are being dragged; None where no run has to follow.
        from_step: new occluders go on from the step on screen, not from the start.
        carried: occluders to put before another image.
        draft: what the next run is to do differently from the shown one.
        moves: what has been done to the body by hand and no run has yet, see `core.body.moves`.
        unmoved: moves that were taken back, the last one first.
        soft: a drag of a joint is a wish, not a move.
        sigma: of the next wish, pixels of the image.
        why: the panel that answers why is there.
        target: what it is asked about.
        pinned: it was clicked: the mouse asks about nothing else by resting there.
        inquiry: what is asked piece by piece; None for nothing.
        layout: where the panels lie; ``layout_name`` is its name, empty if it has none.
        own_layouts: those that the user has named.
        largest: name of the panel that has the place of all; empty for none.
        turn: which panels come first where there is no room for all.
        looks: names of what is switched on, such as `LINKED`.
        split: share of the photo's width at the left of which nothing is drawn over it.
        kernel_color: what colours the kernels, see `app.protocol.commands.KERNEL_COLORS`.
        light: the window has light colours.
        play: how steps play, and two runs take turns.
        seeking: what the worker looks for in all steps, to go to the largest.
        joint_table: the table of how far the joints of two runs are apart is there.
        difference: maps show how two runs differ.
        hurried: the hand is at it: pictures come quickly painted, fine ones later.
    """

    key: RunKey | None = None
    step: int = 0
    follow: bool = True
    opacity: float = 0.75
    photo_side: int = 512
    overlays: frozenset[str] = frozenset()
    orbit: Orbit = field(default_factory=Orbit)
    body_size: tuple[int, int] = (0, 0)
    hidden_terms: frozenset[str] = frozenset()
    loss_window: tuple[float, float] | None = None
    loss_log: bool = False
    other: RunKey | None = None
    tool: str = BOX
    fill: Fill = GREY
    brush: float = 0.05
    chosen: int | None = None
    sketch: Occluders | None = None
    from_step: bool = False
    carried: Occluders = ()
    draft: Changes = field(default_factory=Changes)
    moves: Moves = ()
    unmoved: Moves = ()
    soft: bool = False
    sigma: float = 5.0
    why: bool = False
    target: Target | None = None
    pinned: bool = False
    inquiry: Inquiry | None = None
    layout: Layout = STANDARD
    layout_name: str = "standard"
    own_layouts: dict[str, Layout] = field(default_factory=dict)
    largest: str = ""
    turn: int = 0
    looks: frozenset[str] = frozenset({LINKED})
    split: float | None = None
    kernel_color: str = "limb"
    light: bool = False
    play: Playing = field(default_factory=Playing)
    seeking: ScanKind | None = None
    joint_table: bool = False
    difference: bool = False
    hurried: bool = False

    @property
    def image(self) -> int | None:
        """Number of the image."""
        return None if self.key is None else self.key[0]

    def look_at(self, key: RunKey, step: int = 0, follow: bool = True) -> None:
        """Show a step of another run."""
        self.key, self.step, self.follow = key, step, follow
        self.loss_window = None
        self.draft = Changes()
        self.moves = self.unmoved = ()
        self.sketch = None
        if isinstance(self.inquiry, Slide):
            self.inquiry = None  # of one run: another one does not begin it anew
        self.play.stop()
        self.seeking = None
        if self.other is not None and (self.other == key or self.other[0] != key[0]):
            self.other = None

    @property
    def ink(self) -> Ink:
        """What pictures of the body show."""
        return Ink(PARTS in self.overlays, self.kernel_color if KERNELS in self.overlays else "")

    @property
    def by_hand(self) -> bool:
        """Whether the body on screen is another than that of the step."""
        return bool(self.moves) or self.draft.wishes is not None

    def toggle_overlay(self, name: str) -> None:
        """Draw it over the photo, or do not."""
        self.overlays ^= {name}

    def toggle_term(self, name: str) -> None:
        """Draw the curve of a term, or do not."""
        self.hidden_terms ^= {name}
