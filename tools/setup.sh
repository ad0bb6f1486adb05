#!/bin/sh
# Set up a checkout: system libraries (Debian/Ubuntu), .venv, pinned packages, native code.
# Needs a POSIX shell and Python 3.11 or newer. Called by `make setup`; safe to run again.
#   PYTHON=/path/to/python   which Python makes the environment
#   NBF_NO_SYSTEM=1          do not touch system packages, only say which are missing
set -eu
cd "$(dirname "$0")/.."
VENV=.venv

say() { printf '%s\n' "setup: $*" >&2; }

# --- what the system must have: "probe package" pairs ------------------------------------------
has_library() { { /sbin/ldconfig -p || ldconfig -p; } 2>/dev/null | grep -qF "$1 "; }
has_command() { command -v "$1" >/dev/null 2>&1; }
has_file() { for file in $1; do [ -e "$file" ] && return 0; done; return 1; }

missing_packages() {
    has_library libGL.so.1 || echo libgl1                    # the window, and opencv-python
    has_file '/usr/lib/*/dri/swrast_dri.so' || echo libgl1-mesa-dri
    has_library libEGL.so.1 || echo libegl1                  # turntable.mp4, drawn without a window
    has_library libOSMesa.so.8 || echo libosmesa6            # the same without a GPU driver
    has_library libgthread-2.0.so.0 || echo libglib2.0-0     # opencv-python
    has_command Xvfb || echo xvfb                            # the window's tests
    has_command xauth || echo xauth
    has_command xdotool || echo xdotool
    has_command xprop || echo x11-utils
    python_missing
}

# --- Python -------------------------------------------------------------------------------------
good_python() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if good_python "$candidate"; then echo "$candidate"; return; fi
    done
}

python_missing() {
    python=$(find_python)
    if [ -z "$python" ]; then
        echo python3.11 python3.11-venv
    elif ! "$python" -c 'import ensurepip' 2>/dev/null; then
        "$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'
    fi
}

# --- system packages ----------------------------------------------------------------------------
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }
may_install() {
    [ -z "${NBF_NO_SYSTEM:-}" ] && has_command apt-get || return 1
    [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null
}

apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1
}

install_system() {
    wanted=$(missing_packages | tr '\n' ' ')
    [ -n "$wanted" ] || return 0
    if may_install; then
        say "installing system packages: $wanted"
        as_root apt-get update -qq || say "apt-get update failed; trying with the existing package lists"
        # If that fails, one by one: a release that lacks a package must not prevent the others.
        # shellcheck disable=SC2086
        apt_install $wanted || for package in $wanted; do
            apt_install "$package" || say "$package cannot be installed here; continuing without it"
        done
    fi
    wanted=$(missing_packages | tr '\n' ' ')
    [ -z "$wanted" ] || say "missing system packages; please type: sudo apt-get install -y $wanted"
}

# --- the environment ----------------------------------------------------------------------------
make_environment() {
    python=$(find_python)
    if [ -z "$python" ]; then
        say "no Python 3.11 or newer found; install one, or name it: make setup PYTHON=/path/to/python"
        exit 1
    fi
    "$VENV/bin/python" -m pip --version >/dev/null 2>&1 && good_python "$VENV/bin/python" && return
    say "making $VENV with $("$python" --version)"
    "$python" -m venv --clear "$VENV" || { say "$python cannot make an environment (see above)"; exit 1; }
}

# Downloads take minutes: progress for a person, errors alone for a log.
quiet=-qq
[ -t 2 ] && quiet=
# shellcheck disable=SC2086
pip_install() { "$VENV/bin/python" -m pip install --disable-pip-version-check $quiet "$@"; }

# PyPI's PyTorch for Linux brings gigabytes of CUDA, which nothing uses without an NVIDIA GPU. Its
# own index has the build without; where that cannot be reached, the other one does.
CPU_INDEX=https://download.pytorch.org/whl/cpu
lean_torch() {
    [ "$(uname -s)" = Linux ] && ! has_command nvidia-smi || return 0
    pip_install --no-deps --retries 0 --timeout 10 --extra-index-url "$CPU_INDEX" \
        "$(grep '^torch==' constraints.txt)" || say "no PyTorch without CUDA here; taking PyPI's"
}

install_packages() {
    say "installing the packages pinned in constraints.txt (a few minutes the first time)"
    lean_torch
    pip_install -r constraints.txt  # the extras are in it; smplx is for non-commercial use only
    # shellcheck disable=SC2086
    sh tools/install.sh $quiet
    # Without libGL the full OpenCV cannot be loaded; the headless build of the same version can.
    if ! "$VENV/bin/python" -c 'import cv2' 2>/dev/null; then
        say "libGL is missing: taking the headless build of OpenCV (no window will open)"
        pip_install "$(sed -n 's/^opencv-python==/opencv-python-headless==/p' constraints.txt)"
    fi
}

install_system
make_environment
install_packages
say "native code: $("$VENV/bin/python" -c 'from core.native import native_status as s; print(s())')"
