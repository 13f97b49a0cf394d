#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs ONNX's conformance cases through the importer and the reference, and prints a table by operator.

    test/onnx/conformance.py [--build build] [--classes a,as] [--verbose] [ARCHIVE | FOLDER]

Without an argument: the archive of $TINYC_SHARED (else ../shared), else Debian's libonnx-testdata. A case passes by
ONNX's own rule: rtol 1e-3, atol 1e-7, exact shape and type. With a table cases.csv beside the archive only cases of
the given classes run. Exit code 0 if no case failed (unsupported ones are counted apart), 1 if there is none to run.
"""
import argparse
import csv
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DEBIAN = pathlib.Path("/usr/share/libonnx-testdata/data/node")


def find_cases():
    shared = pathlib.Path(os.environ.get("TINYC_SHARED") or ROOT / ".." / "shared")
    archives = sorted((shared / "onnx").glob("backend-*.tar.xz"))
    return archives[-1] if archives else DEBIAN


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--classes", default="a,as")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("cases", nargs="?", type=pathlib.Path, default=find_cases())
    options = parser.parse_args()
    if not options.cases.exists():
        print(f"no conformance cases: {options.cases} does not exist")
        return 1
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.cases
        if folder.is_file():
            with tarfile.open(folder) as archive:
                archive.extractall(temporary, filter="data")
            folder = pathlib.Path(temporary)
        table = options.cases.parent / "cases.csv"
        if table.exists():
            classes = options.classes.split(",")
            with open(table, newline="") as rows:
                wanted = {f"{row['suite']}/{row['test']}" for row in csv.DictReader(rows) if row["classes"] in classes}
        else:
            wanted = None
        cases = [model.parent for model in sorted(folder.rglob("model.onnx"))]
        if wanted is not None:
            cases = [case for case in cases if f"{case.parent.name}/{case.name}" in wanted]
        # Whole networks with their weights: the models of the tests cover such, and the reference takes minutes.
        cases = [case for case in cases if case.parent.name not in ("light", "real")]
        if not cases:
            print(f"no conformance cases in {options.cases}")
            return 1
        program = options.build / "test" / "onnx" / "tinyc-onnx-cases"
        return subprocess.run([program, "check", *(["--verbose"] if options.verbose else []), *cases]).returncode


if __name__ == "__main__":
    sys.exit(main())
