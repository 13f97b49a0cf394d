#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs the tests of a build and adds up what they count.

lit tests (test/lit), GoogleTest programs (build/tests), Python checks of the tree (test/tree), and models
(`tinyc check`). A suite that dies, is not built or has no tests counts as one failure. A run in which no model ran fails.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOLERANCE = ["--rtol", "1e-3", "--atol", "1e-4"]  # of models against expected outputs


class Totals:
    def __init__(self):
        self.passed = self.failed = self.skipped = self.suites = 0
        self.failures = []

    def add(self, suite, passed, failed, skipped, seconds):
        if passed + failed + skipped == 0:
            print(f"{suite}: there are no tests in it")
            failed = 1
        self.suites += 1
        self.passed += passed
        self.failed += failed
        self.skipped += skipped
        if failed:
            self.failures.append(suite)
        print(f"{suite}: {passed} passed, {failed} failed, {skipped} skipped ({seconds:.0f} s)", flush=True)


def run(command, timeout, **kwargs):
    """Runs a command, its output to ours; returns its exit code, None after a time-out."""
    try:
        return subprocess.run(command, cwd=ROOT, timeout=timeout, **kwargs).returncode
    except subprocess.TimeoutExpired:
        print(f"error: {' '.join(map(str, command))} took over {timeout} s", flush=True)
        return None


def lit_program():
    for name in ("/usr/lib/llvm-22/bin/lit", "lit"):
        if path := shutil.which(name):
            return path
    sys.exit("error: lit is not installed (package llvm-22-tools)")


def run_lit(totals, build, folder="test/lit", suite="lit"):
    start = time.time()
    with tempfile.TemporaryDirectory() as temporary:
        report = pathlib.Path(temporary) / "lit.json"
        code = run([lit_program(), "-q", "--param", f"build={build}", "--output", report, folder], 1800)
        if not report.exists():
            return totals.add(suite, 0, 1, 0, time.time() - start)
        codes = [test["code"] for test in json.loads(report.read_text())["tests"]]
    skipped = sum(code in ("UNSUPPORTED", "SKIPPED", "EXCLUDED") for code in codes)
    passed = sum(code in ("PASS", "XFAIL") for code in codes)
    failed = len(codes) - passed - skipped
    if code != 0 and not failed:
        print(f"{suite}: no test failed, and lit ends with {code}")
        failed = 1
    totals.add(suite, passed, failed, skipped, time.time() - start)


def run_gtest(totals, program, label=""):
    start = time.time()
    label = label + program.name
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "report.json"
        log = pathlib.Path(folder) / "log"
        with open(log, "w") as output:
            code = run([program, f"--gtest_output=json:{report}"], 1200, stdout=output, stderr=subprocess.STDOUT)
        text = log.read_text(errors="replace")
        if not report.exists():  # died, or is no GoogleTest program
            print(text[-4000:])
            return totals.add(label, 0, 1, 0, time.time() - start)
        suites = json.loads(report.read_text())["testsuites"]
    results = [test for suite in suites for test in suite["testsuite"] if test["status"] == "RUN"]
    skipped = sum(test.get("result") == "SKIPPED" for test in results)
    failed = sum(bool(test.get("failures")) for test in results)
    passed = len(results) - failed - skipped
    if code != 0 and failed == 0:
        print(f"{label}: no test failed, and the program ends with {code}")
        failed = 1
    if failed:
        print(text[-8000:])
    totals.add(label, passed, failed, skipped, time.time() - start)


def test_programs(build):
    """The programs in build/tests: those that are there, and those that the build has rules for."""
    names = {path.name for path in (build / "tests").glob("*") if path.is_file() and os.access(path, os.X_OK)}
    rules = build / "build.ninja"
    if rules.exists():
        names |= set(re.findall(r"^build tests/(\S+): CXX_EXECUTABLE_LINKER", rules.read_text(), flags=re.M))
    return [build / "tests" / name for name in sorted(names)]


def run_program(totals, program, everything):
    if not program.exists():
        print(f"{program} is not built")
        totals.add(program.name, 0, 1, 0, 0)
    elif program.name == "ulp":  # prints figures, is no GoogleTest
        run_ulp(totals, program, everything)
    else:
        run_gtest(totals, program)


# What reads bytes that anyone may have written, and what runs on them.
SANITIZED_PROGRAMS = ("artefact-file-test", "tensor-files-test", "onnx-mutation-test")
SANITIZED_TARGETS = ("tinyc", "tinyc-run", "tinyc-opt", "tinyc-lsp-server", "tinyc-reduce", "crash-pass", "fault-pass",
                     "replace-ones-2", "replace-ones-3") + SANITIZED_PROGRAMS


def run_sanitized(totals):
    """Bad input under AddressSanitizer and UndefinedBehaviorSanitizer, in a build of its own."""
    start = time.time()
    build = ROOT / "build-asan"
    build_targets = ["cmake", "--build", "--preset", "asan", "--target", *SANITIZED_TARGETS]
    for command in (["cmake", "--preset", "asan"], build_targets):
        done = subprocess.run(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode != 0:
            print(done.stdout[-8000:])
            return totals.add("asan build", 0, 1, 0, time.time() - start)
    run_lit(totals, build, "test/lit/tools", "asan lit")
    for name in SANITIZED_PROGRAMS:
        run_gtest(totals, build / "tests" / name, "asan ")


def run_fuzzers(totals):
    """Each fuzz target for a minute, in a build of its own."""
    start = time.time()
    done = subprocess.run([sys.executable, ROOT / "scripts" / "fuzz.py", "--seconds", "60"], cwd=ROOT, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    good = len(re.findall(r"^fuzz-\w+: .* no finding$", done.stdout, flags=re.M))
    bad = len(re.findall(r"^fuzz-\w+: .* a FINDING", done.stdout, flags=re.M))
    if done.returncode != 0 or not good:
        print(done.stdout[-20000:])
        bad = bad or 1
    totals.add("fuzz", good, bad, 0, time.time() - start)


def run_ulp(totals, program, everything):
    """The worst error of each elementary function: of a stratified sample, with --all of every f32. A line a function."""
    start = time.time()
    command = [program, "--threads", "2"] + ([] if everything else ["--sample", "1000000"])
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, timeout=6 * 3600 if everything else 600)
    print(done.stdout, end="")
    functions = sum(" worst " in line for line in done.stdout.splitlines())
    failed = int(done.returncode != 0 or not functions)  # 3 if a bound is broken
    totals.add(program.name, functions - failed if functions else 0, failed, 0, time.time() - start)


def run_tree_check(totals, script):
    start = time.time()
    code = run([sys.executable, script], 600)
    totals.add(script.stem, int(code == 0), int(code != 0), 0, time.time() - start)


def run_install(totals, build):
    """An installation, and what is built against it."""
    start = time.time()
    done = subprocess.run([sys.executable, ROOT / "test" / "install" / "install.py", build], cwd=ROOT, text=True,
                          stdout=subprocess.PIPE, timeout=1800)
    print("\n".join(done.stdout.splitlines()[:-1]))
    match = re.fullmatch(r"(\d+) passed, (\d+) failed, (\d+) skipped", (done.stdout.strip().splitlines() or [""])[-1])
    passed, failed, skipped = map(int, match.groups()) if match else (0, 1, 0)
    totals.add("install", passed, failed or int(done.returncode != 0), skipped, time.time() - start)


def shared_folder():
    return pathlib.Path(os.environ.get("TINYC_SHARED", ROOT.parent / "shared"))


def judge_again(build, label, output, device, environment):
    """Cases that failed in what `tinyc check` wrote, and in which not the device is wrong but an expected output that is
    known to be: how many. Each is named."""
    import exact
    right = 0
    for line in output.splitlines():
        case, found, why = line.removeprefix("FAILED ").partition(": ")
        if not line.startswith("FAILED ") or not found:
            continue
        with tempfile.TemporaryDirectory() as folder:
            if known := exact.judge(build, pathlib.Path(case), device, TOLERANCE, environment,
                                    pathlib.Path(folder) / "case"):
                right += 1
                print(f"{label}: {case}: the expected output is not within the tolerance of the exact result, and this "
                      f"device's result is; skipped: {why}\n  known: {known}")
    return right


def check_models(totals, build, models):
    """`tinyc check` of (label, cases, device, options, environment, group, library). Returns how many cases passed."""
    ran = 0
    hashes = {}
    for label, cases, device, options, environment, group, library in models:
        missing = [path for path in [*([library] if library else []), *cases] if not path.exists()]
        if missing:
            print(f"{label}: skipped, not here: {', '.join(str(m) for m in missing)}")
            totals.add(label, 0, 0, len(cases), 0)
            continue
        start = time.time()
        environment = {**os.environ, **environment}
        command = [build / "bin" / "tinyc", "check", "--device", device, *TOLERANCE, *options, *cases]
        done = subprocess.run(command, cwd=ROOT, text=True, timeout=1800, capture_output=True, env=environment)
        last = (done.stdout.strip().splitlines() or [""])[-1]
        match = re.fullmatch(r"(\d+) passed, (\d+) failed, (\d+) skipped", last)
        if not match or done.returncode != 0:
            print(done.stdout, done.stderr)
        passed, failed, skipped = map(int, match.groups()) if match else (0, 1, 0)
        if done.returncode != 0 and not failed:
            failed = 1
        elif match and failed:
            misjudged = judge_again(build, label, done.stdout, device, environment)
            failed, skipped = failed - misjudged, skipped + misjudged
        if group and hashes.setdefault(group, done.stdout) != done.stdout:
            print(f"{label}: other hashes than before:\n{hashes[group]}{done.stdout}")
            failed += 1
        totals.add(label, passed, failed, skipped, time.time() - start)
        ran += passed
    return ran


def run_script(totals, label, script, options, timeout):
    """A script whose last line is 'WORD: N passed, N failed, N skipped'."""
    start = time.time()
    done = subprocess.run([sys.executable, ROOT / script, *options], cwd=ROOT, text=True, capture_output=True,
                          timeout=timeout)
    last = (done.stdout.strip().splitlines() or [""])[-1]
    match = re.fullmatch(r"\w+: (\d+) passed, (\d+) failed, (\d+) skipped", last)
    passed, failed, skipped = map(int, match.groups()) if match else (0, 1, 0)
    if done.returncode == 1 and match and not passed and not failed:
        print(done.stdout.splitlines()[0])  # nothing to test with here
        skipped = 1
    elif done.returncode != 0:
        print(done.stdout[-8000:], done.stderr[-2000:])
        failed = failed or 1
    totals.add(label, passed, failed, skipped, time.time() - start)


def run_conformance(totals, build, everything):
    """ONNX's conformance cases: Debian's on the CPU; with --all the shared archive's, also under the reference."""
    runs = [("conformance: Debian's cases, cpu", ["--debian"], 900)]
    if everything:
        runs.append(("conformance: all cases, cpu and reference", ["--device", "cpu,reference"], 4 * 3600))
    for label, options, timeout in runs:
        run_script(totals, label, "test/onnx/conformance.py", ["--build", build, *options], timeout)


def run_variations(totals, build, everything):
    """Random variations of the shared models: two dozen quick ones; with --all two hundred."""
    options = ["--build", build, "--shared", shared_folder(), *(["--all"] if everything else [])]
    run_script(totals, "variations of models", "test/models/variations.py", options, 4 * 3600 if everything else 900)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build", type=pathlib.Path)
    parser.add_argument("--all", action="store_true",
                        help="also the suites that take hours, and bad input under sanitizers")
    parser.add_argument("--only", default="", help="run only suites whose name contains this (no models needed then)")
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    if arguments.all:
        os.environ["TINYC_TEST_ALL"] = "1"
    os.environ["TINYC_CACHE"] = tempfile.mkdtemp(prefix="tinyc-test-cache-")
    # glibc then overwrites memory that is freed or fresh: what reads it fails here, and not once in a hundred runs.
    os.environ["MALLOC_PERTURB_"] = "165"
    totals = Totals()
    wanted = lambda name: arguments.only in name

    for script in sorted((ROOT / "test" / "tree").glob("*.py")):
        if wanted(script.stem):
            run_tree_check(totals, script)
    if wanted("lit"):
        run_lit(totals, build)
    programs = test_programs(build)
    if not programs and not arguments.only:
        totals.add(f"programs in {build / 'tests'}", 0, 0, 0, 0)
    for program in filter(lambda program: wanted(program.name), programs):
        run_program(totals, program, arguments.all)
    if wanted("install"):
        run_install(totals, build)
    if arguments.all and wanted("asan"):
        run_sanitized(totals)
    if arguments.all and wanted("fuzz"):
        run_fuzzers(totals)
    ran = 1
    if wanted("models"):
        sys.path.insert(0, str(ROOT / "test" / "models"))
        import suite
        ran = check_models(totals, build, suite.models(shared_folder(), build, arguments.all))
    if wanted("kernels"):
        run_script(totals, "kernels of models", "test/models/kernels.py", ["--build", build], 600)
    if arguments.all and wanted("scaling"):  # models of 10^5 nodes
        run_script(totals, "scaling", "test/models/scaling.py", ["--build", build], 2 * 3600)
    if wanted("variations"):
        run_variations(totals, build, arguments.all)
    if wanted("conformance"):
        run_conformance(totals, build, arguments.all)
    shutil.rmtree(os.environ["TINYC_CACHE"], ignore_errors=True)
    if totals.failures:
        print("failed: " + ", ".join(totals.failures))
    if not ran:
        print("failed: no model ran")
        totals.failed += 1
    if not totals.suites:
        print(f"failed: there is no suite '{arguments.only}'")
        totals.failed += 1
    print(f"{totals.passed} passed, {totals.failed} failed, {totals.skipped} skipped")
    return 1 if totals.failed else 0


if __name__ == "__main__":
    sys.exit(main())
