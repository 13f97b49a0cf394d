#!/usr/bin/env bash
# Installs what building and testing tinyc needs on Debian 12: LLVM and MLIR 22, and small things of Debian's own.
# Does nothing, and needs no rights, where all of it is there already.
set -euo pipefail

packages=(
  cmake ninja-build ccache git python3 python3-pip python3-venv file
  clang-22 clang-format-22 clang-tidy-22 libclang-rt-22-dev lld-22 liblld-22-dev
  llvm-22-dev llvm-22-tools libmlir-22-dev mlir-22-tools
  libflatbuffers-dev flatbuffers-compiler libprotobuf-dev protobuf-compiler libgtest-dev libonnx-testdata
  graphviz
)

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

echo "installing: ${missing[*]}"
as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)
"${as_root[@]}" apt-get update -qq
if ! apt-cache show libmlir-22-dev >/dev/null 2>&1; then
  echo "error: apt knows no libmlir-22-dev. Debian 12 itself stops at LLVM 16: add the LLVM project's own apt repository" >&2
  echo "for bookworm (section llvm-toolchain-bookworm-22) to /etc/apt/sources.list.d, then run this again." >&2
  exit 1
fi
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
