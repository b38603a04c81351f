#!/usr/bin/env bash
# Builds the software CUDA driver, libcuda.so.1, for tests: the driver API as far as the library uses it, and the project's own
# kernels compiled for this processor; and a libcublas.so.12 with the few functions that the unfused step calls. Never part of
# the jar.
#
#   native/simulator/build.sh [OUTPUT]        OUTPUT is target/simulator unless named
#
# Needs g++ 11 and up ($CXX, else g++) on Linux, and no CUDA toolkit. CXXFLAGS go to every compilation and to the link, after our
# own:
#
#   CXXFLAGS="-O1 -g -fsanitize=address" native/simulator/build.sh target/simulator-asan
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
output=${1:-target/simulator}
output=${output#"$PWD/"}
library=$output/libcuda.so.1

fail() {
  echo "simulator: $*" >&2
  exit 1
}

read -ra compiler <<<"${CXX:-g++}"
command -v "${compiler[0]}" >/dev/null || fail "the software CUDA driver needs g++ 11 and up, on PATH or named by CXX"
[[ $("${compiler[@]}" -dumpmachine) == *linux* ]] || fail "the software CUDA driver is built for Linux"

# The arithmetic is that of native/build.sh. -fno-strict-aliasing: kernels read floats as vectors of floats.
flags=(-std=c++17 -O2 -fPIC -fvisibility=hidden -ffp-contract=off -fno-math-errno -fno-trapping-math -fno-strict-aliasing
  -Wall -Wextra -Werror -Wno-unknown-pragmas -Inative/simulator -Inative -Ikernels)
# The standard library stays dynamic: nothing but kernels may have thread-local variables here, see thread_storage.h.
link_flags=(-shared -pthread -Wl,--as-needed -Wl,-z,defs -Wl,-soname,libcuda.so.1
  -Wl,--version-script=native/simulator/exports.map)
# A sanitizer's own functions are only there when the program is linked.
[[ ${CXXFLAGS:-} == *-fsanitize=* ]] && link_flags+=(-Wl,-z,undefs)
read -ra extra_flags <<<"${CXXFLAGS:-}"

fingerprint() {
  {
    "${compiler[@]}" --version
    echo "${compiler[@]}" "${flags[@]}" "${link_flags[@]}" "${extra_flags[@]}"
    find native/simulator kernels -path native/simulator/test -prune -o \
      \( -name '*.cpp' -o -name '*.h' -o -name '*.cu' -o -name '*.cuh' -o -name '*.map' \) -print | LC_ALL=C sort |
      xargs sha256sum native/simulator/build.sh
  } | sha256sum | cut -d' ' -f1
}

stamp="$(fingerprint)"
if [[ -f $output/stamp && -f $library && -f $output/libcublas.so.12 && $(<"$output/stamp") == "$stamp $(sha256sum "$library" | cut -d' ' -f1)" ]]; then
  echo "simulator: $library is up to date"
  exit 0
fi

started=$SECONDS
rm -rf "$output/objects" "$output/stamp"
mkdir -p "$output/objects"
cores=$(nproc)
jobs=()
objects=()
for source in native/simulator/src/*.cpp; do
  while (($(jobs -rp | wc -l) >= cores)); do sleep 0.02; done
  object=$output/objects/$(basename "$source" .cpp).o
  "${compiler[@]}" "${flags[@]}" "${extra_flags[@]}" -c "$source" -o "$object" &
  jobs+=($!)
  objects+=("$object")
done
failed=0
for job in "${jobs[@]}"; do wait "$job" || failed=1; done
((failed == 0)) || fail "the software CUDA driver does not compile"

"${compiler[@]}" "${extra_flags[@]}" "${objects[@]}" "${link_flags[@]}" -o "$output/libcuda.so.new"
mv "$output/libcuda.so.new" "$library"
"${compiler[@]}" "${flags[@]}" "${extra_flags[@]}" native/simulator/cublas/cublas.cpp -shared "$library" \
  -Wl,-soname,libcublas.so.12 -Wl,--version-script=native/simulator/cublas/exports.map -o "$output/libcublas.so.new"
mv "$output/libcublas.so.new" "$output/libcublas.so.12"
rm -r "$output/objects"
echo "$stamp $(sha256sum "$library" | cut -d' ' -f1)" >"$output/stamp"
echo "simulator: built $library ($(stat -c %s "$library") bytes, ${compiler[*]}) in $((SECONDS - started)) s"
