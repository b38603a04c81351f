#!/usr/bin/env bash
# Builds the CUDA kernels into OUTPUT/dev/warpstep/cuda/warpstep.fatbin and a report into target/cuda/.
#
#   kernels/cuda/build.sh [OUTPUT]        OUTPUT is target/classes unless named
#
# Uses the first nvcc of $NVCC, PATH, $CUDA_HOME/bin, /usr/local/cuda/bin. Without one the build goes on, and absent.txt takes
# the place of the kernels: it holds the cause, which the library repeats when CUDA is asked for. NVCC=none skips the kernels
# on purpose. nvcc itself reads NVCC_APPEND_FLAGS, for example -lineinfo for a profiler.
#
#   target/cuda/entries.compute_XX.ptx, entries.sm_XX.cubin        what the fat binary is made of
#   target/cuda/ptxas.txt                 registers, spills and shared memory of every kernel on every architecture
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
output=${1:-target/classes}/dev/warpstep/cuda
output=${output#"$PWD/"}
fatbin=$output/warpstep.fatbin
report=target/cuda

# Turing, A100, H100, B200, RTX 50; every other GPU from Turing up gets machine code of its generation or the PTX.
architectures=(75 80 90 100 120)
portable=75
# Every operation is one correctly rounded IEEE operation, fused only where the source says so.
flags=(-std=c++17 -O3 --fmad=false --prec-div=true --prec-sqrt=true --ftz=false -Werror all-warnings -Ikernels)

fail() {
  echo "cuda: $*" >&2
  exit 1
}

absent() {
  rm -f "$fatbin" "$report/stamp"
  mkdir -p "$output"
  echo "built without nvcc: $*" >"$output/absent.txt"
  echo "cuda: no kernels, built without nvcc: $*"
  exit 0
}

find_nvcc() {
  local candidate
  if [[ ${NVCC:-} == none ]]; then
    absent "left out on request (NVCC=none)"
  elif [[ -n ${NVCC:-} ]]; then
    command -v "$NVCC" >/dev/null || fail "NVCC names $NVCC, which cannot be run"
    nvcc=$NVCC
    return
  fi
  for candidate in nvcc ${CUDA_HOME:+"$CUDA_HOME/bin/nvcc"} /usr/local/cuda/bin/nvcc; do
    if command -v "$candidate" >/dev/null; then
      nvcc=$candidate
      return
    fi
  done
  absent "not named by NVCC, not on PATH, not in CUDA_HOME/bin or /usr/local/cuda/bin"
}

find_nvcc
supported=$("$nvcc" --list-gpu-code)
built=()
left_out=()
for architecture in "${architectures[@]}"; do
  if grep -qx "sm_$architecture" <<<"$supported"; then
    built+=("$architecture")
  else
    left_out+=("sm_$architecture")
  fi
done
((${#built[@]} > 0)) || fail "$nvcc supports none of sm_${architectures[*]}"

fingerprint() {
  {
    "$nvcc" --version
    echo "$nvcc" "${flags[@]}" "${built[@]}" "${NVCC_PREPEND_FLAGS:-}" "${NVCC_APPEND_FLAGS:-}"
    find kernels \( -name '*.cu' -o -name '*.cuh' -o -name '*.h' \) -print | LC_ALL=C sort |
      xargs sha256sum kernels/cuda/build.sh
  } | sha256sum | cut -d' ' -f1
}

stamp="$(fingerprint)"
if [[ -f $fatbin && ! -e $output/absent.txt && -f $report/stamp &&
  $(<"$report/stamp") == "$stamp $(sha256sum "$fatbin" | cut -d' ' -f1)" ]]; then
  echo "cuda: $fatbin is up to date"
  exit 0
fi

started=$SECONDS
rm -rf "$report"
mkdir -p "$report" "$output"

# In two steps, so that the PTX is there to be read; as many architectures at a time as there are cores.
compile() {
  local ptx=$report/entries.compute_$1.ptx machine=$report/entries.sm_$1
  "$nvcc" "${flags[@]}" -arch="compute_$1" --ptx kernels/cuda/entries.cu -o "$ptx" || return
  "$nvcc" "${flags[@]}" -arch="sm_$1" -Xptxas -v --cubin "$ptx" -o "$machine.cubin" 2>"$machine.txt" ||
    cat "$machine.txt" >&2
}
cores=$(nproc)
for architecture in "${built[@]}"; do
  while (($(jobs -rp | wc -l) >= cores)); do wait -n || true; done
  compile "$architecture" &
done
wait

images=()
for architecture in "${built[@]}"; do
  machine=$report/entries.sm_$architecture
  [[ -f $machine.cubin ]] || fail "the kernels do not compile for sm_$architecture"
  images+=("--image3=kind=elf,sm=$architecture,file=$machine.cubin")
  { echo "== sm_$architecture" && cat "$machine.txt"; } >>"$report/ptxas.txt"
  rm "$machine.txt"
done
images+=("--image3=kind=ptx,sm=$portable,file=$report/entries.compute_$portable.ptx")

# Not compressed: the jar does that about as well, and every driver can read it (zstd, a third smaller, needs a new one).
tools=$("$nvcc" --dryrun -x cu /dev/null 2>&1 | sed -n 's/^#\$ _HERE_=//p')
PATH="$tools:$PATH" fatbinary -64 --compress=false --create="$fatbin" "${images[@]}"
rm -f "$output/absent.txt"
echo "$stamp $(sha256sum "$fatbin" | cut -d' ' -f1)" >"$report/stamp"
echo "cuda: built $fatbin ($(stat -c %s "$fatbin") bytes: sm_${built[*]/%/,} PTX $portable${left_out[*]:+;" \
  "this nvcc leaves out ${left_out[*]}}) in $((SECONDS - started)) s"
