# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Ends checks whose case waits for a program that it started: check-processes.py FOLDER CASE CRASH_PASS.

A case that takes longer than --timeout is reported in time, though its program still holds what the case had open. A
check that is killed takes its case along. Neither leaves the program.
"""
import os
import pathlib
import signal
import subprocess
import sys
import time

folder, case, plugin = map(pathlib.Path, sys.argv[1:])
LONG = 300
pids = folder / "pids"
environment = dict(os.environ, TINYC_TEST_CRASH="after-import command", TINYC_TEST_COMMAND=(
    f"sleep {LONG} & echo $PPID $$ $! > '{pids}.part'; mv '{pids}.part' '{pids}'; wait"))


def check(*options):
    return ["tinyc", "check", case, "--load-pass-plugin", plugin, "--json", folder / "report.json", *options]


def lives(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def expect_ended(what):
    """The case, its shell and its program are gone, or soon are."""
    left = pids.read_text().split()
    assert len(left) == 3
    end = time.monotonic() + LONG / 5
    while time.monotonic() < end and (left := [pid for pid in left if lives(pid)]):
        time.sleep(0.02)
    for pid in left:
        os.kill(int(pid), signal.SIGKILL)
    if left:
        sys.exit(f"{what}: {len(left)} processes of the case live on")
    pids.unlink()


for timeout in (1, 10, 60):  # more if the machine is too busy to come as far
    done = subprocess.run(check("--timeout", str(timeout)), env=environment, text=True, capture_output=True,
                          timeout=LONG / 2)
    if f"took over {timeout} s" not in done.stdout or done.returncode != 3:
        sys.exit(f"expected a case that takes too long: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    if pids.exists():
        break
expect_ended("after the time")

for number in (signal.SIGTERM, signal.SIGKILL):
    process = subprocess.Popen(check(), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not pids.exists() and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(number)
    if process.wait() != -number:
        sys.exit(f"the check ended with {process.returncode}, not of the signal {number}")
    expect_ended(f"after signal {number}")
