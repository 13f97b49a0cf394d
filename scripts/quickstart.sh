#!/usr/bin/env bash
# From a Debian 12 to a real model compiled and run, in one command: installs (for which apt must know the LLVM project's
# repository for bookworm), builds, takes the model out of the PyPI package magika, and says what kind of file README.md is.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/install-dependencies.sh
scripts/build.sh default

model=build/magika
if [ ! -f "$model/magika/models/standard_v3_3/model.onnx" ]; then
  mkdir -p "$model"
  # Only the package's file is taken, none of what it depends on: the model is inside.
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --dest "$model" magika
  python3 -m zipfile -e "$model"/magika-*.whl "$model"
fi
python3 examples/magika/classify.py --model "$model/magika/models/standard_v3_3" README.md
