"""What a fit is computed with: files and their digests, versions, processor, threads."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch

from core.assets import asset_path
from core.io.files import digest_file
from core.io.report import installed_versions
from core.nets.model_file import default_weights
from core.nets.pose_prior import SHIPPED
from core.render.backends import choose_backend
from core.render.volume.native import instruction_set


@dataclass(frozen=True)
class Sources:
    """Files of an engine; an empty path is the shipped file.

    Attributes:
        model_sha256, body_sha256, prior_sha256: digests of the files.
        detectors: names of the detectors that were used.
    """

    preset: str
    model: str
    body: str
    prior: str
    model_sha256: str
    body_sha256: str
    prior_sha256: str
    detectors: tuple[str, ...] = ()

    @staticmethod
    def of(
        preset: str,
        model: Path | None,
        body: Path | None,
        prior: Path | None,
        detectors: tuple[str, ...] = (),
    ) -> Sources:
        """Read the files' digests; None stands for the shipped file."""
        files = (
            model or default_weights(preset),
            body or asset_path("body/freebody.npz"),
            prior or asset_path(SHIPPED),
        )
        digests = [file_digest(file) for file in files]
        named = ["" if path is None else str(Path(path).resolve()) for path in (model, body, prior)]
        return Sources(
            preset=preset,
            model=named[0],
            body=named[1],
            prior=named[2],
            model_sha256=digests[0],
            body_sha256=digests[1],
            prior_sha256=digests[2],
            detectors=detectors,
        )

    @property
    def files(self) -> tuple[Path | None, Path | None, Path | None]:
        """Files of model, body and prior, None for shipped ones."""
        model, body, prior = (Path(p) if p else None for p in (self.model, self.body, self.prior))
        return model, body, prior


@dataclass(frozen=True)
class Environment:
    """What else decides the bits of a fit.

    Attributes:
        backend: of the volume renderer.
        instructions: the native renderer's instruction set on this processor, "" without one.
        machine: processor family.
        threads: of PyTorch's arithmetic: sums depend on their number.
        versions: of the packages that compute.
    """

    backend: str
    instructions: str
    machine: str
    threads: int
    versions: dict[str, str]

    @staticmethod
    def here(backend: str) -> Environment:
        """The environment of this process, with the renderer that ``backend`` selects.

        Raises:
            UserError: the backend is not built here.
        """
        return Environment(
            backend=choose_backend(backend),
            instructions=instruction_set() or "",
            machine=platform.machine(),
            threads=torch.get_num_threads(),
            versions=installed_versions(),
        )


def differences(then: tuple[Sources, Environment], now: tuple[Sources, Environment]) -> list[str]:
    """What differs between a record and this engine, one line each; bits may differ for each.

    Paths do not count, the files' contents do.
    """
    lines = []
    for old, new in zip(then, now, strict=True):
        for name, before in vars(old).items():
            after = getattr(new, name)
            if name in ("model", "body", "prior") or before == after:
                continue
            if isinstance(before, dict):
                changed = [k for k in sorted({*before, *after}) if before.get(k) != after.get(k)]
                lines += [f"{k} {before.get(k)} then, {after.get(k)} now" for k in changed]
            else:
                lines.append(f"{name} {_short(before)} then, {_short(after)} now")
    return lines


def _short(value: object) -> str:
    """A value for a line: digests are cut."""
    text = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return text[:12] if len(text) == 64 else text


@lru_cache(maxsize=32)
def _digest_of(path: str, _modified: int, _size: int) -> str:
    return digest_file(Path(path))


def file_digest(path: Path) -> str:
    """SHA-256 of a file, computed once for each state of it."""
    status = Path(path).stat()
    return _digest_of(str(path), status.st_mtime_ns, status.st_size)
