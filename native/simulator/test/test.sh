#!/usr/bin/env bash
# Tests the software CUDA driver: what it refuses, and that it runs every kernel to the bits of the CPU library.
#
#   native/simulator/test/test.sh
#
# CXX and CXXFLAGS as for native/simulator/build.sh:
#
#   CXXFLAGS="-g -fsanitize=address,undefined" native/simulator/test/test.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
work=target/simulator-test
library=$work/dev/warpstep/native/linux-$(uname -m)

CXXFLAGS='' native/build.sh "$work"
mkdir -p "$work/objects"
read -ra compiler <<<"${CXX:-g++}"
read -ra extra_flags <<<"${CXXFLAGS:-}"
flags=(-std=c++17 -O2 -ffp-contract=off -fno-math-errno -fno-trapping-math -fno-strict-aliasing -Wall -Wextra -Werror
  -Wno-unknown-pragmas -Inative/simulator -Inative -Inative/include -Ikernels)
# One program of the driver's sources and the tests, so that tests can bring kernels of their own.
jobs=()
for source in native/simulator/src/*.cpp native/simulator/test/*.cpp; do
  while (($(jobs -rp | wc -l) >= $(nproc))); do sleep 0.02; done
  "${compiler[@]}" "${flags[@]}" "${extra_flags[@]}" -c "$source" \
    -o "$work/objects/$(basename "$(dirname "$source")")-$(basename "$source" .cpp).o" &
  jobs+=($!)
done
for job in "${jobs[@]}"; do wait "$job"; done
"${compiler[@]}" "${extra_flags[@]}" "$work"/objects/*.o -pthread "-L$library" -lwarpstep "-Wl,-rpath,$PWD/$library" \
  -o "$work/simulator_test"
"$work/simulator_test"
