#!/bin/sh
# From material to evaluated weights on one machine with a GPU: builds the native code, renders people
# on all cores, trains on the GPU, evaluates. Finished steps are skipped and an interrupted training
# run is resumed, so the same command can be repeated.
#
#   sh tools/gpu/train.sh [--data DIR] [--out DIR] [--people N] [--others N] [--minutes M] [--score N]
#                         [--dry-run] [-- OPTIONS of nbf train]
#
#   --data DIR   material for the people (docs/synthetic.md); without it they are procedural
#   --out DIR    folder of all results (default: out/train)
#   --people N   training people (default: 100000; 0.35 MB each)
#   --others N   further people, for the final training of bank and head (default: 8000)
#   --minutes M  of training (default: 60)
#   --score N    people in the final evaluation (default: 1000)
#   --dry-run    print the steps, run nothing
#   PYTHON=...   which Python (default: python3); needs this project's packages, not the project
#   JOBS=...     processes that render and threads that prepare batches (default: all cores)
#
#   sh tools/gpu/train.sh --data material -- --start runs/frozen --batch-size 128 --rate 1.5e-3
#   sh tools/gpu/train.sh --out out/paper --minutes 600 -- --preset paper --precision bfloat16
set -eu
cd "$(dirname "$0")/../.."
out=out/train people=100000 others=8000 minutes=60 score=1000 data='' dry='' size=256 given=' '
python=${PYTHON:-python3} jobs=${JOBS:-$(nproc)}

while [ $# -gt 0 ]; do
    case $1 in
    --data) data=${2:?--data needs a folder}; shift 2 ;;
    --out) out=${2:?--out needs a folder}; shift 2 ;;
    --people) people=${2:?--people needs a number}; shift 2 ;;
    --others) others=${2:?--others needs a number}; shift 2 ;;
    --minutes) minutes=${2:?--minutes needs a number}; shift 2 ;;
    --score) score=${2:?--score needs a number}; shift 2 ;;
    --dry-run) dry=1; shift ;;
    --) shift; given=" $* "; break ;;
    *) sed -n '2,21s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
done
preset=frozen
case $given in
*' --preset paper '*) preset=paper size=320 ;;
*' --preset lite '*) preset=lite ;;
esac
device=cuda
case $given in *' --device '*) device= ;; esac

# step NAME COMMAND...: prints the command, and runs it unless this is a dry run
step() {
    printf '== %s: %s\n' "$1" "$(shift; echo "$*")"
    shift
    [ -n "$dry" ] || "$@"
}

nbf() { "$python" -m core.cli "$@"; }

# draw NAME OPTIONS...: a step of `nbf synth`
draw() {
    name=$1
    shift
    step "$name" nbf synth --size "$size" ${data:+--data "$data"} "$@"
}

if [ -z "$dry" ]; then
    command -v cmake >/dev/null || { echo "train: cmake is missing: pip install cmake" >&2; exit 2; }
    mkdir -p "$out"
fi
step build cmake -S . -B build/native -DCMAKE_BUILD_TYPE=Release
step build cmake --build build/native --parallel "$jobs"
draw people --out "$out/people" --count "$people" --seed 1 --workers "$jobs"
draw others --out "$out/others" --count "$others" --seed 2 --workers "$jobs"
draw held_out --out "$out/held-out" --count 300 --seed 3 --split test --workers "$jobs"

# A run that starts from another has a lifter already.
bodies=$out/bodies.npz
case $given in *' --start '*) bodies= ;; esac
[ -z "$bodies" ] || [ -e "$bodies" ] || draw bodies --bodies "$bodies" --count 40000 --seed 3
resume=
[ ! -e "$out/run/checkpoint.pt" ] || resume=--resume
# $given unquoted: it is a list of options
# shellcheck disable=SC2086
step train nbf train --shards "$out/people" --held-out "$out/held-out" --out "$out/run" \
    --finish-on "$out/others" --minutes "$minutes" --loader-threads "$jobs" \
    ${bodies:+--bodies "$bodies"} ${device:+--device "$device"} $given $resume
step score nbf eval --model "$out/run/$preset.safetensors" --count "$score" \
    --protocols clean occ40 occ80 ${data:+--data "$data"} --out "$out/eval.json"
