# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What judges and counts the tests sees faults that are planted: a suite that is empty, dies or is not built, a wrong
result where another outcome is listed, a NaN, an expected output far from the exact result."""
import contextlib
import io
import json
import pathlib
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "test" / "onnx"), str(ROOT / "test" / "models")]
import conformance  # noqa: E402
import exact  # noqa: E402
import run_tests  # noqa: E402
import suite  # noqa: E402
import variations  # noqa: E402

GOOD = {"testsuites": [{"testsuite": [{"name": "a", "status": "RUN", "result": "COMPLETED"}]}]}
wrong = []


def expect(what, found, expected):
    if found != expected:
        wrong.append(f"{what}: expected {expected}, found {found}")


def counted(runner, *arguments):
    """(passed, failed, skipped) of what a function of run_tests.py adds."""
    totals = run_tests.Totals()
    with contextlib.redirect_stdout(io.StringIO()):
        runner(totals, *arguments)
    return totals.passed, totals.failed, totals.skipped


def script(path, text):
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return path


def check_programs(folder):
    report = folder / "report"
    write = f"cp '{report}' \"${{1#--gtest_output=json:}}\"\n"
    for what, content, text, expected in (
            ("a good program", GOOD, write, (1, 0, 0)), ("one without tests", {"testsuites": []}, write, (0, 1, 0)),
            ("one that dies after a good result", GOOD, write + "kill -9 $$\n", (1, 1, 0)),
            ("one that ends without a report", GOOD, "exit 0\n", (0, 1, 0))):
        report.write_text(json.dumps(content))
        expect(what, counted(run_tests.run_gtest, script(folder / "program", text)), expected)
    expect("a program that is not built", counted(run_tests.run_program, folder / "none", False), (0, 1, 0))
    (folder / "build.ninja").write_text("build tests/some-test: CXX_EXECUTABLE_LINKER__some-test_Release a.o\n")
    expect("programs", run_tests.test_programs(folder), [folder / "tests" / "some-test"])


def check_lit(folder):
    report = folder / "lit-report"
    passed = {"tests": [{"code": "PASS"}]}
    for what, content, code, expected in (("good tests", passed, 0, (1, 0, 0)), ("an error of lit", passed, 2, (1, 1, 0)),
                                          ("no lit test", {"tests": []}, 0, (0, 1, 0))):
        report.write_text(json.dumps(content))
        copy = f"while [ $# -gt 0 ]; do [ \"$1\" = --output ] && cp '{report}' \"$2\"; shift; done\n"
        program = script(folder / "lit", copy + f"exit {code}\n")
        run_tests.lit_program = lambda: program
        expect(what, counted(run_tests.run_lit, folder), expected)


def check_models(folder):
    emulated = [model for model in suite.models(folder, folder, False) if "emulated" in model[0]]
    expect("models without emulators", counted(run_tests.check_models, folder, emulated), (0, 0, 8))
    # The judge is not asked of what is not listed: there is no tinyc in the folder.
    expect("a model that is not listed as inexact", exact.judge(folder, folder / "mnist", "cpu", [], {}, folder), "")
    for passing, expected in (((), False), (("0.00125",), True), (("1e-3", "0.00125"), False)):
        # By the tolerance that the exact result is within; what the device gives passes.
        exact.passes = lambda build, case, options, environment=None: options[1] != exact.EXACT or options[3] in passing
        exact.write_case = lambda *arguments: None
        case = folder / "basic_pitch"
        (case / "test_data_set_0").mkdir(parents=True, exist_ok=True)
        judged = exact.judge(folder, case, "reference", ["--rtol", "1e-3", "--atol", "1e-4"], {}, folder)
        expect(f"an exact result within {passing}", bool(judged), expected)


def check_outcomes():
    path = pathlib.Path("known.txt")
    for device, outcome, reason, listed, good in (
            ("cpu", "passed", "", "", True), ("cpu", "passed", "", "failed: 1 of 9 elements differ", False),
            ("reference", "passed", "", "failed: 1 of 9 elements differ", True),
            ("reference", "failed", "1 of 9 elements differ", "", False),
            ("cuda:0", "failed", "1 of 9 elements differ", "", False),
            ("cpu", "failed", "1 of 9 elements differ", "unsupported: no operator A", False),
            ("cpu", "failed", "9 of 9 elements differ", "failed: 1 of 9 elements differ", False),
            ("cpu", "failed", "1 of 9 elements differ", "failed: 1 of 9 elements differ", True),
            ("cpu", "unsupported", "no operator A", "unsupported: no operator A", True),
            ("reference", "unsupported", "no operator A", "", False),
            ("cuda:0", "unsupported", "no operator A", "", True), ("reference", "not-run", "too slow", "", True)):
        result = {"outcome": outcome, "reason": reason, "names": True}
        said = conformance.complaint(device, result, listed, path)
        expect(f"{outcome} on {device}, listed as '{listed}'", not said, good)


def check_elements():
    nan, infinity = float("nan"), float("inf")
    for found, right, good in ((nan, nan, True), (nan, 1.0, False), (1.0, nan, False), (1.0005, 1.0, True),
                               (1.01, 1.0, False), (infinity, infinity, True), (1.0, infinity, False),
                               (infinity, 1.0, False), (infinity, -infinity, False)):
        expect(f"{found} for {right}", variations.near(found, right), good)


with tempfile.TemporaryDirectory() as temporary:
    check_programs(pathlib.Path(temporary))
    check_lit(pathlib.Path(temporary))
    check_models(pathlib.Path(temporary))
check_outcomes()
check_elements()
print("\n".join(wrong), end="\n" if wrong else "")
sys.exit(1 if wrong else 0)
