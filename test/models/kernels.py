#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Kernels, bytes and flops of the shared models, held against kernels.txt, so that a change of fusion shows in a diff.

    kernels.py --build build            # the last line is `kernels: N passed, N failed, N skipped`
    kernels.py --build build --write    # after a change that is wanted

A model whose shapes follow from an input's value is compiled by `tinyc bench`, for this machine; all others for
cpu:x86-64-v4.
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
TABLE = pathlib.Path(__file__).resolve().parent / "kernels.txt"
MODELS = ("mnist", "squeezenet_fp16", "magika", "ultraface", "silero_vad", "dtln_1", "micro_kws", "basic_pitch",
          "bert_qa_tiny", "dnsmos")
GIVEN = {"silero_vad": ("input", "sr", "state")}
HEADER = "# model: kernels, bytes moved, flops (written by kernels.py --write)"


def counts(build, folder):
    """(kernels, bytes, flops) of a model; an error as text."""
    tinyc, model = build / "bin" / "tinyc", folder / "model.onnx"
    if folder.name in GIVEN:
        inputs = [option for i, name in enumerate(GIVEN[folder.name])
                  for option in ("--input", f"{name}=@{folder / 'test_data_set_0' / f'input_{i}.pb'}")]
        with tempfile.TemporaryDirectory() as temporary:
            report = pathlib.Path(temporary) / "bench.json"
            done = subprocess.run([tinyc, "bench", model, "--threads", "1", "--json", report, *inputs],
                                  capture_output=True, text=True)
            if done.returncode:
                return done.stderr.strip()
            kernels = json.loads(report.read_text())["kernels"]
        return len(kernels), sum(k["bytes"] for k in kernels), sum(k["flops"] for k in kernels)
    done = subprocess.run([tinyc, "inspect", model, "--target", "cpu:x86-64-v4"], capture_output=True, text=True)
    found = re.search(r"^ *(\d+) kernels, (\d+) flops, (\d+) bytes$", done.stdout, re.MULTILINE)
    return (int(found[1]), int(found[3]), int(found[2])) if found else done.stderr.strip()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default=ROOT / "build", type=pathlib.Path)
    parser.add_argument("--write", action="store_true", help="write what is found to kernels.txt")
    arguments = parser.parse_args()
    shared = pathlib.Path(os.environ.get("TINYC_SHARED", ROOT.parent / "shared")) / "models"
    known = dict(line.split(": ", 1) for line in TABLE.read_text().splitlines() if not line.startswith("#"))
    passed = failed = skipped = 0
    lines = [HEADER]
    for model in MODELS:
        if not (shared / model).exists():
            skipped += 1
            lines.append(f"{model}: {known.get(model, '')}")
            continue
        found = counts(arguments.build.resolve(), shared / model)
        text = found if isinstance(found, str) else "{} kernels, {} bytes, {} flops".format(*found)
        lines.append(f"{model}: {text}")
        good = text == known.get(model) or (arguments.write and not isinstance(found, str))
        passed, failed = passed + good, failed + (not good)
        if not good:
            print(f"{model}: expected {known.get(model)}, found {text}")
    if arguments.write and not failed:
        TABLE.write_text("\n".join(lines) + "\n")
    print(f"kernels: {passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
