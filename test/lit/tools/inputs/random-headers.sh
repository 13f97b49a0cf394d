# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# random-headers.sh GOOD BAD COUNT DAMAGE..: inspects COUNT copies of GOOD with random bytes in the header and hashes that
# agree. Each is accepted (0) or refused (1).
good=$1 bad=$2 count=$3
shift 3
refused=0
for seed in $(seq "$count"); do
  "$@" "$good" "$bad" "header=$seed" rehash
  tinyc inspect "$bad" > "$bad.log" 2>&1
  code=$?
  if [ "$code" -gt 1 ]; then
    cat "$bad.log"
    echo "seed $seed: exit code $code"
    exit 1
  fi
  refused=$((refused + code))
done
# A reader that takes everything, or that reads nothing, proves nothing.
[ "$refused" -gt $((count / 2)) ] && [ "$refused" -lt "$count" ] || { echo "$refused of $count refused"; exit 1; }
