#!/usr/bin/env bash
# Measures Warpstep and its peers in turn, several rounds (A B C A B C ...), and writes benchmarks/results/NAME.md, with
# the raw lines beside it in NAME.jsonl.
#
#   benchmarks/compare.sh NAME
#
# ROUNDS   how many rounds, 5 unless set
# PYTHON   an interpreter that has torch==2.13.0, python3 unless set; "none" leaves PyTorch out
# DJL      "none" leaves DJL out, whose first run downloads 200 MB
# MODELS, RULES, PAIRS   what is measured and how often, see PairedRun.java
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

name=${1:?"usage: benchmarks/compare.sh NAME"}
rounds=${ROUNDS:-5}
python=${PYTHON:-python3}
djl=${DJL:-djl}
rules=${RULES:-adam,rmsprop,sgd_momentum}
models=${MODELS:-mlp_100k,resnet50,gpt2_124m}
pairs=${PAIRS:-21}
samples=$(((pairs + 8) / 3)) # of the peers, which take longer
results=benchmarks/results
raw=$results/$name.jsonl
mkdir -p "$results"

say() { echo "compare: $*" >&2; }

# Only JSON is kept; Maven may put an escape sequence before the first line.
json() { sed -nE 's/^[^{]*(\{"what".*\}).*$/\1/p' >>"$raw"; }

# The JDK that Maven found runs everything.
java_run() {
  local main=$1
  shift
  mvn -B -q -f benchmarks/pom.xml compile exec:exec -Dmain="$main" -Dargs="$*" | json
}
torch_run() { "$python" benchmarks/peers/torch_cpu.py "$@" >>"$raw"; }
djl_run() { mvn -B -q -f benchmarks/pom.xml -Pdjl compile exec:exec -Dargs="$*" | json; }

if [[ $python != none ]] && ! "$python" -c 'import torch' 2>/dev/null; then
  say "$python cannot import torch, see benchmarks/peers/torch_cpu.py; PYTHON=none leaves it out"
  exit 1
fi

say "building"
mvn -B -q -DskipTests install
mvn -B -q -f benchmarks/pom.xml clean compile

printf '{"what": "machine", "command": "ROUNDS=%s RULES=%s MODELS=%s PAIRS=%s benchmarks/compare.sh %s"}\n' \
  "$rounds" "$rules" "$models" "$pairs" "$name" >"$raw"
for ((round = 1; round <= rounds; round++)); do
  say "round $round of $rounds"
  java_run Machine
  for rule in ${rules//,/ }; do
    for model in ${models//,/ }; do
      java_run PairedRun "figure=probe memory=native,heap rule=$rule model=$model pairs=$pairs"
      [[ $python == none ]] || torch_run "rule=$rule" "model=$model" "samples=$samples"
      [[ $djl == none ]] || djl_run "rule=$rule model=$model samples=$samples"
    done
  done
  for model in ${models//,/ }; do
    java_run FullStepRun "model=$model samples=$samples"
    [[ $python == none ]] || torch_run rule=adamw "model=$model" "samples=$samples"
  done
  java_run PairedRun "figure=unfused,decayed rule=$rules model=mlp_100k,resnet50 pairs=$pairs"
done
python3 benchmarks/report.py "$raw" >"$results/$name.md"
say "$results/$name.md"
