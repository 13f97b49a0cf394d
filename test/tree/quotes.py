# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the guides quote is what the files say."""
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.exit(subprocess.run([sys.executable, str(ROOT / "scripts" / "quote_docs.py"), "--check"]).returncode)
