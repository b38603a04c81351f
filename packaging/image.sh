#!/usr/bin/env bash
# The RUN lines of the Dockerfile, in its order. They also run without Docker, on a Debian or Ubuntu with a JDK 25; nvcc is
# optional there as everywhere.
#
#   packaging/image.sh STEP...
#
#   prerequisites    installs what the build needs, with apt-get, as root
#   verify           builds everything and runs every test
#   selfcheck        checks this machine: GPU or CPU, same bits
#   train            trains on real images, fused and unfused side by side
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

prerequisites() {
  export DEBIAN_FRONTEND=noninteractive
  apt-get update
  # The pictures need a font. Recommended packages would bring a desktop.
  apt-get install -y --no-install-recommends clang-format-14 fontconfig fonts-dejavu-core g++ maven
  rm -rf /var/lib/apt/lists/*
}

verify() {
  mvn -B -ntp verify
}

selfcheck() {
  mvn -q -DskipTests package exec:exec -Dargs=selfcheck
}

train() {
  mvn -q -DskipTests package exec:exec
}

steps=(prerequisites verify selfcheck train)
usage() {
  echo "packaging/image.sh: each argument must be one of ${steps[*]}, $*" >&2
  exit 2
}
(($# > 0)) || usage "there was none"
for step; do
  [[ " ${steps[*]} " == *" $step "* ]] || usage "one was '$step'"
done
for step; do "$step"; done
