# cache-damage.sh CACHE MODEL EXPECTED: damages each kind of entry in each way; the artefact must come out as EXPECTED,
# and the entry be whole again.
set -eu
export TINYC_CACHE="$1" TINYC_DEBUG=1
work="$1-damage"
mkdir -p "$work"

compile() { tinyc compile "$1" -o "$work/out.tinyc" >"$work/log" 2>&1; }
damage() { # WAY FILE
  case $1 in
  empty) : >"$2" ;;
  short) head -c 100 "$2" >"$work/short" && cp "$work/short" "$2" ;;
  bit) printf '\377' | dd of="$2" bs=1 seek=$(($(wc -c <"$2") / 2)) conv=notrunc status=none ;;
  esac
}

compile "$2"
for way in empty short bit; do
  for file in "$1"/artefacts/*/*; do damage $way "$file"; done
  compile "$2"
  cmp "$work/out.tinyc" "$3"
  grep -q emit "$work/log" || { echo "a damaged artefact ($way) was taken"; exit 1; }
  compile "$2"
  cmp "$work/out.tinyc" "$3"
  grep -q cached "$work/log" || { echo "a damaged artefact ($way) was not replaced"; exit 1; }
  rm -r "$1/artefacts"
  for file in "$1"/kernels/*/*; do damage $way "$file"; done
  compile "$2"
  cmp "$work/out.tinyc" "$3"
done
