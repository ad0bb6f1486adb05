"""Six steps through the window, for those who see it for the first time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TourStep:
    """Something to look at.

    Attributes:
        places: names of the places that are framed, see `app.geometry.layout.arrange`.
    """

    title: str
    text: str
    places: tuple[str, ...]


STEPS = (
    TourStep(
        "A photo",
        "Drop a photo anywhere, or press {open}. The person is found and the fit begins by itself; "
        "{run} pauses it and goes on. Drag a box around somebody to fit that person.",
        ("photo",),
    ),
    TourStep(
        "Every step stays",
        "Drag along the line, or press {back} and {on}: all panels show that step. {best} goes to "
        "the best one. Each run of a photo has a line of its own.",
        ("timeline",),
    ),
    TourStep(
        "What the fit compares",
        "The network's features of the photo, what the body predicts, and z: where something hides "
        "the body. Point at a cell to see it everywhere. The wheel zooms all of them.",
        ("observed", "rendered", "occlusion"),
    ),
    TourStep(
        "Why?",
        "Press {why}, then click a cell or a joint: what made it, and which term pulls it where. "
        "The curves show what each term costs.",
        ("loss", "answer"),
    ),
    TourStep(
        "Try something else",
        "{occlude} puts something before the person, {edit} changes weights, {branch} goes on from "
        "the step on screen as a new run, {compare} compares. Nothing is lost: {undo} takes back.",
        ("toolbar",),
    ),
    TourStep(
        "Make it yours",
        "A double click on a title enlarges its panel; drag the gaps between panels; {next layout} "
        "goes through layouts. {palette} finds every command, {help} lists mouse and keys.",
        ("body",),
    ),
)


@dataclass
class Tour:
    """Where somebody is on the tour; None before and after it."""

    number: int | None = None

    @property
    def step(self) -> TourStep | None:
        """What is shown."""
        return None if self.number is None else STEPS[self.number]

    def begin(self) -> None:
        """Show the first step."""
        self.number = 0

    def end(self) -> None:
        """Show none."""
        self.number = None

    def go(self, count: int) -> None:
        """Further or back; the tour ends after its last step."""
        if self.number is not None:
            number = max(self.number + count, 0)
            self.number = number if number < len(STEPS) else None
