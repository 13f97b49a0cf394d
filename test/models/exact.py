# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a case's results should be: the model with every float computed in f64.

Expected outputs in files come from another implementation that computes in f32, with errors of its own. Where a device
differs from such a file by more than the tolerance, the exact result tells who is wrong: a file that the exact result
itself does not pass judges nobody, and the device is compared with the exact result, at the same tolerance.
"""
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test" / "onnx"))
import messages  # noqa: E402

EXACT = "reference:f64"


def passes(build, case, options, environment=None):
    command = [build / "bin" / "tinyc", "check", *options, case]
    return subprocess.run(command, env=environment, text=True, capture_output=True).returncode == 0


def write_case(build, case, folder):
    """A case in `folder` with the model and the first inputs of `case`, and the exact outputs."""
    graph = messages.read("ModelProto", (case / "model.onnx").read_bytes()).graph
    weights = {weight.name for weight in graph.initializer}
    names = [value.name for value in graph.input if value.name not in weights]
    data = folder / "test_data_set_0"
    data.mkdir(parents=True)
    (folder / "model.onnx").symlink_to((case / "model.onnx").resolve())
    flags = []
    for index, name in enumerate(names):
        source = case / "test_data_set_0" / f"input_{index}.pb"
        (data / source.name).symlink_to(source.resolve())
        flags += ["--input", f"{name}=@{source}"]
    results = folder / "results"
    subprocess.run([build / "bin" / "tinyc", "run", folder / "model.onnx", "--device", EXACT, *flags, "--output-dir",
                    results], check=True, capture_output=True)
    for index, value in enumerate(graph.output):
        os.rename(results / (value.name.replace("/", "_") + ".npy"), data / f"output_{index}.npy")


def judge(build, case, device, tolerance, environment, folder):
    """Of a case that failed on a device: whether the device is right all the same, since the file is not."""
    if passes(build, case, ["--device", EXACT, *tolerance]):
        return False
    write_case(build, case, folder)
    return passes(build, folder, ["--device", device, *tolerance], environment)
