# cache-size.sh CACHE MODEL FOLDER: with TINYC_CACHE_SIZE=80K, models of about 14 KB each with their kernels. The first
# is used again and again and stays; the folder stays under its size.
set -eu
export TINYC_DEBUG=1
limit=81920
tinyc compile "$2" -o "$3/first.tinyc" 2>/dev/null
for n in 16 32 48 80 96 112 128 144 160 176; do
  sed "s/64x128/64x$n/g" "$2" >"$3/other.mlir"
  tinyc compile "$3/other.mlir" -o "$3/other.tinyc" 2>/dev/null
  tinyc compile "$2" -o "$3/again.tinyc" 2>"$3/log"
  grep -q cached "$3/log" || { echo "the entry used last was removed ($n)"; exit 1; }
  held=$(find "$1/artefacts" "$1/kernels" -type f -printf '%s\n' | awk '{ s += $1 } END { print s }')
  [ "$held" -le $limit ] || { echo "the cache holds $held bytes, its size is $limit"; exit 1; }
done
sed "s/64x128/64x16/g" "$2" >"$3/other.mlir"
tinyc compile "$3/other.mlir" -o "$3/other.tinyc" 2>"$3/log"
grep -q emit "$3/log" || { echo "the entry used longest ago is still there"; exit 1; }
