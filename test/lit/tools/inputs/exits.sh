# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# exits.sh CODE COMMAND..: runs COMMAND, both of its outputs on standard output; fails unless it exits with CODE.
expected=$1
shift
"$@" 2>&1
found=$?
if [ "$found" -ne "$expected" ]; then
  echo "expected exit code $expected, found $found: $*" >&2
  exit 1
fi
