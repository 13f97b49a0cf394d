# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""run-docs.py ROOT FILE FOLDER: runs each indented command of a page that calls tinyc, in FOLDER, where `examples` is the
tree's. A command with the remark "# not run" is left out."""
import os
import pathlib
import re
import subprocess
import sys

root, page, folder = map(pathlib.Path, sys.argv[1:])
(folder / "examples").symlink_to(root / "examples")
environment = {**os.environ, "TINYC_CACHE": str(folder / "cache"), "TREE": str(root)}
ran = 0
for line in page.read_text().splitlines():
    if not re.match(r"    ([A-Z_]+=\S+ )*tinyc(-run|-opt)? ", line) or "# not run" in line:
        continue
    ran += 1
    done = subprocess.run(line, shell=True, cwd=folder, env=environment, text=True, capture_output=True)
    if done.returncode != 0:
        sys.exit(f"{line}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
assert ran >= 10, f"only {ran} commands"
