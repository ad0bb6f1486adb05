#!/bin/sh
# Builds the native CPU code with AddressSanitizer and UndefinedBehaviorSanitizer around
# volume_scenes.cpp:  sh build.sh FOLDER [COMPILER]
set -e
mkdir -p "$1"
out=$(cd "$1" && pwd)
cd "$(dirname "$0")"  # paths in $flags must have no spaces
cuda=../../cuda
compiler=${2:-c++}
checks="-fsanitize=address,undefined,float-cast-overflow -fno-sanitize-recover=all"
flags="-std=c++17 -O1 -g1 -I$cuda $checks -fno-omit-frame-pointer -Wno-psabi"
variants=baseline
case $(uname -m) in x86_64 | amd64)
  variants="baseline avx2 avx512"
  flags="$flags -DNBF_X86_VARIANTS"
  ;;
esac
for variant in $variants; do
  case $variant in
    avx2) wide="-mavx2 -mfma" ;;
    avx512) wide="-mavx512f -mavx512dq -mavx512vl -mfma" ;;
    *) wide="" ;;
  esac
  $compiler $flags $wide -c "$cuda/volume/volume_${variant}_cpu.cpp" -o "$out/$variant.o"
done
$compiler $flags -c "$cuda/volume/volume_cpu.cpp" -o "$out/driver.o"
$compiler $flags volume_scenes.cpp "$out"/*.o -o "$out/volume_scenes" -lpthread
