# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Includes point one way: dialects <- passes <- lib <- tools. The runtime includes nothing of the compiler, and the
compiler of the runtime only the artefact schema."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
ORDER = ["dialects", "passes", "lib", "tools"]
SUFFIXES = (".h", ".cpp", ".c", ".td", ".inc")
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^">]+)[">]', re.M)


def allowed(folder, included):
    top = included.split("/")[0]
    if folder == "runtime":
        return top not in ORDER and top not in ("mlir", "llvm", "lld")
    if top == "runtime":
        # The tools drive both; everything before them sees the schema only.
        return folder == "tools" or included.startswith("runtime/schema/")
    if top in ORDER:
        return ORDER.index(top) <= ORDER.index(folder)
    return top != "test"


def violations():
    for folder in [*ORDER, "runtime"]:
        sources = [path for path in sorted((ROOT / folder).rglob("*")) if path.suffix in SUFFIXES]
        if not sources:
            yield f"{folder}: there is no source to check"
        for path in sources:
            text = path.read_text()
            for included in INCLUDE.findall(text) + re.findall(r'^include "([^"]+)"', text, re.M):
                if not allowed(folder, included):
                    yield f"{path.relative_to(ROOT)}: includes {included}"


found = list(violations())
print("\n".join(found), end="\n" if found else "")
# The check checks itself: an upward include is one.
assert not allowed("dialects", "passes/Passes.h") and not allowed("runtime", "mlir/IR/Value.h")
assert not allowed("lib", "runtime/include/tinyc/runtime.h") and allowed("lib", "runtime/schema/Sha256.h")
sys.exit(1 if found else 0)
