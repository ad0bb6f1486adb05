"""Measure the regressor and the fit on people they were not trained on.

The data set synth-occ is made on the fly from seeds apart from all training seeds: with --data from
held-out garments, skins, textures, panoramas and motions, without it wholly procedural.

Examples:
    nbf eval --count 20
    nbf eval --count 200 --data DIR --protocols clean occ80 --out eval.json
    nbf eval --count 200 --model runs/frozen/frozen.safetensors --json
    nbf eval --each mine.csv --model runs/frozen/frozen.safetensors
    nbf eval --against mine.csv
    nbf eval --count 100 --ranking
    nbf eval --count 48 --ablation
    nbf eval --dataset photos --data DIR --features --sheets sheets
    nbf eval --dataset photos --data DIR --ablation --variants "no features"
    nbf eval --dataset photos --data DIR --each photos.csv
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from core.commands._output import print_json
from core.commands._threads import Threads
from core.eval.summary import Estimate

if TYPE_CHECKING:
    from rich.progress import Progress

    from core.datasets.record import PhotoDataset
    from core.eval.ablation import AblationReport, AblationRow
    from core.eval.people import Change, Key
    from core.eval.photo_ablation import PhotoAblationReport, PhotoAblationRow
    from core.eval.photo_features import FeatureReport, FeatureRow
    from core.eval.photos import PhotoReport, PhotoRow
    from core.eval.ranking import RankReport, RankRow
    from core.eval.scores import Scores
    from core.eval.tables import EvalReport, Row
    from core.fit.engine import Engine

    AnyReport = (
        EvalReport | RankReport | AblationReport | PhotoReport | PhotoAblationReport | FeatureReport
    )
    AnyRow = Row | RankRow | AblationRow | PhotoRow | PhotoAblationRow | FeatureRow | Change


@dataclass(frozen=True)
class Options:
    """Options of ``nbf eval``."""

    dataset: str = "synth-occ"
    """synth-occ, or photographs: one of the data sets that `nbf data` lists."""
    count: int = 200
    """Number of people, spread evenly over a data set of photographs."""
    data: Path | None = None
    """Folder of the data set's photographs, or of material for synthetic people (or $NBF_DATA);
    without it, procedural people."""
    split: str | None = None
    """Split of a data set of photographs; its first if not given."""
    protocols: tuple[Literal["clean", "occ40", "occ80"], ...] = ("clean", "occ80")
    """Without a patch, or with one of 40 or 80 pixels (of 224) over the body."""
    methods: tuple[str, ...] = ("init", "start", "nbf")
    """The regressed body (init), the body that a fit begins at (start), and ways of fitting, as for
    nbf fit --method."""
    detectors: tuple[str, ...] = ()
    """Further detectors to measure on photographs, besides those that the fit uses."""
    features: bool = False
    """Ask instead how right the feature maps of photographs are; --sheets draws where they are
    wrong."""
    sheets: Path | None = None
    """Folder for contact sheets of photographs: people of the worst and of middling fits."""
    occluded: bool = False
    """Keep what `nbf synth` puts before the people and past the edges of their photos: then half of
    them are hidden in part even without a patch."""
    ranking: bool = False
    """Ask instead whether the likelihood puts the truth before the fit and poses near it."""
    ablation: bool = False
    """Fit the same people with one thing of the objective changed at a time."""
    variants: tuple[str, ...] = ()
    """What --ablation changes, by the names in its table ("no features"); all if not given."""
    mesh: bool = False
    """Render a mesh in place of the Gaussian ellipsoids (an ablation of the paper's)."""
    model: Path | None = None
    """A model of your own training instead of the shipped one."""
    batch: int = 8
    """People fitted at once."""
    threads: Threads = 0
    out: Path | None = None
    """Write the table as JSON, with protocols and intervals."""
    each: Path | None = None
    """Write the figures of each person (CSV); `nbf app FILE` shows the people, worst first."""
    against: Path | None = None
    """Such a file of another evaluation of the same synthetic people: show paired differences."""
    json: bool = False
    """Print JSON."""


def run(options: Options) -> int:
    """Run the methods, print the table."""
    from rich.console import Console
    from rich.progress import Progress

    from core.eval.people import changes
    from core.eval.synthetic import DATASET
    from core.fit.engine import Engine

    _check(options)
    before = _before(options)
    evaluate = _synthetic if options.dataset == DATASET else _photos
    engine = Engine.load(model=options.model, mesh=options.mesh)
    with Progress(console=Console(stderr=True, quiet=options.json)) as progress:
        report, people = evaluate(engine, options, progress)
    if options.out:
        report.save(options.out)
    _show(options, report, changes(people, before) if before else [])
    return 0


def _check(options: Options) -> None:
    """Refuse what contradicts itself, and files that cannot be written."""
    from core.errors import UserError
    from core.eval.ablation import VARIANTS
    from core.eval.methods import check_methods
    from core.eval.synthetic import DATASET
    from core.io.atomic import check_file_place

    tables = [name for name in ("ranking", "ablation", "features") if getattr(options, name)]
    if len(tables) > 1:
        raise UserError(f"--{tables[0]} and --{tables[1]} are two tables; ask for one")
    if options.features and options.dataset == DATASET:
        raise UserError("--features is for photographs: --dataset photos, for one")
    if options.ranking and options.dataset != DATASET:
        raise UserError("--ranking needs true bodies, which photographs have not")
    if options.variants and not options.ablation:
        raise UserError("--variants is for --ablation")
    unknown = [name for name in options.variants if name not in VARIANTS]
    if unknown:
        raise UserError(f"no variant {unknown[0]!r}; there are {', '.join(VARIANTS)}")
    check_methods(options.methods)
    if options.count < 1 or options.batch < 1:
        raise UserError("--count and --batch must be at least 1")
    if options.dataset != DATASET and options.data is None:
        raise UserError(f"say where the photographs of {options.dataset} are: --data DIR")
    if options.each and tables:
        raise UserError(f"--each is for the plain table, not for --{tables[0]}")
    if options.against and (tables or options.dataset != DATASET):
        raise UserError("--against is for the plain table of synthetic people")
    for path in (options.out, options.each):
        if path is not None:
            check_file_place(path)


def _before(options: Options) -> dict[Key, Scores] | None:
    """The people of --against, if they can be those that will be measured."""
    from core.errors import UserError
    from core.eval.people import load_people

    if options.against is None:
        return None
    before = load_people(options.against)
    counts = {len(scores) for (name, _), scores in before.items() if name in options.protocols}
    if counts != {options.count}:
        held = ", ".join(map(str, sorted(counts)))
        wrong = f"{held} people; give the same --count" if held else "none of these --protocols"
        raise UserError(f"{options.against} holds {wrong}")
    return before


def _show(options: Options, report: AnyReport, rows: list[Change]) -> None:
    """Print the table, and the differences below it."""
    from rich.console import Console

    from core.eval.people import changes_table
    from core.eval.photos import PhotoReport
    from core.eval.tables import print_table

    if options.json:
        found: dict[str, object] = {"rows": [_flat(row) for row in report.rows]}
        if isinstance(report, PhotoReport):
            for name in ("foreshortenings", "masks", "warned"):
                part = getattr(report, name)
                found[name] = None if part is None else asdict(part)
        print_json(found | ({"changes": [_flat(row) for row in rows]} if rows else {}))
        return
    console = Console()
    report.print(console)
    if rows:
        print_table(console, changes_table(f"these minus {options.against}, by person", rows))


def _synthetic(
    engine: Engine, options: Options, progress: Progress
) -> tuple[AnyReport, dict[Key, Scores]]:
    """People made here; the figures of each, if the table is the plain one."""
    from core.assets import data_dir
    from core.eval import ablation, ranking, synthetic
    from core.eval.people import save_people
    from core.synth.people import PeopleSampler

    data = data_dir(options.data)
    sampler = PeopleSampler(
        synthetic.SEED, data, synthetic.SPLIT, engine.size, unoccluded=not options.occluded
    )
    making = progress.add_task("making people", total=options.count)
    samples = []
    for index in range(options.count):
        samples.append(sampler.sample(index))
        progress.advance(making)
    variants = ablation.chosen_variants(options.variants)
    times = len(options.protocols) * (len(variants) if options.ablation else 1)
    fitting = progress.add_task("fitting", total=options.count * times)
    people = _people(data is not None, options.occluded)
    common: dict[str, Any] = {
        "texture": sampler.materials.patch,
        "protocols": options.protocols,
        "batch": options.batch,
        "progress": lambda done: progress.update(fitting, completed=done),
    }
    if options.ablation:
        return ablation.ablate(engine, samples, people, variants=variants, **common), {}
    if options.ranking:
        return ranking.rank_people(engine, samples, people, **common), {}
    scores = synthetic.score_people(engine, samples, methods=options.methods, **common)
    if options.each:
        places = synthetic.places(options.count, data, options.occluded)
        save_people(options.each, scores, dict.fromkeys(options.protocols, places))
    return synthetic.tabulate(scores, people, options.methods), scores


def _photos(
    engine: Engine, options: Options, progress: Progress
) -> tuple[AnyReport, dict[Key, Scores]]:
    """People of a data set; none that could be paired."""
    import numpy as np

    from core.datasets.registry import open_dataset
    from core.eval.people import save_people
    from core.eval.photo_sheets import save_sheets
    from core.eval.photos import measure_people, merged_scores, places, tabulate
    from core.fit.detector import DETECTORS

    assert options.data is not None
    dataset = open_dataset(options.dataset, options.data, options.split)
    chosen = np.linspace(0, len(dataset) - 1, min(options.count, len(dataset))).round().astype(int)
    dataset = dataset.select(chosen)
    if options.ablation:
        return _photo_ablation(engine, dataset, options, progress), {}
    if options.features:
        return _photo_features(engine, dataset, options, progress), {}
    others = {name: DETECTORS.get(name).load() for name in options.detectors}
    people = []
    fitting = progress.add_task("fitting", total=len(dataset))
    for person in measure_people(engine, dataset, methods=options.methods, detectors=others):
        people.append(person)
        progress.advance(fitting)
    if options.each:
        scores = {(dataset.name, name): each for name, each in merged_scores(people).items()}
        found = places(dataset, chosen.tolist(), options.data)
        save_people(options.each, scores, {dataset.name: found})
    if options.sheets:
        save_sheets(options.sheets, engine, dataset, people)
    return tabulate(dataset, people), {}


def _photo_ablation(
    engine: Engine, dataset: PhotoDataset, options: Options, progress: Progress
) -> PhotoAblationReport:
    """The ablation of the objective on a data set of photographs."""
    from core.eval.ablation import chosen_variants
    from core.eval.photo_ablation import ablate_photos

    variants = chosen_variants(options.variants)
    fitting = progress.add_task("fitting", total=len(dataset) * len(variants))
    return ablate_photos(
        engine,
        dataset,
        progress=lambda done: progress.update(fitting, completed=done),
        variants=variants,
    )


def _photo_features(
    engine: Engine, dataset: PhotoDataset, options: Options, progress: Progress
) -> FeatureReport:
    """How right the feature maps are, and pictures of where they are not."""
    from core.eval.photo_features import judge_photos, save_feature_sheet

    fitting = progress.add_task("fitting", total=len(dataset))
    report, people = judge_photos(
        engine, dataset, progress=lambda done: progress.update(fitting, completed=done)
    )
    if options.sheets:
        save_feature_sheet(options.sheets / "features.png", people)
    return report


def _flat(row: AnyRow) -> dict[str, object]:
    """A row of means alone; --out keeps the intervals."""
    flat = {}
    for field in fields(row):
        value = getattr(row, field.name)
        flat[field.name] = value.value if isinstance(value, Estimate) else value
    return flat


def _people(dressed: bool, occluded: bool) -> str:
    """What the synthetic people are made of, and what stands before them."""
    made = "procedural synthetic people of held-out seeds"
    if dressed:
        made = "synthetic people of held-out seeds, garments, skins, textures and motions"
    return made + (", half of them behind something" if occluded else ", nothing else before them")
