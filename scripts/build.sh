#!/usr/bin/env bash
# Configures and builds a preset (default: default), with all tools and tests.
set -euo pipefail
cd "$(dirname "$0")/.."
preset="${1:-default}"
# The precompiled header is cached by content, not by time stamps.
export CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
cmake --preset "$preset" >build-configure.log 2>&1 || { cat build-configure.log; rm -f build-configure.log; exit 1; }
rm -f build-configure.log
cmake --build --preset "$preset"
