"""Answers to why in words and tables, for the command line and the debugger."""

from __future__ import annotations

from core.fit.joint_probe import JointProbe
from core.fit.landscape import Landscape
from core.fit.probe import PixelProbe
from core.fit.sweep import Sweep
from core.words import Explanation, Table

KERNELS = 12
"""Kernels of a pixel that are listed; the probe has all of them."""


def explain_pixel(probe: PixelProbe) -> Explanation:
    """What made a pixel, what it counts, and what would fit it best."""
    where = f"map row {probe.row}, column {probe.column}; {probe.inside:.0%} in the photo"
    best = Table(
        "what fits best",
        ("kernel", "limb"),
        ("orientation", "ratio with it", "p(z = 1)"),
        tuple(
            (
                *(str(match.kernel), match.limb, str(match.orientation)),
                *(f"{match.ratio:+.2f}", f"{match.posterior:.2f}"),
            )
            for match in probe.matches
        ),
    )
    if probe.ratio is None or probe.posterior is None:
        nothing = "the body does not reach this pixel, so nothing counts here"
        return Explanation((where, nothing), (best,))
    lines = (
        where,
        f"log-likelihood as foreground {probe.foreground_log:.2f}, as background "
        f"{probe.background_log:.2f}; ratio {probe.ratio:+.2f}",
        f"opacity {probe.opacity:.2f}, p(z = 1) {probe.posterior:.2f}{_with_mask(probe)}; "
        f"counts {probe.log_likelihood:+.3f} nats",
    )
    made = Table(
        "kernels that make it",
        ("kernel", "limb"),
        ("weight", "depth m", "orientation", "its ratio", "p(z = 1)"),
        tuple(
            (
                *(str(kernel.kernel), kernel.limb, f"{kernel.weight:.3f}", f"{kernel.depth:.3f}"),
                *(_likeliest(kernel.orientation), f"{kernel.ratio:+.2f}"),
                f"{kernel.posterior:.2f}",
            )
            for kernel in probe.kernels[:KERNELS]
        ),
    )
    return Explanation(lines, (made, best))


def explain_joint(probe: JointProbe) -> Explanation:
    """What the joint's limb explains, and which term pulls the joint where."""
    (x, y), (_, _, depth), share = probe.place, probe.position, probe.share
    seen = "" if share.seen is None else f", {share.seen:.0%} of it seen"
    rows = []
    for pull in probe.pulls:
        length = sum(value**2 for value in pull.motion) ** 0.5
        values = [*(1000 * value for value in (*pull.motion, length)), *pull.arrow]
        rows.append((pull.term, *(f"{value:.2f}" for value in values)))
    return Explanation(
        (
            f"{probe.joint} at {x:.0f},{y:.0f}, {depth:.2f} m away",
            f"{share.limb} explains {share.pixels:.1f} pixels of the map{seen}; they count "
            f"{share.evidence:+.2f} nats",
            "how the joint would move if each term alone took a small step: x right, y down, z "
            "away; all add up to the total",
        ),
        (
            Table(
                "pulls",
                ("term",),
                ("x mm", "y mm", "z mm", "length mm", "right px", "down px"),
                tuple(rows),
            ),
        ),
    )


def explain_sweep(sweep: Sweep) -> Explanation:
    """The objective at each value, with marks at its minima and at the step."""
    rows = []
    for i, value in enumerate(sweep.values):
        marks = "minimum" if i in sweep.minima else "", "here" if value == sweep.here else ""
        terms = (f"{values[i]:.2f}" for values in sweep.terms.values())
        mark = ", ".join(filter(None, marks))
        rows.append((f"{value:.4g}", mark, f"{sweep.total[i]:.2f}", *terms))
    falls, mirror = sweep.falls_at, sweep.mirror
    lines = [] if mirror is None else [f"mirror image in depth at {mirror:.0f} degrees"]
    lines += [] if falls is None else [f"smallest at the end, {falls:g}: sweep further"]
    return Explanation(
        tuple(lines),
        (
            Table(
                f"{sweep.parameter.name}, {sweep.parameter.unit}",
                ("value", ""),
                ("total", *sweep.terms),
                tuple(rows),
            ),
        ),
    )


def explain_landscape(seen: Landscape) -> Explanation:
    """Minima, and where the run went."""
    first, second = seen.parameters
    names = first.name, second.name
    rows = [
        (f"{seen.values[0][i]:.4g}", f"{seen.values[1][k]:.4g}", f"{seen.total[i, k]:.2f}")
        for i, k in seen.minima
    ]
    path = [(str(step), f"{a:.4g}", f"{b:.4g}") for step, a, b in seen.path[:: seen.every]]
    return Explanation(
        (f"here {seen.here[0]:.4g}, {seen.here[1]:.4g}; {first.unit} and {second.unit}",),
        (
            Table("minima, the smallest first", (), (*names, "total"), tuple(rows)),
            Table("where the run went", (), ("step", *names), tuple(path)),
        ),
    )


def _likeliest(orientation: tuple[float, ...]) -> str:
    """The likeliest orientation bin and its probability."""
    bin_ = max(range(len(orientation)), key=orientation.__getitem__)
    return f"{bin_} ({orientation[bin_]:.0%})"


def _with_mask(probe: PixelProbe) -> str:
    """What the posterior counts besides the ratio."""
    return "" if probe.mask is None else f" with the detector's mask ({probe.mask:+.1f})"
