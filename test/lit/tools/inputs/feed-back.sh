# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# feed-back.sh MODEL TARGET PREFIX: compiles MODEL whole and from the IR of each stage, and compares the files.
set -eu
model=$1 target=$2 prefix=$3
export TINYC_CACHE="$prefix-cache"
tinyc compile "$model" --target "$target" -o "$prefix-whole.tinyc"
for stage in import simplify fuse schedule tile lanes lower; do
  tinyc compile "$model" --target "$target" --stop-after "$stage" -o "$prefix-$stage.mlir"
  tinyc compile "$prefix-$stage.mlir" --target "$target" -o "$prefix-$stage.tinyc"
  if ! cmp "$prefix-whole.tinyc" "$prefix-$stage.tinyc"; then
    echo "the artefact differs when compiled from the IR after '$stage'"
    exit 1
  fi
done
