# cache-disk.sh FOLDER MODEL WORK: in a mount namespace of its own, a small disk as the cache. Prints what each run
# says, standard output first.
set -eu
mount -t tmpfs -o size=8k,mode=755 tmpfs "$1"
export TINYC_CACHE="$1"
run() { TINYC_DEBUG=1 tinyc run "$1" --input random:1 >"$2.out" 2>"$2.err" && cat "$2.out" "$2.err"; }
echo full && run "$2" "$3/full"
mount -o remount,size=8m "$1"
echo "room again" && run "$2" "$3/room"
mount -o remount,ro "$1"
echo "read only, filled" && run "$2" "$3/filled"
echo "read only, another model"
tinyc compile "$2" --target cpu:x86-64-v3 -o "$3/v3.tinyc" 2>&1
TINYC_CACHE_SIZE=0 tinyc compile "$2" --target cpu:x86-64-v3 -o "$3/expected.tinyc"
cmp "$3/v3.tinyc" "$3/expected.tinyc" && echo "same bytes"
