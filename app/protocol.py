"""What the window and the engine's process say to each other, and what an engine must do.

Messages are small frozen dataclasses; pictures travel beside them in shared memory (`app.shared`).
Every command about a fit carries its *generation*, which grows with each photo, box and restart:
an answer of an older generation is about something that is no longer on screen and is dropped.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from jaxtyping import Float, Int, UInt8

from app.geometry2d import Point, Rect
from app.orbit import Orbit

Joint = tuple[float, float, float]
"""Pixels of the photo, and foreshortening (see `core.fit.photo_joints`)."""
Sigma = tuple[float, float]
"""Standard deviations: of x and y in pixels of the photo, and of the foreshortening."""

Legend = tuple[tuple[tuple[int, int, int], str], ...]

# --- commands: window -> worker ---


@dataclass(frozen=True)
class Open:
    """Read a photo, find the person (or take ``box``), and stand at the fit's start."""

    generation: int
    path: str
    box: Rect | None = None


@dataclass(frozen=True)
class Observe:
    """Look at another box of the photo that is open (None: find the person)."""

    generation: int
    box: Rect | None


@dataclass(frozen=True)
class Restart:
    """Forget the steps and stand at the start again."""

    generation: int


@dataclass(frozen=True)
class Run:
    """Take steps until told otherwise."""


@dataclass(frozen=True)
class Pause:
    """Take no more steps."""


@dataclass(frozen=True)
class Step:
    """Take one step."""


@dataclass(frozen=True)
class Paint:
    """Paint the pictures of one recorded step."""

    generation: int
    step: int
    opacity: float


@dataclass(frozen=True)
class Turn:
    """Paint the body of one recorded step as the mouse has turned it."""

    generation: int
    step: int
    orbit: Orbit
    width: int
    height: int


@dataclass(frozen=True)
class Quit:
    """End the process."""


Command = Open | Observe | Restart | Run | Pause | Step | Paint | Turn | Quit

# --- events: worker -> window ---


@dataclass(frozen=True)
class Ready:
    """The engine is loaded; ``detail`` tells which preset, backend and threads."""

    detail: str


@dataclass(frozen=True)
class StageMark:
    """A stage of the schedule: its records are ``start`` <= step < ``stop``."""

    name: str
    start: int
    stop: int


@dataclass(frozen=True)
class ImageScene:
    """What is known of one box of one image.

    A new overlay is a field here, filled by the engine and drawn by a panel.

    Attributes:
        size: width and height of the image in pixels.
        focal: the image's focal length in its pixels; its principal point is its middle.
        box: the person's box in pixels of the image.
        detected: False if the box was given, True if it was found or is a guess.
        corners: the crop's four corners in pixels of the image, in order around it.
        to_crop: homography from pixels of the image to the crop, its corners at (0, 0) and (1, 1).
        legend: colours of the occlusion map and what they mean.
        estimated_joints: joints as the network estimates them (empty if it does not), SMPL's order.
        sigmas: standard deviations of these, one for each.
        note: anything the user should know ("no person found, taking the whole photo").
    """

    size: tuple[int, int]
    focal: float
    box: Rect
    detected: bool
    corners: tuple[Point, ...]
    to_crop: tuple[tuple[float, float, float], ...]
    legend: Legend = ()
    estimated_joints: tuple[Joint, ...] = ()
    sigmas: tuple[Sigma, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Opened:
    """The photo is read and observed; its thumbnail and feature colours lie in shared memory.

    Attributes:
        stages: the schedule.
        shapes: shape of each picture that is ready ("photo", "observed").
        winner: which initialisation won.
    """

    generation: int
    path: str
    scene: ImageScene
    stages: tuple[StageMark, ...]
    winner: str
    shapes: dict[str, tuple[int, ...]]

    @property
    def name(self) -> str:
        """The photo's file name."""
        return Path(self.path).name


@dataclass(frozen=True)
class Stepped:
    """One more recorded step; terms are weighted, so that they add up to the total."""

    generation: int
    step: int
    stage: int
    terms: dict[str, float]
    total: float
    best: int
    seconds: float


@dataclass(frozen=True)
class Finished:
    """No more steps will come."""

    generation: int
    reason: str
    best: int


@dataclass(frozen=True)
class Painted:
    """The pictures of a step lie in shared memory.

    Attributes:
        joints: of the step's body.
    """

    generation: int
    step: int
    shapes: dict[str, tuple[int, ...]]
    occluded: float
    seconds: float
    joints: tuple[Joint, ...] = ()


@dataclass(frozen=True)
class Turned:
    """The turned body lies in shared memory.

    Attributes:
        middle: the point the orbit looks at, in the photo's camera (metres).
        floor: y of the body's lowest point in the photo's camera.
    """

    generation: int
    step: int
    orbit: Orbit
    shape: tuple[int, ...]
    middle: tuple[float, float, float]
    floor: float


@dataclass(frozen=True)
class Failed:
    """A command could not be carried out; the worker goes on. It stands for the answer.

    Attributes:
        command: the command that failed.
        text: one line; empty if the command was about something that is no longer there.
    """

    command: Command
    text: str


@dataclass(frozen=True)
class Died:
    """The worker's process has ended without being told to."""

    text: str


Event = Ready | Opened | Stepped | Finished | Painted | Turned | Failed | Died

# --- the engine as the worker sees it ---


@dataclass(frozen=True)
class Observed:
    """An image as the engine has looked at it.

    Attributes:
        features: colours of the feature map.
        handle: whatever the backend wants to remember; it never leaves the worker's process.
    """

    scene: ImageScene
    features: UInt8[np.ndarray, "height width 3"]
    handle: Any = None


@dataclass(frozen=True)
class Progress:
    """One step of a fit: number, stage, weighted terms and their sum."""

    step: int
    stage: int
    terms: dict[str, float]
    total: float


@dataclass(frozen=True)
class Maps:
    """What the model says about one step's parameters.

    Attributes:
        rendered: the model's feature map in the colours of the observed one.
        occlusion: picture of the occlusion variable.
        visible: p(z = 1) of each map pixel; NaN where the body is not.
        occluded: share of the body's pixels called occluded.
    """

    rendered: UInt8[np.ndarray, "height width 3"]
    occlusion: UInt8[np.ndarray, "height width 3"]
    visible: Float[np.ndarray, "height width"]
    occluded: float = field(default=0.0)


class Photo(Protocol):
    """A decoded photo."""

    @property
    def pixels(self) -> UInt8[np.ndarray, "height width 3"]:
        """Upright RGB."""


class Fit(Protocol):
    """A fit between two steps. `params` may be called from another thread than `step`."""

    @property
    def done(self) -> bool:
        """Whether no step is left."""

    @property
    def reason(self) -> str:
        """Why it stopped."""

    @property
    def stages(self) -> tuple[StageMark, ...]:
        """Its schedule."""

    @property
    def winner(self) -> str:
        """Which initialisation it started from."""

    @property
    def best(self) -> int:
        """The best recorded step."""

    def step(self) -> Progress:
        """Take one step and record it."""

    def params(self, step: int) -> Any:
        """Parameters of a recorded step."""


class Backend(Protocol):
    """An engine. `maps` and `vertices` are pure and may run beside a fit's `step`."""

    @property
    def detail(self) -> str:
        """What it is, in a few words."""

    @property
    def faces(self) -> Int[np.ndarray, "faces 3"]:
        """Triangles of the body."""

    def read(self, path: str) -> Photo:
        """Decode a photo."""

    def observe(self, photo: Any, box: Rect | None) -> Observed:
        """Look at a person of a photo that `read` gave; without a box, find one."""

    def fit(self, observed: Observed) -> Fit:
        """Start a fit."""

    def maps(self, observed: Observed, params: Any) -> Maps:
        """The model's maps for some parameters."""

    def vertices(self, observed: Observed, params: Any) -> Float[np.ndarray, "vertices 3"]:
        """The body in the photo's camera frame, metres."""

    def joints(self, observed: Observed, params: Any) -> tuple[Joint, ...]:
        """The body's joints on the photo, in the order of the estimated joints; may be empty."""
