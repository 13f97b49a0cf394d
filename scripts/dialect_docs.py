#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The documentation of the tiny dialect, docs/Dialect.md, and its examples.

    scripts/dialect_docs.py --write                 writes docs/Dialect.md from the dialect's TableGen files
    scripts/dialect_docs.py --check                 fails if docs/Dialect.md is not current
    scripts/dialect_docs.py --examples TINYC_OPT    runs every ```mlir block through tinyc-opt

mlir-tblgen comes from LLVM's bin folder: --llvm FOLDER, else the one on the PATH, else /usr/lib/llvm-22/bin. An example is a few lines of a function's body; what
it uses and does not define becomes arguments of a function around it, with the types its ops expect. Declarations
(func.func private) are put beside that function.
"""
import argparse
import difflib
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "Dialect.md"
SOURCE = ROOT / "dialects" / "Tiny" / "KernelOps.td"
LLVM = "/usr/lib/llvm-22/bin"  # where Debian's packages put it


def generate(llvm):
    found = shutil.which("mlir-tblgen", path=llvm) or (None if llvm else shutil.which("mlir-tblgen", path=LLVM))
    if not found:
        where = llvm or f"on the PATH, nor in {LLVM}: install mlir-22-tools, or name the folder with --llvm"
        sys.exit(f"error: there is no mlir-tblgen {'in ' if llvm else ''}{where}")
    tblgen = pathlib.Path(found).resolve()
    include = tblgen.parent.parent / "include"
    command = [tblgen, "-gen-dialect-doc", "-dialect=tiny", f"-I{ROOT}", f"-I{include}", SOURCE]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def undefined(body):
    defined = set(re.findall(r"(%\w+)\s*:", " ".join(re.findall(r"\^bb\d+\(([^)]*)\)", body))))
    for results in re.findall(r"^\s*((?:%\w+(?:, )?)+)\s*=", body, re.M):
        defined.update(re.findall(r"%\w+", results))
    return sorted(set(re.findall(r"%\w+", body)) - defined)


def run_example(tinyc_opt, example):
    """None if tinyc-opt accepts the example, else its message."""
    declarations = "\n".join(line for line in example.splitlines() if line.startswith("func.func private"))
    body = "\n".join(line for line in example.splitlines() if not line.startswith("func.func private"))
    types = {name: "none" for name in undefined(body)}
    while True:
        arguments = ", ".join(f"{name}: {type}" for name, type in types.items())
        text = f"{declarations}\nfunc.func @example({arguments}) {{\n{body}\nreturn\n}}\n"
        result = subprocess.run([tinyc_opt], input=text, capture_output=True, text=True)
        if result.returncode == 0:
            return None
        found = re.search(r"use of value '(%\w+)' expects different type than prior uses: '(.*?)' vs 'none'", result.stderr)
        if not found:
            return result.stderr
        types[found[1]] = found[2]


def main():
    parser = argparse.ArgumentParser(description="docs/Dialect.md and its examples")
    parser.add_argument("--llvm", help="LLVM's bin folder")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--examples", metavar="TINYC_OPT")
    options = parser.parse_args()
    if options.write:
        DOCUMENT.write_text(generate(options.llvm))
    if options.check:
        difference = list(difflib.unified_diff(DOCUMENT.read_text().splitlines(), generate(options.llvm).splitlines(),
                                               "docs/Dialect.md", "generated", lineterm=""))
        if difference:
            print("\n".join(difference[:40]))
            print("docs/Dialect.md is not current: run scripts/dialect_docs.py --write")
            return 1
    if options.examples:
        sources = sorted((ROOT / "dialects" / "Tiny").glob("*.td"))
        examples = [(path.name, block) for path in sources
                    for block in re.findall(r"```mlir\n(.*?)```", path.read_text(), re.S)]
        failures = 0
        for name, block in examples:
            example = "\n".join(line.removeprefix("    ") for line in block.splitlines())
            problem = run_example(options.examples, example)
            if problem:
                failures += 1
                print(f"{name}: this example is refused\n{example}\n{problem}")
        print(f"{len(examples)} examples, {failures} refused")
        return 1 if failures or not examples else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
