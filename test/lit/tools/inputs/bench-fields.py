# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""bench-fields.py FILE KERNELS: the report of `tinyc bench` has its fields, and they make sense together."""
import json
import sys

report = json.load(open(sys.argv[1]))
assert set(report) == {"model", "device", "threads", "median_ms", "p10_ms", "p90_ms", "gflops", "gbps",
                       "share_of_limit", "compile_ms", "kernels"}, sorted(report)
assert 0 < report["p10_ms"] <= report["median_ms"] <= report["p90_ms"]
assert report["device"] == "cpu" and report["threads"] == 1 and report["compile_ms"] > 0
assert 0 < report["share_of_limit"] < 10
assert len(report["kernels"]) == int(sys.argv[2])
flops = sum(kernel["flops"] for kernel in report["kernels"])
assert abs(report["gflops"] - flops / report["median_ms"] * 1e-6) < 1e-6 * report["gflops"]
for kernel in report["kernels"]:
    assert set(kernel) == {"name", "ops", "median_ms", "flops", "bytes", "gflops", "gbps", "share_of_limit"}, kernel
    assert kernel["bytes"] > 0 and kernel["median_ms"] > 0 and kernel["share_of_limit"] > 0
