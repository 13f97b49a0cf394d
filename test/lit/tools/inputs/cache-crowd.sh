# cache-crowd.sh CACHE MODEL EXPECTED FOLDER: processes that start together, then some that are killed at different
# moments, on one cache.
set -eu
rm -rf "$1"
for i in 1 2 3 4; do
  tinyc compile "$2" -o "$4/crowd$i.tinyc" 2>"$4/crowd$i.log" &
  eval "pid$i=$!"
done
wait "$pid1" && wait "$pid2" && wait "$pid3" && wait "$pid4"
for i in 1 2 3 4; do
  cmp "$4/crowd$i.tinyc" "$3"
  [ ! -s "$4/crowd$i.log" ] || { cat "$4/crowd$i.log"; exit 1; }
done
for delay in 0.02 0.05 0.08 0.11 0.14 0.2; do
  rm -rf "$1/artefacts" "$1/kernels"
  timeout -s KILL "$delay" tinyc compile "$2" -o "$4/killed.tinyc" 2>/dev/null || true
  [ ! -e "$4/killed.tinyc" ] || cmp "$4/killed.tinyc" "$3"
  rm -f "$4/killed.tinyc"
  tinyc compile "$2" -o "$4/after.tinyc"
  cmp "$4/after.tinyc" "$3"
done
# What a killed writer left goes with the next count, and what a living one is at stays.
mkdir -p "$1/kernels/ab"
touch "$1/kernels/ab/left.01234567.tinyc-tmp" "$1/kernels/ab/open.01234567.tinyc-tmp"
rm -rf "$1/size" "$1/artefacts"
(flock 9 && tinyc compile "$2" -o "$4/after.tinyc") 9<"$1/kernels/ab/open.01234567.tinyc-tmp"
[ ! -e "$1/kernels/ab/left.01234567.tinyc-tmp" ] && [ -e "$1/kernels/ab/open.01234567.tinyc-tmp" ]
