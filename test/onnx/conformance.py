#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs ONNX's conformance cases through `tinyc check`, and prints tables by class and by operator.

    test/onnx/conformance.py [--device cpu,reference] [--match TEXT] [--verbose] [--write] [ARCHIVE | FOLDER]

A case passes by ONNX's own rule: rtol 1e-3, atol 1e-7, exact shape and type, and within --timeout seconds. Devices are
cpu, reference, cuda:0 and hip:0; the GPUs are the emulated ones of the build where it has them. Without an argument the
cases are the shared archive's, with --debian those of Debian's libonnx-testdata (cases.py says where they are).

Cases that are known not to pass on cpu are listed, with outcome and reason, in known-SET.txt beside this file; --write
writes that list and the tables of docs/Onnx.md anew. slow-reference.txt lists by hand the models that take the reference
interpreter longer than a case may: they are not run there, and count as skipped. Exit code 3 if a case's outcome is not
the listed one on cpu or reference, if a result was wrong on any device and is not listed as failed, if a case crashed,
timed out, or was refused without naming a node; 1 if there is none to run.
"""
import argparse
import collections
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import cases as conformance_cases
from cases import ROOT

sys.path.insert(0, str(ROOT / "test" / "models"))
from suite import EMULATED  # noqa: E402

DOCUMENT = ROOT / "docs" / "Onnx.md"
BEGIN, END = "<!-- results: written by test/onnx/conformance.py --write -->", "<!-- end of results -->"
OUTCOMES = ("passed", "failed", "unsupported", "crashed", "timed-out", "not-run")
CLASSES = {
    "a": "plain tensors", "s": "a shape-giving operand is a run-time input", "b": "8-bit floats, types of 4 and 2 bits",
    "c": "strings", "d": "sequences, optional values, maps", "e": "If, Loop, Scan, SequenceMap",
    "f": "the result's shape depends on data", "g": "random", "h": "training", "i": "ai.onnx.ml", "j": "quantised",
    "p": "preview domain", "?": "not classified"}


def environment(device, build):
    for chip, (name, library) in EMULATED.items():
        if device == name and (build / "emulators" / library).exists():
            chip = os.environ.get("TINYC_EMULATED_CHIP", chip)
            return {**os.environ, "LD_LIBRARY_PATH": str(build / "emulators"), "TINYC_EMULATED_CHIP": chip}
    return os.environ


def reason_of(result):
    """Why a case does not pass, in a line without the names that differ from case to case."""
    if result["outcome"] == "failed":
        return re.sub(r"^test_data_set_\d+: |output '[^']*': |, by up to .*", "", result["message"])
    if result["outcome"] in ("crashed", "timed-out"):
        return result["message"]
    lines = result["diagnostics"].splitlines()
    for at, line in enumerate(lines):
        _, found, text = line.partition("error: ")
        if not found:
            text = line.removeprefix("tinyc: ") if line.startswith("tinyc: ") else ""
        if re.match(r"\d+ of \d+ nodes are not supported", text):
            operators = sorted({re.sub(r".*'( of function .*)?: ", "", each) for each in lines[at + 1:]
                                if each.startswith("  node '")})
            return "no operator " + ", ".join(re.sub(r" \(ai.onnx, opset \d+\)", "", each) for each in operators)
        if text:
            text = re.sub(r"(input|output|initialiser) '[^']*'", r"\1 '..'", text)
            return re.sub(r"tensor<[^>]*>", lambda m: m[0] if len(m[0]) < 40 else "tensor<..>", text)
    return result["message"]


def too_slow(device):
    """Why cases are not run on a device, by name."""
    if device != "reference":
        return {}
    lines = (pathlib.Path(__file__).parent / "slow-reference.txt").read_text().splitlines()
    return dict(line.split(": ", 1) for line in lines if line and not line.startswith("#"))


def run(options, cases, device):
    """Results of all cases on a device, by the case's name, with 'outcome' and 'reason'."""
    slow = too_slow(device)
    results = {case.name: {"passed": False, "outcome": "not-run", "reason": slow[case.name], "names": True}
               for case in cases if case.name in slow}
    cases = [case for case in cases if case.name not in slow]
    if not cases:
        return results
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "report.json"
        command = [options.build / "bin" / "tinyc", "check", "--device", device, "--rtol", "1e-3", "--atol", "1e-7",
                   "--threads", "1", "--jobs", str(options.jobs), "--timeout", str(options.timeout), "--json", report,
                   *(case.folder for case in cases)]
        done = subprocess.run(command, env=environment(device, options.build), text=True, capture_output=True)
        if not report.exists():
            sys.exit(f"tinyc check ended with {done.returncode}:\n{done.stderr[-2000:]}")
        found = json.loads(report.read_text())
    for result in found:
        result["reason"] = "" if result["passed"] else reason_of(result)
        result["outcome"] = "unsupported" if result["outcome"] == "refused" else result["outcome"]
        said = result["diagnostics"] + result["message"]
        result["names"] = re.search(r"(node|nodes|input|output) '", said) is not None
    return results | {case.name: result for case, result in zip(cases, found, strict=True)}


def table(groups, results, legend=None):
    """Rows of one line a group: how many cases passed on each device, and why others did not."""
    devices = list(results)
    rows = []
    for name in sorted(groups):
        members = groups[name]
        passed = [sum(results[device][case.name]["passed"] for case in members) for device in devices]
        row = [name, str(len(members)), *map(str, passed)]
        reasons = collections.Counter()
        for case in members:
            for device in devices:
                result = results[device][case.name]
                if not result["passed"]:
                    reasons[f"{result['outcome']}: {result['reason']}"[:160].replace("|", "/")] += 1
                    break
        shown = [f"{count} {reason}" for reason, count in reasons.most_common(3)]
        if len(reasons) > 3:
            shown.append(f"{len(reasons) - 3} more reasons")
        rows.append(row + ["; ".join(shown) if legend is None else legend(name)])
    return rows


def classes_legend(name):
    return ", ".join(CLASSES.get(letter, letter) for letter in name)


def text_table(header, rows):
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    for row in [header, *rows]:
        yield " ".join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:-1], widths[1:-1])),
                        row[-1]]).rstrip()


def markdown_table(header, rows):
    yield "| " + " | ".join(header) + " |"
    yield "|---|" + "---:|" * (len(header) - 2) + "---|"
    for row in rows:
        yield "| " + " | ".join(cell.replace("<", "&lt;") for cell in row) + " |"


def counts(results):
    by_outcome = collections.Counter(result["outcome"] for result in results.values())
    return ", ".join(f"{by_outcome[outcome]} {outcome}" for outcome in OUTCOMES)


def write_document(source, results, by_class, by_operator):
    devices = list(results)
    lines = [BEGIN, "", f"The {len(next(iter(results.values())))} cases of {source.name.removesuffix('.tar.xz')}:", ""]
    lines += [f"- {device}: {counts(found)}" for device, found in results.items()]
    for title, what, rows in (("class", "meaning", by_class), ("operator", "not passed", by_operator)):
        lines += ["", *markdown_table([title, "cases", *devices, what], rows)]
    before, _, rest = DOCUMENT.read_text().partition(BEGIN)
    DOCUMENT.write_text(before + "\n".join([*lines, "", END]) + rest.partition(END)[2])


def known_list(source):
    return pathlib.Path(__file__).parent / ("known-debian.txt" if source == conformance_cases.DEBIAN else
                                            f"known-{source.name.removesuffix('.tar.xz')}.txt")


def as_listed(outcome, reason, listed):
    """Whether a case ended as the list says, 'OUTCOME: REASON'. Of a wrong result no more elements may be wrong."""
    known, _, why = listed.partition(": ")
    if outcome != "failed" or outcome != known:
        return outcome == known
    found, most = (re.match(r"(\d+) of (\d+) elements differ", text) for text in (reason, why))
    return found[2] == most[2] and int(found[1]) <= int(most[1]) if found and most else reason == why


def complaint(device, result, listed, path):
    """What is wrong with a result, "" if nothing is: `listed` is what the list has for the case on cpu, or ""."""
    outcome = result["outcome"]
    if outcome == "passed":
        # Another device may be more exact than cpu, where a case is listed as failed.
        return f"passes, and {path.name} lists it as {listed}: run with --write" if device == "cpu" and listed else ""
    said = f"{outcome}: {result['reason']}"
    if outcome in ("crashed", "timed-out"):
        return said
    if outcome == "unsupported" and not result["names"]:
        return said + " (no node is named)"
    # What a GPU cannot run is no fault by itself; what it computes wrongly is.
    judged = outcome == "failed" or (outcome == "unsupported" and device in ("cpu", "reference"))
    if judged and not as_listed(outcome, result["reason"], listed):
        return f"{said} ({path.name} " + (f"lists it as {listed}: mend it, or run with --write)" if listed else
                                          "does not list it)")
    return ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--device", default="cpu", help="one or several, separated by commas")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--timeout", type=int, default=10)
    parser.add_argument("--classes", default="", help="only cases of these classes, e.g. a,as")
    parser.add_argument("--match", default="", help="only cases whose name contains this regular expression")
    parser.add_argument("--debian", action="store_true", help="the cases of Debian's package libonnx-testdata")
    parser.add_argument("--verbose", action="store_true", help="a line for each case that does not pass")
    parser.add_argument("--write", action="store_true", help="write the tables and the list of known cases")
    parser.add_argument("source", nargs="?", type=pathlib.Path)
    options = parser.parse_args()
    options.build = options.build.resolve()
    source = options.source or (conformance_cases.DEBIAN if options.debian else conformance_cases.shared_archive())
    if not source or not source.exists():
        print(f"no conformance cases: {source or 'no backend-*.tar.xz in the shared folder'} is not there")
        print("conformance: 0 passed, 0 failed, 0 skipped")
        return 1
    with tempfile.TemporaryDirectory() as temporary:
        cases, left_out = conformance_cases.load(source, pathlib.Path(temporary))
        wanted = [case for case in cases if re.search(options.match, case.name) and
                  (not options.classes or case.classes in options.classes.split(","))]
        results = {device: run(options, wanted, device) for device in options.device.split(",")} if wanted else {}
    for text in left_out:
        print(f"skipped {text}")
    if len(wanted) < len(cases):
        print(f"skipped {len(cases) - len(wanted)} of {len(cases)} cases: not asked for")
    if not wanted:
        print("conformance: 0 passed, 0 failed, 0 skipped")
        return 1
    return report(options, source, wanted, results, whole=len(wanted) == len(cases))


def report(options, source, cases, results, whole):
    by_class, by_operator = collections.defaultdict(list), collections.defaultdict(list)
    for case in cases:
        by_class[case.classes].append(case)
        by_operator[case.operator].append(case)
    class_rows, operator_rows = table(by_class, results, classes_legend), table(by_operator, results)
    for title, what, rows in (("class", "meaning", class_rows), ("operator", "not passed", operator_rows)):
        print("\n".join(text_table([title, "cases", *results, what], rows)) + "\n")
    path = known_list(source)
    known = dict(line.split(": ", 1) for line in path.read_text().splitlines() if line) if path.exists() else {}
    passed = failed = skipped = 0
    lines = []
    for device, found in results.items():
        print(f"{device}: {counts(found)}")
        for name, result in found.items():
            if not result["passed"] and device == "cpu":
                lines.append(f"{name}: {result['outcome']}: {result['reason']}")
            wrong = complaint(device, result, known.get(name, ""), path)
            failed += bool(wrong)
            passed += result["passed"] and not wrong
            skipped += not result["passed"] and not wrong
            if wrong:
                print(f"{device} {name}: {wrong}")
            elif result["outcome"] == "not-run" or (options.verbose and not result["passed"]):
                print(f"{device} {name}: {result['outcome']}: {result['reason']}")
    if whole and "cpu" in results:
        for name in sorted(known.keys() - results["cpu"].keys()):
            failed += 1
            print(f"{name}: {path.name} lists it, and there is no such case: run with --write")
    if options.write and whole and "cpu" in results:
        path.write_text("".join(line + "\n" for line in lines))
        if source == conformance_cases.shared_archive():
            write_document(source, results, class_rows, operator_rows)
    print(f"conformance: {passed} passed, {failed} failed, {skipped} skipped")
    return 3 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
