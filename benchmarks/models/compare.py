#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Latency of models under tinyc and under ONNX Runtime, alternating in one run.

    benchmarks/models/compare.py FOLDER [MODEL ..] [--tinyc build/bin/tinyc] [--threads 1] [--rounds 5] [--json F]

FOLDER holds a folder a model, each with model.onnx and, as the ONNX backend tests have them, test_data_set_0/input_K.pb
(random inputs where there are none). Both compute on the same inputs: denormal numbers, say, take their time. A round is
one `tinyc bench` of the compiled artefact, then as much time of ONNX Runtime; the figure of a model is the median of its
rounds' medians, the ratio the median of the rounds' ratios. Models that one of the two cannot run are listed as such,
with its reason. Needs onnxruntime, onnx and numpy.

With --kernels, each model's slowest kernels are listed too: how much of the run they take, and which share of the
machine's limit (--gflops, --gbps) they reach.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time

import numpy
import onnx
import onnxruntime


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder")
    parser.add_argument("models", nargs="*", help="folders to take; by default all")
    parser.add_argument("--tinyc", default="build/bin/tinyc")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--kernels", type=int, default=0, metavar="N", help="list the N slowest kernels of each model")
    parser.add_argument("--gflops", type=float, default=220, help="the machine's limit, for --kernels")
    parser.add_argument("--gbps", type=float, default=14, help="the machine's limit, for --kernels")
    parser.add_argument("--realtime", action="store_true", help="SCHED_FIFO, which steadies figures on a busy machine")
    parser.add_argument("--json")
    return parser.parse_args()


class OnnxRuntime:
    """A session with the data set's inputs."""

    TYPES = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(double)": "float64",
             "tensor(int64)": "int64", "tensor(int32)": "int32", "tensor(uint8)": "uint8", "tensor(bool)": "bool"}

    def __init__(self, folder, threads):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        path = os.path.join(folder, "model.onnx")
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.inputs = {}
        for i, value in enumerate(self.session.get_inputs()):
            data = os.path.join(folder, "test_data_set_0", f"input_{i}.pb")
            if os.path.exists(data):
                tensor = onnx.TensorProto()
                with open(data, "rb") as file:
                    tensor.ParseFromString(file.read())
                self.inputs[value.name] = onnx.numpy_helper.to_array(tensor)
            else:
                shape = [size if isinstance(size, int) else 1 for size in value.shape]
                self.inputs[value.name] = numpy.random.default_rng(i).random(shape).astype(self.TYPES[value.type])

    def bench(self, seconds):
        """Median milliseconds of at least 10 runs and `seconds`, after warming up."""
        for _ in range(3):
            self.session.run(None, self.inputs)
        times, start = [], time.perf_counter()
        while len(times) < 10 or time.perf_counter() - start < seconds:
            before = time.perf_counter()
            self.session.run(None, self.inputs)
            times.append((time.perf_counter() - before) * 1e3)
        return statistics.median(times)


def run_tinyc(arguments, *command):
    result = subprocess.run([arguments.tinyc, *command], capture_output=True, text=True)
    if result.returncode != 0:
        lines = [line for line in result.stderr.splitlines() if "error" in line] or [f"exit code {result.returncode}"]
        raise RuntimeError(lines[0])


def compare(arguments, name):
    folder = os.path.join(arguments.folder, name)
    row = {"model": name}
    try:
        peer = OnnxRuntime(folder, arguments.threads)
        row["onnxruntime_ms"] = peer.bench(0.2)
    except Exception as error:  # whatever onnxruntime raises is the reason
        row["onnxruntime_error"] = str(error)
        peer = None
    with tempfile.TemporaryDirectory() as work:
        artefact, report = os.path.join(work, "model.tinyc"), os.path.join(work, "bench.json")
        try:
            # Dimensions that the model leaves open are those of the inputs that the peer gets.
            shapes = [f"--shape={value.name}={'x'.join(map(str, peer.inputs[value.name].shape))}"
                      for value in (peer.session.get_inputs() if peer else [])
                      if any(not isinstance(size, int) for size in value.shape)]
            run_tinyc(arguments, "compile", os.path.join(folder, "model.onnx"), "-o", artefact, *shapes)
            inputs = []
            for i, (name, value) in enumerate(peer.inputs.items() if peer else []):
                numpy.save(os.path.join(work, f"{i}.npy"), value)
                inputs.append(f"--input={name}=@{work}/{i}.npy")
        except RuntimeError as error:
            row["tinyc_error"] = str(error)
            return row
        ours, theirs = [], []
        for _ in range(arguments.rounds):
            run_tinyc(arguments, "bench", artefact, "--threads", str(arguments.threads), "--json", report, *inputs)
            with open(report) as file:
                bench = json.load(file)
            ours.append(bench["median_ms"])
            if peer:
                theirs.append(peer.bench(1.0))
    row["tinyc_ms"] = statistics.median(ours)
    row["kernels"] = bench["kernels"]
    if theirs:
        row["onnxruntime_ms"] = statistics.median(theirs)
        row["ratio"] = statistics.median(a / b for a, b in zip(ours, theirs))
    return row


def print_kernels(arguments, row):
    total = sum(kernel["median_ms"] for kernel in row["kernels"]) or 1
    for kernel in sorted(row["kernels"], key=lambda k: -k["median_ms"])[: arguments.kernels]:
        share = max(kernel["gflops"] / arguments.gflops, kernel["gbps"] / arguments.gbps)
        print(f"    {kernel['median_ms']:9.4f} ms {100 * kernel['median_ms'] / total:5.1f}%  {kernel['gflops']:7.1f} "
              f"GFLOP/s {kernel['gbps']:6.1f} GB/s  {100 * share:4.0f}% of the limit  {kernel['name']}")


def main():
    arguments = parse_arguments()
    if arguments.realtime:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
    names = arguments.models or sorted(
        name for name in os.listdir(arguments.folder)
        if os.path.exists(os.path.join(arguments.folder, name, "model.onnx")))
    rows = []
    print(f"{'model':20} {'tinyc':>12} {'onnxruntime':>14}    ratio   ({arguments.threads} threads)")
    for name in names:
        row = compare(arguments, name)
        rows.append(row)
        time_of = lambda key: f"{row[key]:9.3f} ms" if key in row else "-"
        text = f"{row['ratio']:5.2f}" if "ratio" in row else row.get("tinyc_error", row.get("onnxruntime_error", ""))
        print(f"{name:20} {time_of('tinyc_ms'):>12} {time_of('onnxruntime_ms'):>14}    {text}", flush=True)
        if arguments.kernels and "kernels" in row:
            print_kernels(arguments, row)
    ratios = [row["ratio"] for row in rows if "ratio" in row]
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios)) if ratios else None
    if mean:
        print(f"geometric mean of {len(ratios)} of {len(rows)} models: {mean:.2f}; largest {max(ratios):.2f}")
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump({"threads": arguments.threads, "onnxruntime": onnxruntime.__version__, "models": rows,
                       "geometric_mean": mean}, file, indent=2)
    return 0 if ratios else 1


if __name__ == "__main__":
    sys.exit(main())
