#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs the libFuzzer targets of test/fuzz under AddressSanitizer and UndefinedBehaviorSanitizer.

    scripts/fuzz.py [--seconds 60] [TARGET..]        builds the targets (default: all) and runs them one by one
    scripts/fuzz.py TARGET --input FILE              one input, e.g. a finding

TARGET is fuzz-onnx, fuzz-tensors, fuzz-artefact or fuzz-tiny. Inputs that reached something new stay in
build-fuzz/fuzz/corpus/TARGET for the next run; findings, and what the target printed, are in
build-fuzz/fuzz/findings/TARGET. The last line of a target counts; the exit code is 3 if there was a finding.
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "test" / "fuzz"))
from seeds import write_seeds  # noqa: E402

TARGETS = ("fuzz-onnx", "fuzz-tensors", "fuzz-artefact", "fuzz-tiny")
ENVIRONMENT = {"ASAN_OPTIONS": "allocator_may_return_null=1:max_allocation_size_mb=1024",
               "UBSAN_OPTIONS": "print_stacktrace=1"}


def build(targets):
    for command in (["cmake", "--preset", "fuzz"], ["cmake", "--build", "--preset", "fuzz", "--target", *targets]):
        done = subprocess.run(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode != 0:
            sys.exit(done.stdout[-8000:] + "error: the fuzz targets do not build")


def fuzz(target, folder, seconds):
    """Runs one target; returns whether it found nothing."""
    corpus, seeds, findings = (folder / kind / target for kind in ("corpus", "seeds", "findings"))
    for each in (corpus, findings):
        each.mkdir(parents=True, exist_ok=True)
    write_seeds(target, seeds)
    log = findings / "log"
    command = [folder / target, f"-max_total_time={seconds}", "-timeout=20", "-rss_limit_mb=3000", "-max_len=65536",
               "-print_final_stats=1", f"-artifact_prefix={findings}/", corpus, seeds]
    with open(log, "w") as output:
        code = subprocess.run(command, cwd=ROOT, env={**os.environ, **ENVIRONMENT}, stdout=output,
                              stderr=subprocess.STDOUT).returncode
    text = log.read_text(errors="replace")
    states = re.findall(r"^#\d+\s.* cov: (\d+) ft: (\d+) corp: (\d+)", text, flags=re.M)
    count = re.search(r"number_of_executed_units:\s*(\d+)", text)
    runs = count.group(1) if count else (re.findall(r"^#(\d+)\s", text, flags=re.M) or ["0"])[-1]
    cov, features, size = states[-1] if states else ("0", "0", "0")
    good = code == 0 and int(runs) > 0
    print(f"{target}: {runs} executions, {cov} edges, {features} features, {size} inputs kept, "
          f"{'no finding' if good else 'a FINDING, see ' + str(log)}", flush=True)
    if not good:
        print(text[-6000:])
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--input", help="run this one input")
    arguments = parser.parse_args()
    targets = arguments.targets or list(TARGETS)
    if unknown := [target for target in targets if target not in TARGETS]:
        parser.error(f"no target {unknown[0]}; there are: {', '.join(TARGETS)}")
    build(targets)
    folder = ROOT / "build-fuzz" / "fuzz"
    if arguments.input:
        return max(subprocess.run([folder / target, "-timeout=20", arguments.input], cwd=ROOT,
                                  env={**os.environ, **ENVIRONMENT}).returncode for target in targets)
    return 0 if all([fuzz(target, folder, arguments.seconds) for target in targets]) else 3


if __name__ == "__main__":
    sys.exit(main())
