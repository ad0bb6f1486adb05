"""The checks, in the order in which they are reported."""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib import metadata
from pathlib import Path

from core.assets import ASSETS, cache_dir, data_dir
from core.cards import shipped_assets
from core.doctor.check import Check, Status
from core.doctor.graphics import check_offscreen, check_window
from core.errors import UserError
from core.native import CPU, CUDA, cuda_status, load_cuda, load_native, native_status

GET_SMPL = (
    "optional: register at https://smpl.is.tue.mpg.de (non-commercial research), download "
    "SMPL_python_v.1.1.0.zip, and pass --body .../basicmodel_neutral_lbs_10_207_0_v1.1.0.pkl"
)


def all_checks(body: Path | None = None) -> list[Check]:
    """Run every check.

    Args:
        body: the user's SMPL file, if there is one.
    """
    checks: list[Callable[[], Check]] = [
        check_python,
        check_packages,
        check_torch,
        check_cuda,
        check_native,
        check_renderer,
        check_assets,
        check_engine,
        partial(check_body, body),
        check_data,
        check_cache,
        check_smplx,
        check_ffmpeg,
        check_window,
        partial(check_offscreen, "egl", "libegl1 libgl1-mesa-dri"),
        partial(check_offscreen, "osmesa", "libosmesa6"),
    ]
    # in threads: the graphics probes are processes, which wait most of the time
    with ThreadPoolExecutor(max_workers=4) as pool:
        return list(pool.map(lambda check: check(), checks))


def versions() -> dict[str, str]:
    """Versions of the packages that affect results."""
    names = ("nbf", "torch", "numpy", "scipy", "opencv-python", "dearpygui", "pyrender-maintained")
    found = {"python": platform.python_version(), "system": platform.platform()}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "missing"
    return found


def check_python() -> Check:
    """Version of the interpreter; pip refuses one that is too old."""
    return Check("python", Status.OK, f"{platform.python_version()} ({sys.executable})")


def check_packages() -> Check:
    """All declared packages are installed, and OpenCV can be loaded."""
    fix = "make setup (or pip install -e .)"
    missing = []
    for line in metadata.requires("nbf") or []:
        name = re.split(r"[^\w.-]", line, maxsplit=1)[0]
        try:
            metadata.version(name)
        except metadata.PackageNotFoundError:
            if "extra ==" not in line:
                missing.append(name)
    if missing:
        return Check("packages", Status.BROKEN, f"missing: {', '.join(missing)}", fix)
    try:
        import cv2
    except ImportError as error:
        fix = "sudo apt-get install -y libgl1 libglib2.0-0"
        return Check("packages", Status.BROKEN, f"OpenCV cannot be loaded: {error}", fix)
    return Check("packages", Status.OK, f"all installed; OpenCV {cv2.__version__}")


def check_torch() -> Check:
    """PyTorch can be loaded and multiplies matrices correctly."""
    try:
        import torch
    except (ImportError, OSError) as error:
        return Check("torch", Status.BROKEN, f"cannot be loaded: {error}", "make setup")
    ones = torch.ones(8, 8)
    if float((ones @ ones).sum()) != 512:
        return Check("torch", Status.BROKEN, "a product of matrices is wrong", "make setup")
    return Check("torch", Status.OK, f"{torch.__version__}, {torch.get_num_threads()} threads")


def check_cuda() -> Check:
    """PyTorch can use a GPU, and the CUDA library is built."""
    try:
        import torch

        if torch.cuda.is_available():
            name = torch.cuda.get_device_name()
            if load_cuda() is not None:
                return Check("cuda", Status.OK, f"{name}; {cuda_status()}")
            detail = f"{name}; {cuda_status().removesuffix('; ' + CUDA.fix)}"
            return Check("cuda", Status.ABSENT, detail, CUDA.fix)
    except (ImportError, OSError, RuntimeError) as error:
        return Check("cuda", Status.ABSENT, str(error))
    built = "for CUDA " + torch.version.cuda if torch.version.cuda else "for the CPU alone"
    fix = "optional: everything runs on the CPU; with an NVIDIA GPU install a CUDA build of torch"
    return Check("cuda", Status.ABSENT, f"no GPU in use (this torch is built {built})", fix)


def check_native() -> Check:
    """The native library is built and can be loaded."""
    if load_native() is not None:
        return Check("native code", Status.OK, native_status())
    detail = f"{native_status().removesuffix('; ' + CPU.fix)}; the Python twins do the work, slower"
    return Check("native code", Status.ABSENT, detail, CPU.fix)


def check_renderer() -> Check:
    """The volume renderer that `--backend auto` chooses, and why."""
    from core.render.volume.render import describe_backend

    return Check("renderer", Status.OK, describe_backend("auto"))


def check_assets() -> Check:
    """Shipped files exist and have the digests in their cards."""
    assets = shipped_assets()
    wrong = [f"{asset.name}: {asset.status}" for asset in assets if asset.status != "ok"]
    if not assets:
        return Check("assets", Status.BROKEN, f"none in {ASSETS}", "git checkout -- assets")
    if wrong:
        return Check("assets", Status.BROKEN, "; ".join(wrong), "git checkout -- assets")
    size = sum(asset.size for asset in assets) / 2**20
    return Check("assets", Status.OK, f"{len(assets)} files, {size:.0f} MiB, digests match")


def check_engine() -> Check:
    """The shipped network, body and prior can be loaded and fit together."""
    from core.fit.engine import Engine

    try:
        engine = Engine.load()
    except UserError as error:
        return Check("engine", Status.BROKEN, str(error), "git checkout -- assets, or reinstall")
    kernels = len(engine.volume.vertices)
    return Check(
        "engine",
        Status.OK,
        f"{engine.sources.preset} preset, {kernels} kernels, {engine.body.topology}",
    )


def check_body(path: Path | None) -> Check:
    """The user's SMPL, SMPL-H or SMPL-X file can be loaded."""
    if path is None:
        return Check("smpl", Status.ABSENT, "not given; the embedded body is used", GET_SMPL)
    from core.body.load import load_body

    try:
        body = load_body(path)
    except UserError as error:
        return Check("smpl", Status.BROKEN, str(error), GET_SMPL)
    return Check("smpl", Status.OK, f"{path}: {len(body.v_template)} vertices, {body.topology}")


def check_smplx() -> Check:
    """The package that reads SMPL-H and SMPL-X files."""
    if importlib.util.find_spec("smplx") is None:
        fix = "optional, for non-commercial research only: pip install smplx"
        detail = "not installed: SMPL-H and SMPL-X files cannot be read (SMPL's can)"
        return Check("smplx", Status.ABSENT, detail, fix)
    version = metadata.version("smplx")
    return Check("smplx", Status.OK, f"{version}; reads SMPL-H and SMPL-X files, nothing else")


def check_data() -> Check:
    """The folder of training material exists, if one is set."""
    fix = "optional: set NBF_DATA, or pass --data; without it synthetic people are procedural"
    try:
        folder = data_dir()
    except UserError as error:
        return Check("data folder", Status.BROKEN, str(error), "set NBF_DATA to a folder, or unset")
    if folder is None:
        return Check("data folder", Status.ABSENT, "none named", fix)
    return Check("data folder", Status.OK, str(folder))


def check_cache() -> Check:
    """The cache folder is writable."""
    fix = "make it writable, or set XDG_CACHE_HOME"
    try:
        folder = cache_dir()
    except OSError as error:
        return Check("cache", Status.BROKEN, str(error), fix)
    if not os.access(folder, os.W_OK):
        return Check("cache", Status.BROKEN, f"{folder} cannot be written", fix)
    return Check("cache", Status.OK, str(folder))


def check_ffmpeg() -> Check:
    """FFmpeg, which encodes fit.mp4 and turntable.mp4, can be run."""
    try:
        import imageio_ffmpeg

        path = imageio_ffmpeg.get_ffmpeg_exe()
        output = subprocess.run([path, "-version"], capture_output=True, text=True, check=True)
    except (ImportError, RuntimeError, OSError, subprocess.CalledProcessError) as error:
        fix = "pip install imageio-ffmpeg, or sudo apt-get install -y ffmpeg"
        return Check("ffmpeg", Status.BROKEN, f"no mp4 can be written: {error}", fix)
    return Check("ffmpeg", Status.OK, " ".join(output.stdout.split()[:3]))
