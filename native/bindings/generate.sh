#!/usr/bin/env bash
# Regenerates the Java bindings in native/bindings/java, and shows what changed: those of the CPU library from warpstep.h, those
# of the CUDA driver from driver.h, and the structs that every backend fills from plan.h.
#
#   native/bindings/generate.sh           regenerate, then print the difference to what was there
#   native/bindings/generate.sh --check   change nothing; exit status 1 if the committed bindings are not what jextract writes
#
# Needs jextract (openjdk/jextract, for JDK 25) as $JEXTRACT or on the PATH, and the CUDA toolkit's headers in $CUDA_HOME/include
# (default /usr/local/cuda). An ordinary build needs neither: the output is committed, and is never edited or formatted by hand.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
jextract=${JEXTRACT:-jextract}
cuda=${CUDA_HOME:-/usr/local/cuda}/include
command -v "$jextract" >/dev/null || { echo "generate.sh: no jextract: put it on the PATH or set JEXTRACT" >&2; exit 2; }
[[ -f $cuda/cuda.h ]] || { echo "generate.sh: no cuda.h in $cuda: set CUDA_HOME" >&2; exit 2; }

fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
"$jextract" --output "$fresh" --target-package dev.warpstep.backend.cpu.bindings --header-class-name WarpstepNative \
  -I "$root/native/include" -I "$root/kernels" "@$here/cpu.txt" "$root/native/include/warpstep.h"
# By the name that every driver installs; libcuda.so comes with the toolkit only.
"$jextract" --output "$fresh" --target-package dev.warpstep.backend.cuda.bindings --header-class-name CudaDriver \
  --library :libcuda.so.1 -I "$cuda" -I "$root/kernels" "@$here/cuda.txt" "$here/driver.h"

"$jextract" --output "$fresh" --target-package dev.warpstep.backend.bindings --header-class-name WarpstepPlan \
  "@$here/plan.txt" "$root/kernels/plan.h"

if diff -ru "$here/java" "$fresh"; then
  echo "bindings: unchanged"
elif [[ ${1:-} == --check ]]; then
  echo "bindings: the committed ones differ from jextract's output" >&2
  exit 1
else
  rm -rf "$here/java"
  cp -r "$fresh" "$here/java"
  echo "bindings: regenerated"
fi
