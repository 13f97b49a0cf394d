# full-disk.sh DISK ROOT WORK FAULT: in a mount namespace of its own, a disk that has no room left. Each command that writes
# a file there must end with exit code 1 and one sentence that names the file; what was there must be there unchanged, and
# nothing else.
set -eu
disk=$1 root=$2 work=$3 fault=$4
mount -t tmpfs -o size=16k,mode=755 tmpfs "$disk"
model=$root/examples/mlp/model.mlir

# expect FILE COMMAND..: FILE, which holds "old" now, could not be written. Where FILE begins with '+', it is new.
expect() {
  file=$1
  shift
  rm -rf "${disk:?}"/*
  case $file in
  +*) file=${file#+} ;;
  *) mkdir -p "$disk/$(dirname "$file")" && echo old >"$disk/$file" ;;
  esac
  cat /dev/zero >"$disk/filler" 2>/dev/null || true
  (cd "$disk" && find . -type f -exec sha256sum {} + | sort) >"$work/before"
  code=0
  "$@" >"$work/out" 2>"$work/err" || code=$?
  (cd "$disk" && find . -type f -exec sha256sum {} + | sort) >"$work/after"
  sentence="cannot write '$disk/$file': No space left on device"
  if [ $code -ne 1 ] || [ "$(grep -c . "$work/err")" -ne 1 ] || ! grep -qF "$sentence" "$work/err"; then
    echo "expected exit code 1 and: $sentence"
    echo "found exit code $code: $*"
    cat "$work/err"
    exit 1
  fi
  diff "$work/before" "$work/after"
  echo "refused: $file"
}

for file in m.tinyc +m.tinyc; do expect $file tinyc compile "$model" -o "$disk/m.tinyc"; done
expect m.mlir tinyc compile "$model" --stop-after lower -o "$disk/m.mlir"
expect m.s tinyc compile "$model" --emit asm -o "$disk/m.s"
expect m.mlir tinyc import "$model" -o "$disk/m.mlir"
expect +m.weights/a089cafc1f83a1fef9b1984fce3ddde70b441cde96c9462e6c61863134d18d93.bin tinyc import "$work/weighted.onnx" -o "$disk/m.mlir"
expect +weights/a089cafc1f83a1fef9b1984fce3ddde70b441cde96c9462e6c61863134d18d93 \
  env TINYC_CACHE="$disk" tinyc compile "$work/weighted.onnx" --stop-after fuse -o "$work/never.mlir"
expect g.dot tinyc graph "$model" -o "$disk/g.dot"
for file in probabilities.npy +probabilities.npy; do
  expect $file tinyc run "$model" --input random:1 --output-dir "$disk"
  expect $file tinyc-run "$work/model.tinyc" --input random:1 --output-dir "$disk"
done
expect b.json tinyc bench "$model" --json "$disk/b.json"
expect c.json tinyc check "$root/examples/mlp" --json "$disk/c.json"
expect o.mlir tinyc-opt "$model" -o "$disk/o.mlir"
expect r.mlir tinyc-reduce "$root/test/lit/tools/inputs/reduced.mlir" --canonicalize -o "$disk/r.mlir"
TINYC_TEST_FAULT="kind *" expect +case/test_data_set_0/input_0.npy \
  tinyc diff "$root/test/lit/tools/inputs/reduced.mlir" --load-pass-plugin "$fault" --output-dir "$disk/case"
