"""What is known of one box of one image before any fit."""

from __future__ import annotations

from dataclasses import dataclass

from app.geometry.plane import Point, Rect
from core.occlusion.occluder import Occluders

Joint = tuple[float, float, float]
"""x and y in pixels of the image, and the foreshortening of the bone from the parent joint."""
Sigma = tuple[float, float]
"""Standard deviations: of x and y in pixels of the image, and of the foreshortening."""
Legend = tuple[tuple[tuple[int, int, int], str], ...]
"""Colours of a map, and what each means."""


@dataclass(frozen=True)
class Certainty:
    """How sure the place of one of the body's joints is.

    Attributes:
        seen: whether the photo shows it; if not, its place comes from the prior.
        inside: whether it is inside the photo.
        spread: root mean square of the 3D error to be expected, millimetres.
    """

    seen: bool
    inside: bool
    spread: float


@dataclass(frozen=True)
class FoundPoints:
    """Points of the body that detectors have found, or that were given.

    Attributes:
        source: what found them.
        names: of the points.
        places: pixels of the image.
        sigmas: standard deviations of x and of y in these; None for points with no such figure.
        weights: of votes for the points that are fitted; empty if these are no votes.
    """

    source: str
    names: tuple[str, ...]
    places: tuple[Point, ...]
    sigmas: tuple[float | None, ...]
    weights: tuple[float, ...] = ()


@dataclass(frozen=True)
class ImageScene:
    """An image and the crop of one person in it, as the engine sees them.

    A new overlay is a field here, filled by the engine and drawn by a panel.

    Attributes:
        size: width and height of the image in pixels.
        focal: the image's focal length in its pixels; its principal point is its middle.
        box: the person's box in pixels of the image.
        detected: False if the box was given, True if it was found or is a guess.
        person: False if nobody was found: the box is the whole image then.
        corners: the crop's four corners in pixels of the image, in order around it.
        to_crop: homography from pixels of the image to the crop, its corners at (0, 0) and (1, 1).
        legend: colours of the occlusion map and what they mean.
        estimated_joints: joints as the network estimates them (empty if it does not), SMPL's order.
        sigmas: standard deviations of these, one for each.
        points: what is fitted beside these, one entry a source.
        votes: what each detector says about them before they vote, one entry a detector.
        detectors: names of what found the points that are fitted (empty if these were given).
        occluders: what has been put before the image, see `core.occlusion.occluder`.
        hits_legend: colours of the picture of hits and misses.
        name: of the photo, if it differs from the file's: that of the photo in a record.
        truth: the image's file says what is true of the person in the box.
        note: anything the user should know for as long as it is on screen; the name of an action
            in braces stands for its key.
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
    points: tuple[FoundPoints, ...] = ()
    votes: tuple[FoundPoints, ...] = ()
    detectors: tuple[str, ...] = ()
    occluders: Occluders = ()
    hits_legend: Legend = ()
    note: str = ""
    name: str = ""
    person: bool = True
    truth: bool = False
