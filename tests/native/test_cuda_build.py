"""The CUDA library with a CUDA compiler: it builds, links and exports what its headers declare.

The other tests of this folder check what it computes; tools/gpu/bench.sh checks that on a GPU.
"""

import ctypes
import re
import shutil
import subprocess

import pytest

from core.native import ROOT
from tests.cmake import cmake

PROMISES = re.compile(r"\b(nbf_cuda_\w+)\(")


def promised():
    """Every function that a header of the CUDA library declares."""
    headers = ROOT.glob("cuda/*/*_cuda.h")
    return {name for header in headers for name in PROMISES.findall(header.read_text())}


def test_the_headers_declare_functions():
    assert {"nbf_cuda_volume_nll", "nbf_cuda_volume_nll_scratch", "nbf_cuda_error"} <= promised()


def test_the_sources_for_the_cpu_export_all_but_the_digest(cuda_on_cpu):
    library = ctypes.CDLL(str(cuda_on_cpu))
    missing = {name for name in promised() if not hasattr(library, name)}
    assert missing == {"nbf_cuda_source_digest"}


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("nvcc"), reason="no CUDA compiler")
def test_cmake_builds_a_library_that_exports_everything(tmp_path):
    build = tmp_path / "build"
    options = ["-DNBF_CUDA=ON", "-DCMAKE_CUDA_ARCHITECTURES=90"]
    for step in (
        ["-S", ROOT, "-B", build, *options],
        ["--build", build, "--target", "nbf_cuda"],
    ):
        done = subprocess.run([cmake(tmp_path), *step], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    library = ctypes.CDLL(str(next(build.glob("*nbf_cuda.*"))))
    assert all(hasattr(library, name) for name in promised())
    library.nbf_cuda_source_digest.restype = ctypes.c_char_p
    assert re.fullmatch(rb"[0-9a-f]{64}", library.nbf_cuda_source_digest())
