"""The CUDA sources compiled for this machine's CPU: every thread runs, barriers are real."""

import shutil
import subprocess

import pytest
import torch

from core.native import CUDA, ROOT
from tests.native.calls import Calls

COMPILER = shutil.which("g++")
ON_CPU = ROOT / "tests" / "native" / "on_cpu"


def compile_on_cpu(target, *flags, ops="*", more=()):
    """Compile cuda/<ops>/*_cuda.cu and what runs their threads into one file."""
    if COMPILER is None:
        pytest.skip("no g++")
    sources = sorted({*ROOT.glob(f"cuda/{ops}/*_cuda.cu"), *ROOT.glob("cuda/common/*_cuda.cu")})
    sources += [ON_CPU / "on_cpu.cpp", *more]
    include = ["-I", ON_CPU, "-I", ROOT / "cuda"]
    quiet = ["-Wno-unknown-pragmas", "-std=c++17"]
    command = [COMPILER, *quiet, *flags, *include, "-x", "c++", *sources, "-o", target]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return target


@pytest.fixture(scope="session")
def cuda_on_cpu(tmp_path_factory):
    """The path of the library."""
    target = tmp_path_factory.mktemp("on_cpu") / "libnbf_cuda_on_cpu.so"
    return compile_on_cpu(target, "-O1", "-shared", "-fPIC")


@pytest.fixture(params=["on_cpu", "gpu"] if torch.cuda.is_available() else ["on_cpu"])
def calls(request, monkeypatch):
    """The CUDA library's functions, every way that they can be run here."""
    if request.param == "on_cpu":
        monkeypatch.delenv("ON_CPU_ORDER", raising=False)
        return Calls(request.getfixturevalue("cuda_on_cpu"))
    library = CUDA.paths()[0]
    if not library.is_file():
        pytest.fail(f"{library} is not built: `make cuda`")
    return Calls(library, "cuda")
