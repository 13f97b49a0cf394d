# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Which models `scripts/test.sh` checks on which devices."""
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]


def models(shared, build, everything):
    """Yields (label, case folders, options of `tinyc check`, environment)."""
    four = [shared / "models" / name for name in ("mnist", "micro_kws", "magika", "ultraface")]
    yield "models: shared, cpu, 1 thread", four, ["--device", "cpu", "--threads", "1"], {}
    yield "models: shared, cpu, 2 threads", four, ["--device", "cpu", "--threads", "2"], {}
    yield "models: shared, reference", four, ["--device", "reference"], {}
