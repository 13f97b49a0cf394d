#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Whether a module is still wrong, for tinyc-reduce: exits with 1 if `tinyc diff` finds a kernel that is, else with 0.
# Flags for tinyc diff (--device, --rtol, --load-pass-plugin ..) are in TINYC_DIFF_FLAGS.
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cp "$1" "$folder/reduced.mlir"
[ ! -d "$TINYC_REDUCE_WEIGHTS" ] || ln -s "$TINYC_REDUCE_WEIGHTS" "$folder/reduced.weights"
# shellcheck disable=SC2086
tinyc diff "$folder/reduced.mlir" $TINYC_DIFF_FLAGS --output-dir "$folder/case" > "$folder/log" 2>&1
[ $? -ne 3 ]
code=$?
exit $code
