#!/bin/sh
# Install the checkout into .venv as it lies (editable), and build its native library (build/native).
# A machine without a compiler installs without the library. Options go to pip.
set -eu
cd "$(dirname "$0")/.."
# CMake takes the brackets in the path of its own files for a pattern, and then recognises no
# compiler: there it is run under another path.
case $PWD in *[][]*)
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    data=$(.venv/bin/python -c 'import cmake; print(cmake.__path__[0])')/data
    mkdir "$scratch/bin"
    cp "$data/bin/cmake" "$scratch/bin"
    ln -s "$data/share" "$scratch/share"
    export CMAKE_EXECUTABLE="$scratch/bin/cmake"
esac
.venv/bin/python -m pip install --disable-pip-version-check "$@" --no-deps --no-build-isolation -e .
