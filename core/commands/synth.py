"""Make synthetic people: pictures with exact pose, shape, parts, depth and occluders.

With a folder of CC0 material (--data, or $NBF_DATA) people wear modelled garments, have poses from
motion capture and backgrounds from real textures; without one everything is procedural. The same
seed makes the same people, and an interrupted run continues where it stopped.

Examples:
    nbf synth --sheet sheet.png
    nbf synth --out shards --count 20000 --workers 2
    nbf synth --out shards --count 20000 --data material --seed 7 --sheet sheet.png
    nbf synth --out held-out --count 400 --split test
    nbf synth --out dense --count 1000 --labels --sheet labels.png
    nbf synth --pictures people --count 10 --split test
    nbf synth --bodies bodies.npz --count 100000
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from core.commands._checks import check_seed
from core.commands._output import print_json
from core.commands._threads import Threads

if TYPE_CHECKING:
    from core.synth.shards import Recipe


LARGEST_SIZE = 2048
"""Side of a picture in pixels."""


@dataclass(frozen=True)
class Options:
    """Options of ``nbf synth``."""

    out: Path | None = None
    """Folder for the shards; without it only a sheet is made."""
    count: int = 64
    """Number of people."""
    seed: int = 0
    """Random seed of the people."""
    data: Path | None = None
    """Folder of material, by default $NBF_DATA; without both everything is procedural."""
    split: Literal["train", "test"] = "train"
    """Test people share no seed, skin, garment, texture, panorama or mocap with training."""
    size: int = 256
    """Side of the pictures in pixels."""
    workers: int = 1
    """Number of processes; if there are several, each has one thread."""
    threads: Threads = 0
    labels: bool = False
    """Add texture coordinates (IUV), normals and the kernels' visibility: shards grow by half."""
    sheet: Path | None = None
    """Picture file for a contact sheet of the first people (at most 64)."""
    pictures: Path | None = None
    """Folder for pictures alone, one PNG for each person."""
    bodies: Path | None = None
    """File (.npz) for bodies and cameras without pictures; about 250 a second."""
    json: bool = False
    """Print a summary as JSON."""


def run(options: Options) -> int:
    """Write shards, a contact sheet, pictures, bodies, or several of them."""
    from core.assets import data_dir
    from core.errors import UserError
    from core.synth.shards import Recipe

    written = {name: getattr(options, name) for name in ("out", "sheet", "pictures", "bodies")}
    if not any(written.values()):
        raise UserError(
            "nothing to do: pass --out DIR for shards, --sheet FILE or --pictures DIR for pictures,"
            " or --bodies FILE"
        )
    if options.count < 1 or options.workers < 1:
        raise UserError("--count and --workers must be at least 1")
    if not 32 <= options.size <= LARGEST_SIZE or options.size % 4:
        raise UserError(f"--size must be a multiple of 4, from 32 to {LARGEST_SIZE}")
    check_seed(options.seed)
    _check_files(options)
    data = data_dir(options.data)
    where = str(data) if data else None
    recipe = Recipe(options.seed, where, options.split, options.size, options.labels)
    speed = {}
    if options.out is not None:
        speed = _write(options.out, recipe, options.count, options.workers, quiet=options.json)
    if options.sheet is not None:
        _draw_sheet(options.sheet, recipe, min(options.count, 64))
    if options.pictures is not None:
        _save_pictures(options.pictures, recipe, options.count)
    if options.bodies is not None:
        _save_bodies(options.bodies, recipe, options.count, quiet=options.json)
    if options.json:
        print_json({**recipe.facts(), "count": options.count, **written, **speed})
    return 0


def _check_files(options: Options) -> None:
    """Refuse files that cannot be written, before any work."""
    from core.errors import UserError
    from core.io.atomic import check_file_place, check_folder

    if options.sheet is not None:
        if options.sheet.suffix.lower() not in (".png", ".jpg", ".jpeg", ".webp"):
            raise UserError(f"--sheet {options.sheet} is not a picture's name; end it with .png")
        check_file_place(options.sheet)
    if options.bodies is not None:
        if (name := options.bodies).suffix.lower() != ".npz":
            raise UserError(f"--bodies {name} is not an npz file's name; end it with .npz")
        check_file_place(options.bodies)
    for folder in (options.out, options.pictures):
        if folder is not None:
            check_folder(folder)


def _write(
    out: Path, recipe: Recipe, count: int, workers: int, quiet: bool
) -> dict[str, float | int]:
    """Write shards, and return the number of people and the speed after the first block.

    ``cpu_ms`` is the CPU time per person, which does not depend on other load on the machine; it is
    known for a single worker only.
    """
    from time import perf_counter, process_time

    from rich.progress import Progress

    from core.synth.shards import write_shards

    ticks: list[tuple[float, float, int]] = []
    with Progress(disable=quiet) as progress:
        task = progress.add_task("people", total=count)
        for done in write_shards(out, recipe, count, workers):
            ticks.append((perf_counter(), process_time(), done))
            progress.update(task, completed=done)
    seconds, _, made = (last - first for first, last in zip(ticks[0], ticks[-1], strict=True))
    start = ticks[min(1, len(ticks) - 2)] if len(ticks) > 1 else ticks[0]  # past the loading
    wall, cpu, steady = (last - first for first, last in zip(start, ticks[-1], strict=True))
    speed = {
        "made": made,
        "seconds": round(seconds, 2),
        "per_second": round(steady / max(wall, 1e-9), 1),
    }
    if workers == 1 and steady:
        speed["cpu_ms"] = round(1000 * cpu / steady, 1)
    if made and not quiet:
        print("{made} people in {seconds} s; {per_second} a second after start-up".format(**speed))
    return speed


def _draw_sheet(path: Path, recipe: Recipe, count: int) -> None:
    import math

    import imageio.v3 as imageio

    from core.io.atomic import write_atomic
    from core.synth.contact_sheet import contact_sheet

    sampler = recipe.sampler()
    people = [sampler.sample(index) for index in range(count)]
    picture = contact_sheet(people, math.ceil(math.sqrt(count)))
    write_atomic(path, lambda file: imageio.imwrite(file, picture))


def _save_pictures(folder: Path, recipe: Recipe, count: int) -> None:
    from core.io.folders import whole_folder
    from core.io.images import save_image

    sampler = recipe.sampler()
    names = [f"person-{index:04}.png" for index in range(count)]
    earlier = [path.name for path in folder.glob("person-[0-9]*.png")]
    with whole_folder(folder, {*names, *earlier}) as place:
        for index, name in enumerate(names):
            save_image(place / name, sampler.sample(index).image)


def _save_bodies(path: Path, recipe: Recipe, count: int, quiet: bool) -> None:
    from rich.progress import Progress

    from core.synth.bodies import sample_bodies

    with Progress(disable=quiet) as progress:
        task = progress.add_task("bodies", total=count)
        bodies = sample_bodies(
            recipe.sampler(), count, lambda done: progress.update(task, completed=done)
        )
    bodies.save(path)
