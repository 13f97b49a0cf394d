# cache-change.sh CACHE MODEL DATA FIRST SECOND EXPECTED FOLDER: the file DATA, beside MODEL, changes from FIRST to SECOND
# at different moments of a compilation. What the cache then has for SECOND is what SECOND gives.
set -eu
for delay in 0 0.01 0.02 0.03 0.04 0.05 0.06 0.08; do
  rm -rf "$1"
  cp "$4" "$3"
  tinyc compile "$2" -o "$7/changing.tinyc" &
  compiler=$!
  sleep "$delay"
  cp "$5" "$3.new"
  mv "$3.new" "$3"
  wait "$compiler"
  tinyc compile "$2" -o "$7/changed.tinyc"
  cmp "$7/changed.tinyc" "$6"
done
