# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# fault.sh FOLDER PLUGIN KIND NODE [FLAG..]: plants a fault; `tinyc diff` must name the node, and its reproducer must fail
# with the plug-in and pass without.
folder=$1 plugin=$2 kind=$3 node=$4
shift 4
export TINYC_TEST_FAULT="$kind $node"
rm -rf "$folder/$kind"
tinyc diff "$folder/model.onnx" --input k=@"$folder/k.npy" --input random:3 --load-pass-plugin "$plugin" \
  --output-dir "$folder/$kind" "$@" > "$folder/$kind.txt" 2>&1
code=$?
cat "$folder/$kind.txt"
[ $code -eq 3 ] || { echo "$kind: expected exit code 3, found $code"; exit 1; }
grep -q "^    node '$node'$" "$folder/$kind.txt" || { echo "$kind: node '$node' is not named"; exit 1; }
tinyc check "$folder/$kind" --load-pass-plugin "$plugin" "$@"
code=$?
[ $code -eq 3 ] || { echo "$kind: the reproducer does not fail: exit code $code"; exit 1; }
tinyc check "$folder/$kind" "$@" || { echo "$kind: the reproducer fails without the fault"; exit 1; }
