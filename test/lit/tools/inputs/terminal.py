# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""terminal.py COMMAND..: runs a command on a pseudo-terminal and prints what it wrote, escapes as backslash sequences."""
import os
import pty
import sys

pid, terminal = pty.fork()
if pid == 0:
    os.environ["TERM"] = "xterm"
    os.execvp(sys.argv[1], sys.argv[1:])
written = b""
while True:
    try:
        data = os.read(terminal, 4096)
    except OSError:  # the command has closed it
        break
    if not data:
        break
    written += data
print(repr(written.decode(errors="replace")).replace("\\r\\n", "\n").replace("\\r", "\n"))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
