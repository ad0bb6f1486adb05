"""The real engine behind the worker's interface: `core.fit`, with arrays going in and out."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, UInt8

from app.fits import CoreFit
from app.geometry.people import Person
from app.geometry.plane import Point, Rect
from app.protocol.backend import Film, Kept, Kernels, Maps, Observed, Stance, TrueBody
from app.protocol.run import Run
from app.protocol.scene import Joint
from app.protocol.search import Findings, Inquiry
from app.protocol.why import Answer, JointTarget, Target
from app.recorded import (
    AnyPhoto,
    Recorded,
    RecordedPhoto,
    known_truth,
    observation_of,
    recorded_runs,
    truth_of,
    write_record,
)
from app.searches import pieces
from app.told import (
    joint_answer,
    kernels_of,
    listed,
    person_of,
    pixel_answer,
    rect_of,
    told_certainty,
    told_scene,
    told_stance,
    told_truth,
)
from core.body.moves import Wishes
from core.body.names import JOINT_NAMES, LIMB_OF_JOINT, joint_words
from core.body.params import BodyParams
from core.body.regressed import load_start
from core.errors import UserError
from core.eval.person_rows import split_address
from core.eval.subjects import Subject, Subjects
from core.fit.animation import save_animation
from core.fit.by_hand import WISHES, branched, wishing, with_wishes
from core.fit.course import joints_at
from core.fit.engine import Engine
from core.fit.export import save_body
from core.fit.film import RATE
from core.fit.film import Film as FitFilm
from core.fit.fitter import Fit
from core.fit.frames import crop_from_photo
from core.fit.observation import Observation
from core.fit.photo_joints import body_joints
from core.fit.pictures import draw_features, draw_maps, feature_colors, feature_distance
from core.fit.record import SUFFIX, FitRecord
from core.fit.recording import (
    observe_again,
    on_this_machine,
    replay_notes,
    resume_run,
)
from core.fit.schedule import Schedule, parse_weights
from core.fit.sheet import Sheet
from core.fit.step_probe import StepProbe
from core.fit.truth import true_joints
from core.fit.visit import Visit
from core.geometry.crop import Box
from core.io.boxes import check_box
from core.io.images import Photo, load_image
from core.io.keypoints import load_keypoints
from core.occlusion.occluder import Occluders
from core.threads import use_threads

METHOD = "nbf"
"""How photos are fitted unless a run says otherwise."""
NOBODY = "No person found: drag a box around the person, or press {run} to fit the whole photo."


def load(
    preset: str | None = None,
    model: Path | None = None,
    body: Path | None = None,
    prior: Path | None = None,
    weights: tuple[str, ...] = (),
    threads: int = 0,
) -> CoreBackend:
    """Load the engine of a preset; see `core.fit.engine.Engine.load`.


    Args:
        weights: of terms, ``NAME=VALUE``, in place of the standard schedule's.
        threads: of the arithmetic; with 0 one core is left to the window.
    """
    use_threads(threads or max(1, (os.cpu_count() or 2) - 1))
    schedule = Schedule.standard().with_weights(**parse_weights(weights))
    engine = Engine.load(preset, model, body, prior)
    return CoreBackend(engine, f"{engine.sources.preset} preset", schedule)


class CoreBackend:
    """An `app.protocol.backend.Backend`."""

    def __init__(self, engine: Engine, detail: str, schedule: Schedule | None = None) -> None:
        self.detail = detail
        self.faces: Int[np.ndarray, "faces 3"] = engine.body.faces.numpy().astype(np.int32)
        limb_of_joint = np.array(LIMB_OF_JOINT, np.int32)
        self.limbs: Int[np.ndarray, " faces"] = limb_of_joint[engine.body.face_part.numpy()]
        self._engine = engine
        self._schedule = schedule or Schedule.standard()
        self._colors = feature_colors(engine.model.bank)
        self._subjects = Subjects(engine.size)
        self._open: tuple[Fit, int, StepProbe] | None = None

    def read(self, path: str) -> AnyPhoto:
        """Decode a photo, open a record of a fit (fit.nbf), or find a person of a table."""
        if (person := split_address(path)) is not None:
            return self._subjects.find(*person)
        if path.endswith(SUFFIX):
            record = FitRecord.load(Path(path))
            return RecordedPhoto(record.photo_pixels(), record)
        return load_image(path)

    def people(self, photo: AnyPhoto) -> tuple[Person, ...]:
        """All people of a photo, the most prominent first."""
        found = self._engine.people(photo.pixels)
        return tuple(map(person_of, found))

    def person_at(self, photo: AnyPhoto, at: Point) -> Rect:
        """Box of the person at a pixel, looking closer than `people` does."""
        person = self._engine.people.at(photo.pixels, *at)
        if person is None:
            raise UserError(
                f"Nobody is found at {at[0]:.0f}, {at[1]:.0f}: drag a box around the person."
            )
        return rect_of(person.box)

    def observe(
        self,
        photo: AnyPhoto,
        box: Rect | None,
        people: Sequence[Person] | None = None,
        focal: float | None = None,
        keypoints: str = "",
    ) -> Observed:
        """Look at the person in the box, else at the most prominent one, else at everything.

        Of a record, or of a person of a table, without a box: at its person.
        """
        seen = self._look(photo, box, people, focal, keypoints)
        known = truth_of(photo, observation_of(seen)) is not None
        return replace(seen, scene=replace(seen.scene, truth=known))

    def _look(
        self,
        photo: AnyPhoto,
        box: Rect | None,
        people: Sequence[Person] | None,
        focal: float | None,
        keypoints: str,
    ) -> Observed:
        """`observe`, but for what is known to be true."""
        if isinstance(photo, Subject):
            bare = Photo(photo.pixels, photo.focal, photo.name, photo.name)
            seen = self._look(bare, box or rect_of(photo.box), people, focal, keypoints)
            return replace(seen, scene=replace(seen.scene, name=photo.name))
        if isinstance(photo, RecordedPhoto):
            record = photo.record
            if box is None and focal is None and not keypoints:
                return self._observe_again(record)
            bare = replace(Photo.of_array(photo.pixels), focal_px=focal or record.photo.focal)
            box = box or rect_of(record.photo.box)
            seen = self._look(bare, box, people, None, keypoints)
            return replace(seen, handle=Recorded(observation_of(seen), record))
        width, height = photo.size
        detected, person = box is None, True
        if box is None:
            people = self.people(photo) if people is None else people
            person = bool(people)
            box = people[0].box if people else Rect(0, 0, width, height)
        checked = check_box(Box(*box), width, height)
        given = None
        if keypoints:
            given = load_keypoints(keypoints, photo.name, checked, photo.size).keypoints
        observation = self._engine.observe(photo.pixels, checked, given, focal or photo.focal_px)
        seen = self._observed(observation, box, detected, "" if person else NOBODY)
        return replace(seen, scene=replace(seen.scene, person=person))

    def occlude(self, observed: Observed, occluders: Occluders) -> Observed:
        """Look at the same person again, behind these occluders."""
        then, scene = observation_of(observed), observed.scene
        observation = self._engine.observe_view(
            then.photo, then.box, then.view, then.keypoints, then.focal, occluders
        )
        seen = self._observed(observation, scene.box, scene.detected, scene.note)
        handle: Observation | Recorded = observation
        if isinstance(observed.handle, Recorded):
            handle = Recorded(observation, observed.handle.record)
        scene = replace(seen.scene, person=scene.person, truth=scene.truth)
        return replace(seen, scene=scene, handle=handle, recorded=observed.recorded)

    def _observe_again(self, record: FitRecord) -> Observed:
        """The person of a record; a note says what differs from when it was written."""
        observation = observe_again(self._engine, record)
        newest = on_this_machine(record.runs[-1])
        notes = replay_notes(self._engine, record, newest.info.schedule.render.backend)
        note = f"Not as it was written: {'; '.join(notes)}." if notes else ""
        seen = self._observed(observation, rect_of(observation.box), False, note)
        scene = replace(seen.scene, name=Path(record.photo.source).name)
        handle, recorded = Recorded(observation, record), recorded_runs(record)
        return replace(seen, scene=scene, handle=handle, recorded=recorded)

    def _observed(self, observation: Observation, box: Rect, detected: bool, note: str) -> Observed:
        """What the window gets to know of an observation."""
        scene = told_scene(observation, box, self._engine.sources.detectors)
        scene = replace(scene, detected=detected, note=note)
        seen = observation.seen if observation.occluders else None
        features = draw_features(observation, self._colors)
        return Observed(scene, features, observation, seen=seen)

    def fit(self, observed: Observed, run: Run, parent: CoreFit | None = None) -> CoreFit:
        """Begin at the best start, at a step of the parent, or at the end of a record."""
        schedule, method = self._settings(observed, run)
        wishes = self._wishes(observed, run)
        observation = with_wishes(observation_of(observed), wishes)
        if run.resumes and isinstance(observed.handle, Recorded):
            fit = resume_run(self._engine, observation, observed.handle.run(run.recorded))
        elif parent is None:
            start = self._start(observed, run.start) if run.start else None
            fit = self._engine.begin(observation, schedule, start, method)
        else:
            theirs, model = parent.fit, self._engine.model
            branching = theirs.trace, run.at_step, theirs.schedule, schedule, run.moves
            trace = branched(observation, model, *branching)
            fit = self._engine.resume(observation, schedule, trace, method)
        moves = run.moves
        if run.resumes and isinstance(observed.handle, Recorded):
            moves = observed.handle.run(run.recorded).info.moves
        return CoreFit(fit, self._engine, observation.problem, wishes, moves)

    def _start(self, observed: Observed, path: str) -> BodyParams:
        """The body of a file in the crop camera's frame."""
        observation = observation_of(observed)
        height, width = observation.photo.shape[:2]
        body = load_start(Path(path), (width, height), observation.focal, observation.box)
        return crop_from_photo(body, observation.view, self._engine.volume)

    def measured(self, photo: AnyPhoto, observed: Observed, path: str) -> TrueBody:
        """Where the joints truly are: by a file, or by what the photo brings along."""
        observation = observation_of(observed)
        truth = known_truth(photo, observation, path)
        return told_truth(true_joints(self._engine, observation, truth))

    def _wishes(self, observed: Observed, run: Run) -> Wishes:
        """Where joints should be: as the run says, else as the record does."""
        if run.changes.wishes is None and isinstance(observed.handle, Recorded):
            return observed.handle.run(run.recorded).info.wishes
        return run.changes.wishes or ()

    def _settings(self, observed: Observed, run: Run) -> tuple[Schedule, str]:
        """Schedule and method: the run's own, else those of the record, else the default."""
        schedule, method = self._schedule, METHOD
        if isinstance(observed.handle, Recorded):
            made = on_this_machine(observed.handle.run(run.recorded)).info
            schedule, method = made.schedule, made.method
        schedule = schedule if run.schedule is None else run.schedule
        schedule = wishing(schedule, self._wishes(observed, run))
        weights = {n: w for n, w in run.changes.weights if n != WISHES or n in schedule.terms}
        rate = 1.0 if run.changes.learning_rate is None else run.changes.learning_rate
        return schedule.reweighed(weights, rate), run.method or method

    def save(
        self,
        path: str,
        photo: AnyPhoto,
        observed: Observed,
        runs: list[Kept],
        truth: str = "",
    ) -> None:
        """Write runs of one observation as a record."""
        methods = [self._settings(observed, kept.run)[1] for kept in runs]
        write_record(Path(path), self._engine.sources, photo, observed, runs, methods, truth)

    def maps(self, observed: Observed, run: Run, params: BodyParams) -> Maps:
        """The model's maps at some parameters."""
        observation = observation_of(observed)
        schedule, _ = self._settings(observed, run)
        maps = draw_maps(self._engine, observation, params, self._colors, schedule)
        pictures = Maps(
            maps.rendered,
            maps.occlusion,
            maps.posterior,
            maps.occluded_share,
            residual=maps.residual,
            certainty=told_certainty(maps.joints),
        )
        if maps.found is None:
            return pictures
        return replace(pictures, hits=maps.found.hits, found=(maps.found.iou, maps.found.auroc))

    def vertices(self, observed: Observed, params: BodyParams) -> Float[np.ndarray, "vertices 3"]:
        """The figure that pictures show, in the photo's camera frame."""
        observation = observation_of(observed)
        in_crop = self._engine.figures(params).vertices[0].numpy()
        return in_crop @ observation.view.rotation.T.astype(np.float32)

    def kernels(self, observed: Observed, params: BodyParams) -> Kernels:
        """The kernels in the photo's camera frame."""
        return kernels_of(self._engine.volume, params, observation_of(observed).view)

    def joints(self, observed: Observed, params: BodyParams) -> tuple[Joint, ...]:
        """The body's joints on the photo."""
        return listed(body_joints(self._engine, observation_of(observed), params))

    def stance(self, observed: Observed, params: BodyParams) -> Stance:
        """The body in numbers."""
        return told_stance(self._engine.volume, observation_of(observed).view, params)

    def search(
        self, observed: Observed, fit: CoreFit, step: int, inquiry: Inquiry
    ) -> Iterator[Findings]:
        """What is known so far, after each piece of work."""
        return pieces(self._engine, observation_of(observed), fit.fit, step, inquiry)

    @property
    def joint_names(self) -> tuple[str, ...]:
        """Names of the joints, in words."""
        return tuple(map(joint_words, JOINT_NAMES))

    def places(
        self, observed: Observed, fit: CoreFit, steps: Sequence[int]
    ) -> Float[np.ndarray, "steps joints 3"]:
        """The joints at some recorded steps, metres in the photo's camera frame."""
        view = observation_of(observed).view
        return joints_at(fit.fit.trace, steps, view, self._engine.volume)

    def contrast(
        self,
        one: Observed,
        run: Run,
        params: BodyParams,
        two: Observed,
        other: Run,
        others: BodyParams,
    ) -> Float[np.ndarray, "height width"] | None:
        """Distance of the rendered features; None if the runs look at different crops."""
        if one.scene.box != two.scene.box:
            return None
        ours = observation_of(one), params, self._settings(one, run)[0]
        theirs = observation_of(two), others, self._settings(two, other)[0]
        return feature_distance(self._engine, ours, theirs)

    def save_body(self, observed: Observed, fit: CoreFit, step: int, path: str) -> None:
        """Write the body of a recorded step."""
        save_body(Path(path), self._engine, observation_of(observed), fit.fit.trace, step)

    def save_animation(self, observed: Observed, fit: CoreFit, step: int, path: str) -> None:
        """Write all steps as a skinned body that moves."""
        trace = fit.fit.trace
        save_animation(Path(path), self._engine, observation_of(observed), trace, step)

    def film(self, observed: Observed, fit: CoreFit) -> Film:
        """All steps as sheets, as `nbf fit` draws them."""
        drawn = FitFilm(Sheet.of(self._engine, observation_of(observed), fit.fit))
        best = fit.best
        frames, count = drawn.frames(best), len(drawn.steps(best))

        def pictures() -> Iterator[UInt8[np.ndarray, "height width 3"]]:
            with drawn:
                yield from frames

        return Film(pictures(), count, RATE)

    def explain(self, observed: Observed, fit: CoreFit, step: int, target: Target) -> Answer:
        """Why a pixel or a joint of a recorded step is as it is."""
        probe = self._probe(fit.fit, step, observation_of(observed))
        if isinstance(target, JointTarget):
            return joint_answer(probe.joints[target.joint])
        height, width = probe.observation.features.shape[1:]
        x, y = target.at
        pixel = probe.pixel(int(y * height), int(x * width))
        return pixel_answer(pixel, probe.observation.view.rotation)

    def _probe(self, fit: Fit, step: int, observation: Observation) -> StepProbe:
        """The step that was asked about last, or another one in its place."""
        if self._open is None or self._open[0] is not fit or self._open[1] != step:
            visit = Visit.of(fit.problem, fit.model, fit.schedule, fit.trace, step)
            self._open = fit, step, StepProbe(visit, observation)
        return self._open[2]
