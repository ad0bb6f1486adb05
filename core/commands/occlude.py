"""Find where an occluder hurts the fit of a photo most, by sliding a patch over it.

At each position the photo is looked at anew and fitted in a few steps. OUT gets slide.npz, which
grows with every position, and slide.png, the heat map of errors: the MPJPE in millimetres against
the fit without a patch. The same command goes on with a search that was stopped.

Examples:
    nbf occlude photo.jpg --slide 80
    nbf occlude photo.jpg --slide 40 --stride 10 --out search --bbox 120,40,200,460
    nbf occlude skimage:camera --occluders set.json --json
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from core.commands._output import print_json
from core.commands._threads import Threads
from core.io.files import printable

if TYPE_CHECKING:
    from core.eval.slide import Search, Slide, SlideSettings

PERIOD = 5.0  # seconds between two states of a running search on disk
DATA, SHEET = "slide.npz", "slide.png"


@dataclass(frozen=True)
class Options:
    """Options of ``nbf occlude``."""

    image: Annotated[str, tyro.conf.Positional]
    """The photo; skimage:camera and the like are pictures of scikit-image."""
    out: Path = field(default_factory=lambda: Path("out/slide"))
    """Folder for the results."""
    slide: int = 80
    """Side of the patch in pixels of a crop of 224 pixels around the person."""
    stride: int = 20
    """Pixels of this crop between positions (10 in the paper)."""
    steps: int = 24
    """Steps of the fit at each position."""
    bbox: str | None = None
    """The person's box x,y,w,h in pixels of the photo; found if not given."""
    occluders: Path | None = None
    """Occluders (docs/occluders.md) that are before the photo anyway."""
    model: Path | None = None
    """A model of your own training instead of the shipped one."""
    backend: Literal["auto", "torch", "cpu", "cuda"] = "auto"
    """Volume renderer."""
    threads: Threads = 0
    seed: int = 0
    """Seed of the patch's textures."""
    json: bool = False
    """Print the errors as JSON."""


def run(options: Options) -> int:
    """Search, and say where it is worst."""
    from core.eval.slide import SlideSettings
    from core.io.atomic import check_folder

    settings = SlideSettings(options.slide, options.stride, options.steps, options.seed)
    check_folder(options.out)
    search = _search(options, settings)
    slide = _go_on(search, options)
    worst = slide.worst
    if options.json:
        errors = [error if math.isfinite(error) else None for error in slide.errors.tolist()]
        boxes = [(p.x, p.y, p.side) for p in slide.patches]
        print_json({"patches": boxes, "errors_mm": errors, "worst": worst})
    elif worst is not None:
        patch, error = slide.patches[worst], slide.errors[worst]
        where = f"{patch.x},{patch.y} ({patch.side} px)"
        print(f"{printable(options.out)}  worst with the patch at {where}: {error:.0f} mm")
    return 0


def _search(options: Options, settings: SlideSettings) -> Search:
    """The photo, looked at and fitted without a patch."""
    import torch

    from core.eval.slide import Search
    from core.fit.engine import Engine
    from core.fit.schedule import Schedule
    from core.io.boxes import check_box, parse_box
    from core.io.images import load_image
    from core.occlusion.files import load_occluders
    from core.render.backends import choose_backend

    schedule = Schedule.standard().with_backend(choose_backend(options.backend))
    photo = load_image(options.image)
    box = check_box(parse_box(options.bbox), *photo.size) if options.bbox else None
    occluders = load_occluders(options.occluders) if options.occluders else ()
    torch.manual_seed(options.seed)
    engine = Engine.load(model=options.model)
    seen = engine.observe(photo.pixels, box, focal=photo.focal_px, occluders=occluders)
    return Search.of(engine, seen, settings, schedule=schedule)


def _go_on(search: Search, options: Options) -> Slide:
    """All positions that are not in the folder yet, each written to it."""
    from rich.console import Console
    from rich.progress import Progress

    from core.eval.slide import Slide
    from core.eval.slide_sheet import slide_sheet
    from core.io.images import save_image

    path = options.out / DATA
    slide = search.taken_up(Slide.load(path)) if path.exists() else search.beginning
    due = 0.0

    def keep() -> None:
        slide.save(path)
        save_image(options.out / SHEET, slide_sheet(search, slide, Path(options.image).name))

    try:
        with Progress(console=Console(stderr=True, quiet=options.json)) as progress:
            count = len(slide.patches)
            task = progress.add_task("sliding", total=count, completed=count - len(slide.waiting))
            for further in search.run(slide):
                slide = further
                progress.advance(task)
                if time.monotonic() >= due:
                    keep()
                    due = time.monotonic() + PERIOD
    finally:  # an interrupt does not lose the last positions
        keep()
    return slide
