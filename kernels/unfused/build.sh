#!/usr/bin/env bash
# Builds the kernels of the unfused step into OUTPUT/dev/warpstep/unfused/cuda/unfused.fatbin. kernels/cuda/build.sh runs first:
# where it found no nvcc, absent.txt with its cause takes the place of these kernels, too.
#
#   kernels/unfused/build.sh [OUTPUT]        OUTPUT is target/classes unless named
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
output=${1:-target/classes}/dev/warpstep/unfused/cuda
absent=${1:-target/classes}/dev/warpstep/cuda/absent.txt
fatbin=$output/unfused.fatbin
mkdir -p "$output"

if [[ -f $absent ]]; then
  rm -f "$fatbin"
  cp "$absent" "$output/absent.txt"
  exit 0
fi
rm -f "$output/absent.txt"
for nvcc in ${NVCC:-nvcc ${CUDA_HOME:+"$CUDA_HOME/bin/nvcc"} /usr/local/cuda/bin/nvcc}; do
  if command -v "$nvcc" >/dev/null; then break; fi
done

# The arithmetic and the architectures of kernels/cuda/build.sh.
flags=(-std=c++17 -O3 --fmad=false --prec-div=true --prec-sqrt=true --ftz=false -Werror all-warnings -Ikernels)
supported=$("$nvcc" --list-gpu-code)
for architecture in 75 80 90 100 120; do
  if grep -qx "sm_$architecture" <<<"$supported"; then
    flags+=("-gencode=arch=compute_$architecture,code=sm_$architecture")
  fi
done
flags+=("-gencode=arch=compute_75,code=compute_75")

stamp="$({
  "$nvcc" --version
  echo "${flags[@]}" "${NVCC_PREPEND_FLAGS:-}" "${NVCC_APPEND_FLAGS:-}"
  sha256sum kernels/unfused/* kernels/rules/arithmetic.h
} | sha256sum | cut -d' ' -f1)"
report=target/cuda/unfused.stamp
if [[ -f $fatbin && -f $report && $(<"$report") == "$stamp $(sha256sum "$fatbin" | cut -d' ' -f1)" ]]; then
  echo "cuda: $fatbin is up to date"
  exit 0
fi
"$nvcc" "${flags[@]}" --no-compress -fatbin kernels/unfused/primitives.cu -o "$fatbin"
mkdir -p target/cuda
echo "$stamp $(sha256sum "$fatbin" | cut -d' ' -f1)" >"$report"
echo "cuda: built $fatbin ($(stat -c %s "$fatbin") bytes)"
