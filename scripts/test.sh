#!/usr/bin/env bash
# Installs, builds, and runs every test. The last line is 'N passed, N failed, N skipped'; the exit code is 0 only if
# nothing failed and at least one model ran. With --all also the suites that take hours.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/install-dependencies.sh
scripts/build.sh default
exec python3 scripts/run_tests.py --build build "$@"
