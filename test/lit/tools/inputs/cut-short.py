# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Cuts a file short while a command reads it again and again: cut-short.py FILE COMMAND..; exits as the command does.

The cut leaves the first page, which the command has read.
"""
import os
import subprocess
import sys
import time

process = subprocess.Popen(sys.argv[2:])
time.sleep(0.6)
os.truncate(sys.argv[1], 4096)
sys.exit(process.wait(timeout=60))
