#!/bin/sh
# Builds, tests and measures the CUDA library, also under compute-sanitizer, on a machine with a GPU,
# nvcc, CMake and a PyTorch that uses the GPU. Results are written to a folder. A step that fails is
# named at the end; the others run nevertheless.
#
#   sh tools/gpu/bench.sh [--out DIR] [--voge DIR] [--dry-run]
#
#   --out DIR    where the results go (default: out/gpu)
#   --voge DIR   a clone of https://github.com/Angtian/VoGE to compare with
#   --dry-run    print the steps, run nothing
#   PYTHON=...   which Python (default: python3); needs this project's packages, not the project
set -u
cd "$(dirname "$0")/../.."
out=out/gpu voge= dry= failed=
python=${PYTHON:-python3}

while [ $# -gt 0 ]; do
    case $1 in
    --out) out=${2:?--out needs a folder}; shift 2 ;;
    --voge) voge=${2:?--voge needs a folder}; shift 2 ;;
    --dry-run) dry=1; shift ;;
    *) sed -n '2,13s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
done

# step NAME COMMAND...: its output goes to the screen and to $out/NAME.txt
step() {
    name=$1
    shift
    printf '== %s: %s\n' "$name" "$*"
    [ -n "$dry" ] && return
    { "$@" 2>&1 && : >"$out/.ok"; } | tee "$out/$name.txt"
    [ -e "$out/.ok" ] || failed="$failed $name"
    rm -f "$out/.ok"
}

need() {
    command -v "$1" >/dev/null 2>&1 || { echo "bench: $1 is missing: $2" >&2; exit 2; }
}

has() { [ -n "$dry" ] || command -v "$1" >/dev/null 2>&1; }

if [ -z "$dry" ]; then
    need nvcc "install the CUDA toolkit"
    need cmake "pip install cmake"
    need nvidia-smi "install the driver"
    "$python" -c 'import torch; assert torch.cuda.is_available()' ||
        { echo "bench: $python has no PyTorch that sees a GPU" >&2; exit 2; }
    mkdir -p "$out"
    arch=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | head -n 1 | tr -d .)
fi

step machine nvidia-smi
step build make cuda "ARCH=${arch:-90}"
step scenes_build nvcc -std=c++17 -O1 -I cuda tests/native/random_scenes.cpp \
    build/cuda/libnbf_cuda.so -Xlinker -rpath -Xlinker "$PWD/build/cuda" -o build/cuda/random_scenes
step scenes build/cuda/random_scenes 60
if has compute-sanitizer; then
    step memcheck compute-sanitizer --tool memcheck --error-exitcode 1 build/cuda/random_scenes 12
    step racecheck compute-sanitizer --tool racecheck --error-exitcode 1 build/cuda/random_scenes 12
    step initcheck compute-sanitizer --tool initcheck --error-exitcode 1 build/cuda/random_scenes 12
    step synccheck compute-sanitizer --tool synccheck --error-exitcode 1 build/cuda/random_scenes 12
fi
step tests "$python" -m pytest -q tests/native tests/render tests/fit
step times "$python" -m tools.gpu.times
step meshes "$python" -m tools.gpu.meshes
step bench "$python" -m core.cli bench render --json
[ -n "$voge" ] && step voge "$python" -m tools.gpu.voge "$voge"

[ -n "$dry" ] && exit
echo "results are in $out"
[ -z "$failed" ] || { echo "failed:$failed" >&2; exit 1; }
