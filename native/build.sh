#!/usr/bin/env bash
# Builds the CPU library into OUTPUT/dev/warpstep/native/<os>-<arch>/, with its SHA-256 beside it.
#
#   native/build.sh [OUTPUT]        OUTPUT is target/classes unless named
#
# Needs one C++17 compiler (gcc 11 or clang 12 and up): $CXX, else c++, g++ or clang++. The compiler decides the platform, so
# CXX=aarch64-linux-gnu-g++ builds for another one. CXXFLAGS go to every compilation and to the link, after our own; with -g
# in them the library keeps its symbols:
#
#   CXXFLAGS="-O1 -g -fsanitize=address" native/build.sh target/asan
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
output=${1:-target/classes}
output=${output#"$PWD/"}

fail() {
  echo "native: $*" >&2
  exit 1
}

find_compiler() {
  local candidate
  if [[ -n ${CXX:-} ]]; then
    read -ra compiler <<<"$CXX"
    command -v "${compiler[0]}" >/dev/null || fail "CXX names ${compiler[0]}, which cannot be run"
    return
  fi
  for candidate in c++ g++ clang++; do
    if command -v "$candidate" >/dev/null; then
      compiler=("$candidate")
      return
    fi
  done
  fail "no C++ compiler: the CPU library needs g++ 11 or clang++ 12 and up, on PATH or named by CXX" \
    "(Debian, Ubuntu: apt-get install g++)"
}

find_compiler
target=$("${compiler[@]}" -dumpmachine)
case $target in
  x86_64-*linux*)
    platform=linux-x86_64
    isas=(baseline avx2 avx512)
    ;;
  aarch64-*linux*)
    platform=linux-aarch64
    isas=(baseline)
    ;;
  *) fail "no CPU library for $target: it is built for x86-64 and aarch64 Linux" ;;
esac

declare -A isa_flags
if [[ $platform == linux-x86_64 ]]; then
  # Exactly the features that warpstep.cpp asks the processor for, no more.
  isa_flags=(
    [baseline]="-march=x86-64"
    [avx2]="-mavx2 -mfma"
    [avx512]="-mavx2 -mfma -mavx512f -mavx512bw -mavx512cd -mavx512dq -mavx512vl -mprefer-vector-width=512"
  )
else
  isa_flags=([baseline]="-march=armv8-a")
fi

# Never -ffast-math: results must have the same bits as on every other device.
flags=(-std=c++17 -O3 -fPIC -fvisibility=hidden -ffp-contract=off -fno-math-errno -fno-trapping-math
  -fno-exceptions -fno-rtti -Wall -Wextra -Werror -Inative/include -Ikernels)
link_flags=(-shared -static-libgcc -static-libstdc++
  -Wl,--as-needed -Wl,-z,defs -Wl,--exclude-libs,ALL -Wl,-soname,libwarpstep.so)
read -ra extra_flags <<<"${CXXFLAGS:-}"
[[ " ${extra_flags[*]:-} " == *" -g"* ]] || link_flags+=(-s)

work=target/native/${output//\//_}/$platform
library=$output/dev/warpstep/native/$platform/libwarpstep.so

fingerprint() {
  {
    "${compiler[@]}" --version
    echo "${compiler[@]}" "${flags[@]}" "${link_flags[@]}" "${extra_flags[@]}"
    find native/src native/include kernels -path kernels/cuda -prune -o -name '*.cpp' -print -o -name '*.h' -print |
      LC_ALL=C sort | xargs sha256sum native/build.sh
  } | sha256sum | cut -d' ' -f1
}

stamp="$(fingerprint)"
if [[ -f $work/stamp && $(<"$work/stamp") == "$stamp" && -f $library && -f $library.sha256 &&
  $(sha256sum "$library" | cut -d' ' -f1) == "$(<"$library.sha256")" ]]; then
  echo "native: $library is up to date"
  exit 0
fi

started=$SECONDS
rm -rf "$work"
mkdir -p "$work" "$(dirname "$library")"

# One object for each source, and one of update.cpp for each instruction set.
jobs=()
objects=()
compile() {
  local object=$work/$1.o
  shift
  "${compiler[@]}" "${flags[@]}" "${extra_flags[@]}" "$@" -c -o "$object" &
  jobs+=($!)
  objects+=("$object")
}
for source in native/src/*.cpp; do
  name=$(basename "$source" .cpp)
  if [[ $name == update ]]; then
    for isa in "${isas[@]}"; do
      # shellcheck disable=SC2086  # several flags
      compile "update-$isa" "-DWS_ISA=$isa" ${isa_flags[$isa]} "$source"
    done
  else
    compile "$name" "$source"
  fi
done
failed=0
for job in "${jobs[@]}"; do wait "$job" || failed=1; done
((failed == 0)) || fail "the CPU library does not compile"

"${compiler[@]}" "${extra_flags[@]}" "${objects[@]}" "${link_flags[@]}" -o "$work/libwarpstep.so"
sha256sum "$work/libwarpstep.so" | cut -d' ' -f1 >"$library.sha256"
mv "$work/libwarpstep.so" "$library"
echo "$stamp" >"$work/stamp"
echo "native: built $library ($(stat -c %s "$library") bytes, ${isas[*]}, ${compiler[*]}) in $((SECONDS - started)) s"
