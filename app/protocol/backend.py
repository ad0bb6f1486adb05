"""The interface of an engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from jaxtyping import Float, Int, UInt8

from app.geometry.people import Person
from app.geometry.plane import Point, Rect
from app.protocol.run import RecordedRun, Run, StageMark, TermInfo
from app.protocol.scene import Certainty, ImageScene, Joint
from app.protocol.search import Findings, Inquiry
from app.protocol.why import Answer, Target
from core.body.moves import Wishes
from core.occlusion.occluder import Occluders


@dataclass(frozen=True)
class Observed:
    """An image with the engine's evidence about one person.

    Attributes:
        features: colours of the feature map.
        recorded: the runs of the record that the image comes from, parents first.
        handle: the engine's own object; it never leaves the worker's process.
        seen: the image with its occluders; None without any.
    """

    scene: ImageScene
    features: UInt8[np.ndarray, "height width 3"]
    handle: Any = None
    recorded: tuple[RecordedRun, ...] = ()
    seen: UInt8[np.ndarray, "rows columns 3"] | None = None


@dataclass(frozen=True)
class Kept:
    """A run to be saved.

    Attributes:
        place: what it is called, and where it branches.
        fit: what `Backend.fit` gave.
        run: what it was made from.
    """

    place: RecordedRun
    fit: Any
    run: Run


@dataclass(frozen=True)
class Progress:
    """One step of a fit: number, stage, weighted terms and their sum."""

    step: int
    stage: int
    terms: dict[str, float]
    total: float


@dataclass(frozen=True)
class Maps:
    """The model at one step's parameters.

    Attributes:
        rendered: the model's feature map in the colours of the observed one.
        occlusion: picture of the occlusion variable.
        visible: p(z = 1) of each map pixel; NaN where the body is not.
        occluded: share of the body's pixels called occluded.
        hits: where that is right and wrong; None if nothing is put before the image.
        found: IoU and AUROC of it; NaN where not defined, None without occluders.
        residual: difference of observed and rendered feature, 0 to 2; NaN where the body is not.
        certainty: of the body's joints, in their order; empty if the engine does not say.
    """

    rendered: UInt8[np.ndarray, "height width 3"]
    occlusion: UInt8[np.ndarray, "height width 3"]
    visible: Float[np.ndarray, "height width"]
    occluded: float = 0.0
    hits: UInt8[np.ndarray, "height width 3"] | None = None
    found: tuple[float, float] | None = None
    residual: Float[np.ndarray, "height width"] | None = None
    certainty: tuple[Certainty, ...] = ()


@dataclass(frozen=True)
class Kernels:
    """The body as Gaussian kernels, metres in the photo's camera frame.

    Attributes:
        limbs: number of the limb that each belongs to, see `core.pictures.palette.LIMBS`.
    """

    means: Float[np.ndarray, "kernels 3"]
    covariances: Float[np.ndarray, "kernels 3 3"]
    limbs: Int[np.ndarray, " kernels"]


@dataclass(frozen=True)
class Stance:
    """The body at one step's parameters, in numbers.

    Attributes:
        joints: in the photo's camera, metres, in the order of the estimated joints.
        numbers: see `core.body.numbers`; those that a hand can set to a value.
    """

    joints: tuple[tuple[float, float, float], ...] = ()
    numbers: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class TrueBody:
    """Where joints truly are, in the order of the body's; NaN where it is not known.

    Attributes:
        joints: on the image.
        places: metres in the photo's camera, perhaps up to a common shift.
    """

    joints: tuple[Joint, ...]
    places: tuple[tuple[float, float, float], ...]


@dataclass(frozen=True)
class Film:
    """Pictures of one size, that are drawn as they are taken.

    Attributes:
        count: how many there are.
        rate: pictures a second.
    """

    pictures: Iterator[UInt8[np.ndarray, "height width 3"]]
    count: int
    rate: float


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
    def terms(self) -> tuple[TermInfo, ...]:
        """The terms of its objective."""

    @property
    def winner(self) -> str:
        """Which initialisation it started from."""

    @property
    def wishes(self) -> Wishes:
        """Where joints should be."""

    @property
    def best(self) -> int:
        """The best recorded step."""

    @property
    def doubt(self) -> str:
        """Why the best step may be wrong, in words; empty if nothing speaks against it."""

    @property
    def count(self) -> int:
        """Number of recorded steps."""

    def step(self) -> Progress:
        """Take one step and record it."""

    def recorded(self) -> list[Progress]:
        """The recorded steps."""

    def params(self, step: int) -> Any:
        """Parameters of a recorded step."""


class Backend(Protocol):
    """An engine.

    All about recorded steps is pure and may be called from another thread than a fit's `step`.
    """

    @property
    def detail(self) -> str:
        """What it is, in a few words."""

    @property
    def faces(self) -> Int[np.ndarray, "faces 3"]:
        """Triangles of the body."""

    @property
    def limbs(self) -> Int[np.ndarray, " faces"]:
        """Number of the limb that each triangle belongs to, see `core.pictures.palette.LIMBS`."""

    def read(self, path: str) -> Photo:
        """Decode a photo, or open a record of a fit."""

    def people(self, photo: Any) -> tuple[Person, ...]:
        """All people of a photo that `read` gave, the most prominent first."""

    def person_at(self, photo: Any, at: Point) -> Rect:
        """Box of the person at a pixel, whom `people` may have missed.

        Raises:
            UserError: nobody is found there.
        """

    def observe(
        self,
        photo: Any,
        box: Rect | None,
        people: Sequence[Person] | None = None,
        focal: float | None = None,
        keypoints: str = "",
    ) -> Observed:
        """Look at a person of a photo that `read` gave.

        Args:
            box: the person's; None for the most prominent one.
            people: what `people` gave; None to find them.
            focal: focal length in pixels of the image; None for what is known of it.
            keypoints: file of the person's joints in the image; empty to detect them.

        Raises:
            UserError: the file of keypoints cannot be read, or shows nobody in the box.
        """

    def occlude(self, observed: Observed, occluders: Occluders) -> Observed:
        """Look at the same person of the same image again, behind these occluders."""

    def fit(self, observed: Observed, run: Run, parent: Any) -> Fit:
        """Start a run.

        Args:
            parent: the fit that ``run.parent`` names, None without one. The new fit has its records
                before ``run.at_step``; its next step evaluates ``run.at_step`` again, and with the
                same schedule all that follows is what the parent would do, bit by bit. With
                ``run.moves`` that step is at the moved body.

        Raises:
            UserError: the method is unknown, the parent or the schedule has no such step, or a move
                makes no sense.
        """

    def save(
        self, path: str, photo: Any, observed: Observed, runs: list[Kept], truth: str = ""
    ) -> None:
        """Write runs of one observation as a record, which `read` opens again.

        Args:
            photo: what `read` gave.
            runs: parents first.
            truth: file of the person's true body; empty for the photo's own.

        Raises:
            UserError: the file cannot be written.
        """

    def maps(self, observed: Observed, run: Run, params: Any) -> Maps:
        """The model's maps for some parameters, as the run's schedule renders them."""

    def vertices(self, observed: Observed, params: Any) -> Float[np.ndarray, "vertices 3"]:
        """The body in the photo's camera frame, metres."""

    def kernels(self, observed: Observed, params: Any) -> Kernels:
        """What the body's features are rendered from."""

    def joints(self, observed: Observed, params: Any) -> tuple[Joint, ...]:
        """The body's joints on the photo, in the order of the estimated joints; may be empty."""

    def stance(self, observed: Observed, params: Any) -> Stance:
        """The body in numbers."""

    def measured(self, photo: Any, observed: Observed, path: str) -> TrueBody:
        """Where the joints of the observed person truly are.

        Args:
            photo: what `read` gave.
            path: of a body, see `core.body.regressed`; empty for what the photo brings along.

        Raises:
            UserError: the file cannot be read, or the photo brings nothing along.
        """

    def search(
        self, observed: Observed, fit: Any, step: int, inquiry: Inquiry
    ) -> Iterator[Findings]:
        """What is known so far, after each piece of work; see `app.protocol.search`.

        Raises:
            UserError: it makes no sense.
        """

    @property
    def joint_names(self) -> tuple[str, ...]:
        """Names of the joints of `places`, in words."""

    def places(
        self, observed: Observed, fit: Any, steps: Sequence[int]
    ) -> Float[np.ndarray, "steps joints 3"]:
        """The joints at some recorded steps of a fit, metres in the photo's camera frame."""

    def contrast(
        self, one: Observed, run: Run, params: Any, two: Observed, other: Run, others: Any
    ) -> Float[np.ndarray, "height width"] | None:
        """Distance of the rendered features of two runs; None if they look at different crops."""

    def save_body(self, observed: Observed, fit: Any, step: int, path: str) -> None:
        """Write the body of a recorded step, as a mesh or as parameters, by the path's suffix.

        Raises:
            UserError: another suffix, or the file cannot be written.
        """

    def save_animation(self, observed: Observed, fit: Any, step: int, path: str) -> None:
        """Write all steps as a skinned body that moves and stands at a recorded step.

        Raises:
            UserError: the file cannot be written.
        """

    def film(self, observed: Observed, fit: Any) -> Film:
        """All steps as pictures."""

    def explain(self, observed: Observed, fit: Any, step: int, target: Target) -> Answer:
        """Why a pixel or a joint of a recorded step of a fit is as it is."""
