# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Sources are formatted by clang-format 22, carry their license, and stay under 500 lines; a longer file says why in a
comment with the words "over 500 lines"."""
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
LICENSE = "SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception"
SOURCES = {".cpp", ".h", ".c", ".td", ".py", ".cu", ".cl", ".proto", ".fbs"}
FORMATTED = {".cpp", ".h", ".c"}


def tracked():
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listing.returncode:
        sys.exit(f"git ls-files ends with {listing.returncode}: {listing.stderr.strip()}")
    return [ROOT / name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()]


problems = []
formatted = []
for path in tracked():
    if path.suffix not in SOURCES:
        continue
    text = path.read_text()
    if LICENSE not in text[:400]:
        problems.append(f"{path.relative_to(ROOT)}: no license line")
    lines = text.count("\n")
    if lines > 500 and "over 500 lines" not in text:
        problems.append(f"{path.relative_to(ROOT)}: {lines} lines, and no reason given")
    if path.suffix in FORMATTED:
        formatted.append(path)
if not formatted:
    sys.exit("there is no tracked source to check")
check = subprocess.run(["clang-format-22", "--dry-run", "--Werror", *formatted], capture_output=True, text=True)
if check.returncode:
    wrong = sorted({line.split(":")[0] for line in check.stderr.splitlines() if ": error:" in line})
    problems += [f"{pathlib.Path(name).relative_to(ROOT)}: not formatted" for name in wrong]
    if not wrong:
        problems.append(f"clang-format-22 ends with {check.returncode}: {check.stderr.strip()[-1000:]}")
print("\n".join(problems), end="\n" if problems else "")
sys.exit(1 if problems else 0)
