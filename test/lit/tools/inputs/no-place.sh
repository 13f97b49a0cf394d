# no-place.sh ROOT WORK: each command that writes a file, to each place where there can be none: exit code 1 and one
# sentence with the path and the reason.
set -u
root=$1 work=$2 model=$1/examples/mlp/model.mlir
echo a file >"$work/file" && mkdir -p "$work/folder.mlir"

# refuse PATH REASON COMMAND..
refuse() {
  named=$1 why=$2
  shift 2
  "$@" >"$work/out" 2>"$work/err"
  code=$?
  if [ $code -ne 1 ] || [ "$(grep -c . "$work/err")" -ne 1 ] || ! grep -q "'$named.*': .*\($why\)$" "$work/err"; then
    echo "expected exit code 1 and one line about '$named': $why"
    echo "found exit code $code: $*"
    cat "$work/err"
    exit 1
  fi
  echo "refused: $*"
}

# /proc takes no files of anybody's.
for place in "$work/none/|No such file or directory" "$work/file/|Not a directory" "/proc/|No such file or directory"; do
  path=${place%|*} reason=${place#*|}
  refuse "$path" "$reason" tinyc compile "$model" -o "${path}m.tinyc"
  refuse "$path" "$reason" tinyc compile "$model" --stop-after fuse -o "${path}m.mlir"
  refuse "$path" "$reason" tinyc compile "$model" --emit asm -o "${path}m.s"
  refuse "$path" "$reason" tinyc import "$model" -o "${path}m.mlir"
  refuse "$path" "$reason" tinyc graph "$model" -o "${path}g.dot"
  refuse "$path" "$reason" tinyc check "$root/examples/mlp" --json "${path}c.json"
  refuse "$path" "$reason" tinyc-opt "$model" -o "${path}m.mlir"
  refuse "$path" "$reason" tinyc-reduce "$root/test/lit/tools/inputs/reduced.mlir" --canonicalize -o "${path}m.mlir"
done
for path in "$work/file/" /proc/none/; do
  reason="Not a directory\|No such file or directory\|Operation not permitted"
  refuse "${path%/}" "$reason" tinyc run "$model" --input random:1 --output-dir "${path}outputs"
  refuse "${path%/}" "$reason" tinyc-run "$work/model.tinyc" --input random:1 --output-dir "${path}outputs"
done
refuse "$work/folder.mlir" "Is a directory" tinyc import "$model" -o "$work/folder.mlir"
refuse "$work/folder.mlir" "Is a directory" tinyc compile "$model" --stop-after fuse -o "$work/folder.mlir"
refuse "$work/folder.mlir" "Is a directory" tinyc check "$root/examples/mlp" --json "$work/folder.mlir"
refuse "$work/none" "No such file or directory" tinyc bench "$model" --json "$work/none/b.json"
refuse "$work/folder.mlir" "Is a directory" tinyc-opt "$model" -o "$work/folder.mlir"
refuse "$work/folder.mlir" "Is a directory" tinyc-reduce "$root/test/lit/tools/inputs/reduced.mlir" --canonicalize -o "$work/folder.mlir"
refuse "$work/file" "Not a directory" tinyc run "$model" --input random:1 --output-dir "$work/file"
refuse "$work/file" "Not a directory" tinyc-run "$work/model.tinyc" --input random:1 --output-dir "$work/file"
