"""The command: ``python -m tests.fuzz 100000 --seed 3 --jobs 2``, or ``make fuzz N=100000``.

Findings are kept in build/fuzz: the damaged file, and a text with the reason and with the command
that makes and reads it again. Exit code 1 if there are any.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before PyTorch is loaded: children are forked

from tests.fuzz.pool import Tally, run_cases
from tests.fuzz.readers import READERS
from tests.fuzz.samples import write_samples
from tests.fuzz.trial import Cases, Finding, judge, run_case

KEPT = 20
"""Findings of one reader that are written; more say nothing new."""


def main() -> int:
    """Run the cases, or one of them; 1 if there is a finding."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="nbf-fuzz-") as folder:
        samples = Path(folder) / "samples"
        write_samples(samples)
        cases = Cases(options.seed, samples, options.reader or tuple(READERS))
        _check(cases)
        if options.case is not None:
            finding = run_case(cases.make(options.case), samples)
            print(finding.reason if finding else f"case {options.case} passes")
            return int(finding is not None)
        tally = _run(cases, options)
    _report(tally, options)
    return int(bool(tally.findings))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser("tests.fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("count", nargs="?", type=int, default=1000, help="number of cases")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--reader", nargs="*", choices=READERS, help="only these readers")
    parser.add_argument("--case", type=int, help="make and read this case alone")
    parser.add_argument("--out", type=Path, default=Path("build/fuzz"), help="for the findings")
    return parser.parse_args()


def _check(cases: Cases) -> None:
    """Every sample is read as it is: a reader that refuses it would refuse all damage, too."""
    for name, files in cases.samples.items():
        assert files, f"no sample for {name}"
        for path in files:
            reason = judge(READERS[name], path)
            assert not reason and READERS[name].read(path) is not None, f"{path}: {reason}"


def _run(cases: Cases, options: argparse.Namespace) -> Tally:
    """All cases, with a line of progress on a terminal."""
    begin, tally = time.monotonic(), Tally()
    for tally in run_cases(cases, options.first, options.count, options.jobs):
        if sys.stderr.isatty():
            done, found = tally.cases.total(), len(tally.findings)
            print(f"\r{done} cases, {found} findings", end="", file=sys.stderr)
    print(f"{tally.cases.total()} cases in {time.monotonic() - begin:.0f} s")
    return tally


def _report(tally: Tally, options: argparse.Namespace) -> None:
    """The table by reader, and the files of the findings."""
    found: dict[str, list[Finding]] = {name: [] for name in tally.cases}
    for finding in tally.findings:
        found.setdefault(finding.reader, []).append(finding)
    print(f"{'reader':20}{'cases':>8}{'ms a case':>11}{'findings':>10}")
    for name in sorted(found):
        count = tally.cases[name]
        pace = 1000 * tally.seconds[name] / max(count, 1)
        print(f"{name:20}{count:8}{pace:11.1f}{len(found[name]):10}")
        for finding in found[name][:KEPT]:
            _keep(finding, options)
            print(f"  case {finding.number}: {finding.reason.strip().splitlines()[-1]:.150}")


def _keep(finding: Finding, options: argparse.Namespace) -> None:
    options.out.mkdir(parents=True, exist_ok=True)
    stem = f"{finding.reader.replace(' ', '-')}-{options.seed}-{finding.number}"
    (options.out / f"{stem}{Path(finding.sample).suffix}").write_bytes(finding.content)
    readers = f" --reader {' '.join(map(repr, options.reader))}" if options.reader else ""
    again = f"python -m tests.fuzz --seed {options.seed} --case {finding.number}{readers}"
    text = f"{again}\n{finding.reader}: {finding.sample}\n\n{finding.reason}\n"
    (options.out / f"{stem}.txt").write_text(text)


if __name__ == "__main__":
    sys.exit(main())
