# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Cuts a file short while a command reads it again and again: cut-short.py FILE COMMAND..; exits as the command does.

The cut leaves the first page, which the command has read. It is made once the command has mapped the file; a command
that is done before it notices is started again, with the file as it was.
"""
import os
import subprocess
import sys
import time

path = os.path.realpath(sys.argv[1])
content = open(path, "rb").read()


def maps_file(process):
    try:
        with open(f"/proc/{process.pid}/maps") as maps:
            return path in maps.read()
    except OSError:
        return False


for attempt in range(20):
    with open(path, "wb") as file:
        file.write(content)
    process = subprocess.Popen(sys.argv[2:], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    while process.poll() is None and not maps_file(process):
        time.sleep(0.005)
    time.sleep(0.05 * (attempt % 4 + 1))  # past the checks of the header and the weights, if it is quick
    os.truncate(path, 4096)
    output = process.communicate(timeout=60)[0]
    if process.returncode != 0:
        break
sys.stdout.buffer.write(output)
sys.exit(process.returncode)
