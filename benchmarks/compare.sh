#!/usr/bin/env bash
# Measures Warpstep and its peers in turn and writes benchmarks/results/NAME.md with its pictures, from the raw lines in
# NAME.jsonl beside it.
#
#   benchmarks/compare.sh NAME
#
# DEVICE   cpu, the default, or cuda: what is measured; cuda needs a GPU, a driver and a build with nvcc
# ROUNDS   how many rounds, 5 unless set
# PYTHON   an interpreter that has torch==2.13.0, python3 unless set; "none" leaves PyTorch out
# PEERS    of djl, libtorch and nd4j, all three unless set; "none" leaves them out. Only for the CPU. The first run downloads
#          200 MB for DJL, 90 MB for libtorch, 60 MB for ND4J
# KEPT     models on which the peers that allocate are measured a second time, with an allocator that gives no memory back:
#          those with tensors of more than 32 MB; gpt2_124m unless set
# JMH      none leaves JMH's benchmarks out; only adds them to the results that are there
# MODELS, RULES, PAIRS   what is measured and how often, see PairedRun.java
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

name=${1:?"usage: benchmarks/compare.sh NAME"}
device=${DEVICE:-cpu}
rounds=${ROUNDS:-5}
python=${PYTHON:-python3}
peers=${PEERS:-djl,libtorch,nd4j}
kept=${KEPT:-gpt2_124m}
jmh=${JMH:-all}
rules=${RULES:-adam,rmsprop,sgd_momentum}
models=${MODELS:-mlp_100k,resnet50,gpt2_124m}
pairs=${PAIRS:-21}
samples=$(((pairs + 8) / 3)) # of the peers, which take longer
results=benchmarks/results
raw=$results/$name.jsonl
export OMP_NUM_THREADS=2
mkdir -p "$results"

say() { echo "compare: $*" >&2; }
fail() {
  say "$*"
  exit 2
}

# Only JSON is kept; Maven may put an escape sequence before the first line.
json() { sed -nE 's/^[^{]*(\{"what".*\}).*$/\1/p' >>"$raw"; }

# The JDK that Maven found runs everything.
java_run() {
  local main=$1
  shift
  mvn -B -q -f benchmarks/pom.xml compile exec:exec -Dmain="$main" -Dargs="$*" | json
}
peer_run() {
  local peer=$1
  shift
  mvn -B -q -f benchmarks/pom.xml -P"$peer" compile exec:exec -Dargs="$*" | json
}
torch_run() { [[ $python == none ]] || "$python" benchmarks/peers/torch_peer.py "device=$device" "$@" >>"$raw"; }

keeps() { [[ ,$kept, == *,$1,* ]]; }

# One arena, since only that of the first thread has room for a tensor of more than 64 MB.
keeping() {
  GLIBC_TUNABLES=glibc.malloc.arena_max=1:glibc.malloc.mmap_threshold=4294967296:glibc.malloc.trim_threshold=68719476736 "$@"
}

[[ $device == cpu || $device == cuda ]] || fail "DEVICE must be cpu or cuda, was $device"
if [[ $python != none ]] && ! "$python" -c 'import torch' 2>/dev/null; then
  fail "$python cannot import torch, see benchmarks/peers/torch_peer.py; PYTHON=none leaves it out"
fi
if [[ $python != none && $device == cuda ]] &&
  ! "$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' 2>/dev/null; then
  fail "the torch of $python finds no GPU; PYTHON=none leaves it out"
fi

round_on_cpu() {
  local rule model peer
  for rule in ${rules//,/ }; do
    for model in ${models//,/ }; do
      java_run PairedRun "figure=probe memory=native,heap rule=$rule model=$model pairs=$pairs"
      torch_run "rule=$rule" "model=$model" "samples=$samples"
      ! keeps "$model" || keeping torch_run "rule=$rule" "model=$model" way=forloop,foreach "samples=$samples"
      for peer in ${peers//,/ }; do
        if [[ $peer != none ]]; then
          peer_run "$peer" "rule=$rule model=$model samples=$samples" || say "$peer failed for $rule on $model"
          ! keeps "$model" || keeping peer_run "$peer" "rule=$rule model=$model samples=$samples" ||
            say "$peer failed for $rule on $model, memory kept"
        fi
      done
    done
  done
  for model in ${models//,/ }; do
    java_run FullStepRun "model=$model samples=$samples way=fused,elementary,unfused"
    torch_run rule=adamw "model=$model" "samples=$samples"
    ! keeps "$model" || keeping torch_run rule=adamw "model=$model" "samples=$samples"
  done
  java_run PairedRun "figure=unfused rule=$rules model=$models pairs=$pairs"
  java_run PairedRun "figure=decayed rule=$rules model=mlp_100k pairs=$pairs"
  java_run DeviceRun "device=cpu:2 rule=$rules model=$models dtype=fp32,fp64,bf16,bf16_master,bf16_remainder,fp16_master unfused=false seconds=3"
}

round_on_cuda() {
  local model
  for model in ${models//,/ }; do
    java_run DeviceRun "device=cuda:0 rule=$rules model=$model"
    java_run DeviceRun "device=cuda:0 rule=$rules model=$model dtype=fp64,bf16,bf16_master,bf16_remainder,fp16_master"
    torch_run "rule=$rules" "model=$model" "samples=$samples"
    java_run FullStepRun "device=cuda:0 model=$model samples=$samples way=fused,unfused"
    torch_run rule=adamw "model=$model" "samples=$samples"
  done
}

run_jmh() {
  local on=cpu:2 ways=fused,elementary,unfused
  if [[ $device == cuda ]]; then
    on=cuda:0 ways="fused,foreach"
    java_run Jmh LaunchOverheadBenchmark LaunchBindingBenchmark
  fi
  java_run Jmh "[.]StepBenchmark -p rule=${rules^^} -p model=${models^^} -p device=$on -p way=$ways"
  java_run Jmh "FullStepBenchmark NormBenchmark -p model=${models^^} -p device=$on"
  java_run Jmh "CheckpointBenchmark PlanBenchmark -p device=$on"
  java_run Jmh "PlanBenchmark -p device=$on -p tensors=465 -p groups=1,465 -p change=NOTHING"
}

say "building"
mvn -B -q -DskipTests install
mvn -B -q -f benchmarks/pom.xml clean compile

[[ $jmh == only ]] || : >"$raw"
printf '{"what": "machine", "command": "DEVICE=%s ROUNDS=%s RULES=%s MODELS=%s PAIRS=%s PEERS=%s JMH=%s benchmarks/compare.sh %s"}\n' \
  "$device" "$rounds" "$rules" "$models" "$pairs" "$peers" "$jmh" "$name" >>"$raw"
if [[ $jmh != only ]]; then
  for ((round = 1; round <= rounds; round++)); do
    say "round $round of $rounds"
    java_run Machine "device=$device"
    "round_on_$device"
  done
fi
if [[ $jmh != none ]]; then
  java_run Machine "device=$device"
  run_jmh
fi
mvn -B -q -f benchmarks/pom.xml compile exec:exec -Dmain=Report -Dargs="file=$PWD/$raw"
say "$results/$name.md"
