#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiles large models of every kind that large_model.py knows, and asks that time grows as the model does.

    scaling.py --build build [--nodes 100000] [KIND..]

Prints the processor time of each and a last line `scaling: N passed, N failed, N skipped`. A time is compared with that
of a model of a tenth of the size: four times in proportion is a failure, which linear growth never comes near, and a
stage that takes time by pairs of kernels (a hundred times) cannot hide in.
"""
import argparse
import pathlib
import resource
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import large_model  # noqa: E402


def compile_time(build, kind, nodes, folder):
    """Processor seconds, or a message."""
    model = folder / f"{kind}-{nodes}.onnx"
    text = subprocess.run([sys.executable, ROOT / "test/models/large_model.py", kind, str(nodes)], check=True,
                          capture_output=True).stdout
    encode = ["protoc", "--encode=tinyc.onnx.ModelProto", f"--proto_path={ROOT}", ROOT / "lib/Onnx/onnx.proto"]
    model.write_bytes(subprocess.run(encode, input=text, check=True, capture_output=True).stdout)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [build / "bin" / "tinyc", "compile", model, "-o", folder / "model.tinyc"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800, env={"TINYC_CACHE_SIZE": "0"})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        return f"exit code {done.returncode}: {done.stderr.strip()[-500:]}"
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build", type=pathlib.Path)
    parser.add_argument("--nodes", default=100000, type=int)
    parser.add_argument("kinds", nargs="*", default=[kind for kind in large_model.KINDS if kind != "nested"])
    arguments = parser.parse_args()
    passed = failed = 0
    for kind in arguments.kinds:
        with tempfile.TemporaryDirectory() as folder:
            times = [compile_time(arguments.build.resolve(), kind, nodes, pathlib.Path(folder))
                     for nodes in (arguments.nodes // 10, arguments.nodes)]
        wrong = [time for time in times if isinstance(time, str)]
        good = not wrong and times[1] <= 40 * times[0]
        passed, failed = passed + good, failed + (not good)
        said = wrong[0] if wrong else f"{times[0]:.2f} s, {times[1]:.2f} s, {times[1] / times[0]:.1f} times as long"
        print(f"{kind}: {arguments.nodes // 10} and {arguments.nodes} nodes: {said}", flush=True)
    print(f"scaling: {passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
